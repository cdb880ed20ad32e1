// What the writer knows of each run: the high-water mark that makes delivery exactly-once, and
// where the next batch belongs.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/store.hpp"
#include "store/sqlite.hpp"

namespace volta {

// Rows of both journals are counted together, from 1. No store comes near this number: what a
// database claims beyond it was damaged and is no row's, and above it there is room to count on.
constexpr std::int64_t kMostAccepted = std::int64_t{3} << 61;

// journal.id = keyframe id << kGroupBits | place in the group.
constexpr int kGroupBits = 24;
constexpr std::int64_t kMostRowsOfGroup = std::int64_t{1} << kGroupBits;
constexpr std::int64_t group_start(std::int64_t keyframe_id) { return keyframe_id << kGroupBits; }

using SeriesList = std::shared_ptr<const std::vector<SeriesId>>;

struct RunEntry {
  std::int64_t row = 0;  // run.id; 0: it has none yet
  std::uint64_t durable_seq = 0;
  Sha256 last_hash{};
  std::int64_t keyframe = 0;  // keyframe.id in force; 0: none
  std::uint64_t key_seq = 0;
  std::shared_ptr<const KeyValues> key;
  std::int64_t next_place = 0;  // in the group
  std::int64_t min_ms = 0;      // of the group
  std::int64_t max_ms = 0;
  SeriesList slots;  // stored so far; never null
  std::int64_t touched_ms = 0;

  [[nodiscard]] RunState state() const;
};

using RunKey = std::pair<HostId, RunId>;

// Reads one run; empty if the store does not know it.
std::optional<RunEntry> load_run(Connection& connection, const RunKey& key);

// Series of the slots of a run, by its row.
SeriesList load_slots(Connection& connection, std::int64_t run_row);

// A group of the journal that got rows, and the span of all it has now.
struct ChangedGroup {
  std::int64_t keyframe = 0;
  HostId host{};
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
};

// The runs used lately. Thread-safe; only the writer changes it, after its commits.
class RunTable {
 public:
  [[nodiscard]] std::optional<RunEntry> find(const RunKey& key) const;
  void put(const RunKey& key, RunEntry entry);
  // Drops what was not touched since; it is loaded again when needed.
  void forget_before(std::int64_t ms);
  void forget(HostId host);
  // The keyframes in force for runs used lately: batches that count from them may still come.
  [[nodiscard]] std::unordered_set<std::int64_t> in_force() const;
  // The groups that got rows since the last call, of each run the newest that a commit wrote to:
  // older and newer ones of the same commit are not named. Empty: not known, any may have (at the
  // first call, and after very many). For one caller, the sealer.
  [[nodiscard]] std::optional<std::vector<ChangedGroup>> take_changed();

 private:
  mutable std::mutex mutex_;
  std::map<RunKey, RunEntry> runs_;
  bool counts_changes_ = false;
  std::unordered_map<std::int64_t, ChangedGroup> changed_;  // by keyframe; bounded
};

}  // namespace volta
