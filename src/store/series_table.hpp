// All series, in memory. Ids are given out here and stored with the first commit that uses them, so
// an id that was never used may be given out again after a restart; one that was used never is,
// even when its series is deleted.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.hpp"
#include "model/store.hpp"
#include "store/id_hash_set.hpp"
#include "store/id_table.hpp"
#include "store/series_hash.hpp"
#include "store/series_index.hpp"
#include "store/sqlite.hpp"

namespace volta {

// As series.labels has them. Throws StoreError (damaged).
Labels decode_labels(std::span<const std::byte> bytes);

// Thread-safe. Some hundred bytes per series, labels included, where many hosts have the same ones.
// A definition never changes: where an agent defines a known name and labels with another
// type, scale, unit, kind or quality, that is a variant, a series of its own. To readers all
// variants are one series, known by the id of the newest.
class SeriesTable final : public SeriesIndex {
 public:
  using Record = std::shared_ptr<const SeriesRecord>;

  // How many series, variants among them, one host and all foreign ones together may have.
  struct Limits {
    std::size_t of_host = 100'000;
    std::size_t foreign = 1'000'000;
  };

  explicit SeriesTable(const Clock& clock) : SeriesTable(clock, Limits()) {}
  SeriesTable(const Clock& clock, Limits limits)
      : limits_(limits), clock_(clock), born_(clock.monotonic()) {}

  void load(Connection& connection);
  // SeriesId{}: it is new and beyond the limit. No series has this id, so what comes under it is
  // never shown.
  SeriesId resolve(HostId host, const SeriesDef& series);
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::vector<SeriesRecord> find(HostId host,
                                               std::string_view name_glob) const override;
  [[nodiscard]] Record record(SeriesId id) const;  // null: unknown
  // All variants of the series, the newest last; empty if it is not this host's.
  [[nodiscard]] std::vector<Record> variants(HostId host, SeriesId id) const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t size(HostId host) const;           // variants count, too
  [[nodiscard]] std::vector<SeriesId> ids(HostId host) const;  // rising
  // Grows whenever a foreign series is forgotten: ids that were looked up before may be void.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }
  // Kept in step with the table.
  [[nodiscard]] const LabelIndex& index() const { return index_; }

  // For the writer. Those among the ids that have no row yet; unknown ones are a mistake of ours.
  [[nodiscard]] std::vector<Record> unstored(std::span<const SeriesId> ids) const;
  static void insert(Connection& connection, const SeriesRecord& record);
  void mark_stored(std::span<const Record> records);
  [[nodiscard]] bool knows(std::span<const SeriesId> ids) const;
  void forget(HostId host);
  // Forgets those that were not given out for a week, `most` of them at most, and answers which.
  // Who was given an id lately may be about to use it for the first time.
  std::vector<SeriesId> forget_idle(std::span<const SeriesId> ids, std::size_t most);

 private:
  struct Known {
    SeriesRecord::Def def;
    HostId host{};
    std::uint32_t given_out_s = 0;  // when last, since born_; 0: it was not
  };
  // How many hosts' series have the definition.
  struct Shared {
    SeriesRecord::Def def;
    std::size_t series = 0;
  };

  // All of these under mutex_.
  SeriesRecord::Def share(std::uint64_t hash, SeriesDef def);
  void unshare(std::uint64_t hash, const SeriesRecord::Def& def);
  void add(SeriesId id, HostId host, SeriesDef def, std::uint64_t hash);
  void erase(SeriesId id, const Known& known);
  [[nodiscard]] std::vector<SeriesId> kin(HostId host, const SeriesDef& def,
                                          std::uint64_t hash) const;
  [[nodiscard]] const Known* known(SeriesId id) const;
  // For given_out_s.
  [[nodiscard]] std::uint32_t now_s() const;

  const Limits limits_;
  const Clock& clock_;
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> forgotten_{0};
  LabelIndex index_;  // has locks of its own, and is told of changes under mutex_: in their order
  const SeriesHash hash_;
  const std::chrono::nanoseconds born_;  // monotonic
  mutable std::mutex mutex_;
  IdTable<Known> known_;
  std::map<HostId, IdHashSet> by_host_;
  // By hash. Hosts have the same series; what is foreign is hardly there twice, so each has its
  // own.
  std::unordered_multimap<std::uint64_t, Shared> shared_;
  std::unordered_set<SeriesId> unstored_;
  std::uint32_t last_id_ = 0;
};

}  // namespace volta
