#include "store/run_table.hpp"

#include <algorithm>

#include "store/journal_row.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostChanged = 200'000;

}  // namespace

RunState RunEntry::state() const {
  RunState state;
  state.durable_seq = durable_seq;
  state.last_hash = last_hash;
  state.key_seq = key_seq;
  if (key != nullptr) state.key = *key;
  return state;
}

SeriesList load_slots(Connection& connection, std::int64_t run_row) {
  auto slots = std::make_shared<std::vector<SeriesId>>();
  Query query = connection.query("SELECT series_id FROM slot WHERE run_id=? ORDER BY slot");
  query.with(run_row);
  while (query.step()) {
    slots->push_back(SeriesId(static_cast<std::uint32_t>(query.integer(0))));
  }
  return slots;
}

std::optional<RunEntry> load_run(Connection& connection, const RunKey& key) {
  RunEntry run;
  {
    Query query = connection.query(
        "SELECT id, durable_seq, last_hash, keyframe_id, last_ms FROM run WHERE host_id=? AND "
        "run=?");
    query.with(std::int64_t{static_cast<std::uint32_t>(key.first)},
               std::span<const std::uint8_t>(key.second));
    if (!query.step()) return std::nullopt;
    run.row = query.integer(0);
    run.durable_seq = static_cast<std::uint64_t>(query.integer(1));
    const auto stored = query.blob(2);
    if (stored.size() == run.last_hash.size()) {
      std::transform(stored.begin(), stored.end(), run.last_hash.begin(),
                     [](std::byte byte) { return static_cast<std::uint8_t>(byte); });
    }
    run.keyframe = query.integer(3);
    run.touched_ms = query.integer(4);
  }
  run.slots = load_slots(connection, run.row);
  Query group = connection.query("SELECT seq, min_ms, max_ms FROM keyframe WHERE id=?");
  group.with(run.keyframe);
  const auto keyframe = group.step() ? read_keyframe(connection, run.keyframe) : std::nullopt;
  if (!keyframe) {  // retention took it: the agent has to begin with a new one
    run.keyframe = 0;
    return run;
  }
  run.key_seq = static_cast<std::uint64_t>(group.integer(0));
  run.min_ms = group.integer(1);
  run.max_ms = group.integer(2);
  run.key = std::make_shared<const KeyValues>(key_values(*keyframe));
  Query last = connection.query("SELECT max(id) FROM journal WHERE id >= ? AND id < ?");
  last.with(group_start(run.keyframe), group_start(run.keyframe + 1));
  if (last.step()) run.next_place = last.integer(0) - group_start(run.keyframe) + 1;
  return run;
}

std::optional<RunEntry> RunTable::find(const RunKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(key);
  if (found == runs_.end()) return std::nullopt;
  return found->second;
}

void RunTable::put(const RunKey& key, RunEntry entry) {
  const std::lock_guard lock(mutex_);
  if (counts_changes_) {
    changed_[entry.keyframe] = {entry.keyframe, key.first, entry.min_ms, entry.max_ms};
    if (changed_.size() > kMostChanged) {  // nobody takes them
      changed_.clear();
      counts_changes_ = false;
    }
  }
  runs_[key] = std::move(entry);
}

std::optional<std::vector<ChangedGroup>> RunTable::take_changed() {
  const std::lock_guard lock(mutex_);
  if (!counts_changes_) {
    counts_changes_ = true;
    return std::nullopt;
  }
  std::vector<ChangedGroup> taken;
  taken.reserve(changed_.size());
  for (const auto& [keyframe, group] : changed_) taken.push_back(group);
  changed_.clear();
  return taken;
}

void RunTable::forget_before(std::int64_t ms) {
  const std::lock_guard lock(mutex_);
  std::erase_if(runs_, [&](const auto& run) { return run.second.touched_ms < ms; });
}

void RunTable::forget(HostId host) {
  const std::lock_guard lock(mutex_);
  std::erase_if(runs_, [&](const auto& run) { return run.first.first == host; });
}

std::unordered_set<std::int64_t> RunTable::in_force() const {
  const std::lock_guard lock(mutex_);
  std::unordered_set<std::int64_t> keyframes;
  for (const auto& [key, run] : runs_) keyframes.insert(run.keyframe);
  return keyframes;
}

}  // namespace volta
