// What the store offers to the folders above it. Implemented by store/; everything here is
// thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crypto.hpp"
#include "base/result.hpp"
#include "model/batch.hpp"
#include "model/series.hpp"

namespace volta {

struct HostRecord {
  HostId id{};
  std::string uid;   // 16 hex digits, random; what the API shows. Never reused
  std::string name;  // unique among hosts that were not removed
  bool disabled = false;
  std::int64_t created_ms = 0;
  std::int64_t last_seen_ms = 0;  // server clock; 0: never
  std::string agent_version;
  std::string facts_json = "{}";
  std::int64_t clock_offset_ms = 0;  // agent - server, at its last hello
};

class HostDirectory {
 public:
  virtual ~HostDirectory() = default;
  [[nodiscard]] virtual std::vector<HostRecord> list() const = 0;  // by name
  [[nodiscard]] virtual std::optional<HostRecord> find(std::string_view name_or_uid) const = 0;
  [[nodiscard]] virtual std::optional<HostRecord> find(HostId id) const = 0;
  // In time that does not depend on how much of it matches.
  [[nodiscard]] virtual std::optional<HostRecord> find_by_token(const Sha256& token_hash) const = 0;
  // Refuses a name that is taken, empty, longer than 253 bytes or has characters other than
  // [A-Za-z0-9._-].
  virtual Result<HostRecord> add(const std::string& name, const Sha256& token_hash) = 0;
  virtual Result<void> set_disabled(HostId id, bool disabled) = 0;
  virtual Result<void> set_token(HostId id, const Sha256& token_hash) = 0;  // the old one is void
  virtual Result<void> remove(HostId id) = 0;                               // with all its data
  virtual void saw(HostId id, const std::string& agent_version, const std::string& facts_json,
                   std::int64_t clock_offset_ms, std::int64_t now_ms) = 0;
};

// Highest committed sequence of a run, with what is needed to go on decoding it.
struct RunState {
  std::uint64_t durable_seq = 0;
  Sha256 last_hash{};         // SHA-256 of the payload of durable_seq
  std::uint64_t key_seq = 0;  // keyframe in force; 0: none
  KeyValues key;
};

enum class CommitState : std::uint8_t { committed, disk_full, failed };

struct JournalEntry {
  HostId host{};
  RunId run{};
  EncodedBatch batch;
  std::shared_ptr<const DecodedBatch> decoded;
  std::shared_ptr<const std::vector<SeriesId>> series;  // of the slots; at least batch.slots long
  // Called once, on the writer's thread, after COMMIT (or when that failed). Must not block or
  // throw.
  std::function<void(CommitState)> done;
};

class Journal {
 public:
  virtual ~Journal() = default;
  // The series' id, new or as it was; the row is committed no later than the first batch that uses
  // it.
  virtual SeriesId resolve(HostId host, const SeriesDef& series) = 0;
  [[nodiscard]] virtual RunState run_state(HostId host, const RunId& run) const = 0;
  // Queues for the next group commit. Entries of one run must come in rising sequence. False: the
  // queue (64 MiB) is full or the store is read-only now; nothing was taken, `done` is not called.
  virtual bool append(JournalEntry entry) = 0;
};

// A series under its id. Copies share the definition, as may the series of many hosts.
struct SeriesRecord {
  using Def = std::shared_ptr<const SeriesDef>;

  SeriesRecord() : SeriesRecord({}, {}, SeriesDef()) {}
  SeriesRecord(SeriesId number, HostId owner, SeriesDef what)
      : SeriesRecord(number, owner, std::make_shared<const SeriesDef>(std::move(what))) {}
  SeriesRecord(SeriesId number, HostId owner, Def what)
      : id(number), host(owner), shared(std::move(what)), def(*shared) {}
  SeriesRecord(const SeriesRecord&) = default;
  // Made anew, for a reference cannot be made to mean something else.
  SeriesRecord& operator=(const SeriesRecord& other) {
    if (this == &other) return *this;
    std::destroy_at(this);
    return *std::construct_at(this, other);
  }
  ~SeriesRecord() = default;

  SeriesId id;
  HostId host;
  Def shared;  // never null
  const SeriesDef& def;
};

class SeriesIndex {
 public:
  virtual ~SeriesIndex() = default;
  // All series of a host whose name matches the glob, ordered by name, then labels.
  [[nodiscard]] virtual std::vector<SeriesRecord> find(HostId host,
                                                       std::string_view name_glob) const = 0;
};

// Samples of one series, in rising time, one per time (of duplicates the last accepted).
struct SampleColumn {
  SeriesId series{};
  std::vector<std::int64_t> times_ms;
  std::vector<double> values;  // in the series' unit
};

struct LatestSample {
  SeriesId series{};
  std::int64_t time_ms = 0;
  double value = 0;
  std::optional<double>
      rate;  // per second over the last two samples; counters only, never negative
};

class RangeReader {
 public:
  virtual ~RangeReader() = default;
  // Samples with start_ms <= time <= end_ms, a column per asked series in the order asked.
  [[nodiscard]] virtual std::vector<SampleColumn> read(HostId host,
                                                       std::span<const SeriesId> series,
                                                       std::int64_t start_ms,
                                                       std::int64_t end_ms) const = 0;
  // The newest sample of each series of the host that has one in memory.
  [[nodiscard]] virtual std::vector<LatestSample> latest(HostId host) const = 0;
  // Time of the oldest sample still kept for the host; empty: there is none.
  [[nodiscard]] virtual std::optional<std::int64_t> oldest_ms(HostId host) const = 0;
};

// Who hears of batches as they come in, before they are committed. Called on the ingest's thread:
// must not block.
class BatchListener {
 public:
  virtual ~BatchListener() = default;
  // `series` are the records of the batch's slots.
  virtual void on_batch(HostId host, const DecodedBatch& batch,
                        std::span<const std::shared_ptr<const SeriesRecord>> series) = 0;
};

}  // namespace volta
