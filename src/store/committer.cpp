#include "store/committer.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/log.hpp"

namespace volta {
namespace {

std::int64_t host_number(HostId id) { return static_cast<std::uint32_t>(id); }

std::int64_t payload_bytes(std::span<const JournalEntry> entries,
                           std::span<const ForeignEntry> foreign) {
  std::size_t bytes = 0;
  for (const JournalEntry& entry : entries) bytes += entry.batch.payload.size();
  for (const ForeignEntry& entry : foreign) {
    for (const EncodedForeignRow& row : entry.rows) bytes += row.series.size() + row.payload.size();
  }
  return static_cast<std::int64_t>(bytes);
}

bool is_keyframe(const EncodedBatch& batch) { return batch.key_seq == batch.seq; }

// The series of the slots that the run does not know yet.
std::span<const SeriesId> fresh_slots(const JournalEntry& entry, const RunEntry& run) {
  const std::size_t known = run.slots->size();
  if (entry.batch.slots <= known) return {};
  return std::span(*entry.series).subspan(known, entry.batch.slots - known);
}

// Why the batch cannot follow what the run has; null: it can.
const char* objection(const JournalEntry& entry, const RunEntry& run) {
  const std::vector<SeriesId>& series = *entry.series;
  VOLTA_ASSERT(series.size() >= entry.batch.slots && entry.decoded->ticks() > 0);
  if (entry.batch.seq > INT64_MAX) return "its sequence number is out of range";
  if (!is_keyframe(entry.batch)) {
    if (run.keyframe == 0 || run.key_seq != entry.batch.key_seq) {
      return "its keyframe is not the one in force";
    }
    if (run.next_place >= kMostRowsOfGroup) return "its keyframe has too many batches";
  }
  const std::size_t shared = std::min(series.size(), run.slots->size());
  if (!std::equal(series.begin(), series.begin() + static_cast<std::ptrdiff_t>(shared),
                  run.slots->begin())) {
    return "its slots are other series than before";
  }
  return nullptr;
}

}  // namespace

Committer::Committer(Connection& connection, Parts parts)
    : connection_(connection), parts_(parts), accepted_(parts.hold.newest()) {}

Committer::States Committer::commit(std::span<const JournalEntry> entries,
                                    std::span<const ForeignEntry> foreign) {
  Staged staged;
  States states;
  const std::int64_t accepted_before = accepted_;
  try {
    Transaction transaction(connection_);
    for (const JournalEntry& entry : entries) states.batches.push_back(stage(entry, staged));
    for (const ForeignEntry& entry : foreign) {
      states.foreign.push_back(parts_.foreign.insert(entry, accepted_) ? CommitState::committed
                                                                       : CommitState::failed);
    }
    for (const auto& [key, run] : staged.runs) {
      if (run.row != 0) write_run(run);
    }
    parts_.hold.stage(connection_, accepted_, payload_bytes(entries, foreign));
    transaction.commit();
  } catch (...) {
    accepted_ = accepted_before;
    parts_.hold.rolled_back();
    parts_.foreign.rolled_back();
    throw;
  }
  parts_.foreign.committed();
  parts_.series.mark_stored(staged.series);
  for (auto& [key, run] : staged.runs) {
    if (run.row != 0) parts_.runs.put(key, std::move(run));
  }
  const std::int64_t now = parts_.clock.wall_ms();
  for (const Head::Committed& committed : staged.committed) parts_.head.append(committed, now);
  parts_.hold.committed();
  return states;
}

CommitState Committer::stage(const JournalEntry& entry, Staged& staged) {
  if (!parts_.hosts.exists(entry.host)) return CommitState::failed;
  RunEntry& run = run_of(entry, staged);
  if (entry.batch.seq <= run.durable_seq) return CommitState::committed;
  const char* why = objection(entry, run);
  if (why == nullptr && !parts_.series.knows(fresh_slots(entry, run))) {
    why = "its series were deleted before it used them";
  }
  if (why != nullptr) {
    log::warning("a batch was refused", {{"host", static_cast<std::uint32_t>(entry.host)},
                                         {"sequence", entry.batch.seq},
                                         {"reason", why}});
    return CommitState::failed;
  }
  if (run.row == 0) insert_run({entry.host, entry.run}, run);
  insert_slots(entry, run, staged);
  if (is_keyframe(entry.batch)) begin_group(entry, run);
  insert_batch(entry, run);
  staged.committed.push_back(
      {entry.host, run.row, entry.batch.seq, accepted_, entry.decoded.get(), entry.series});
  return CommitState::committed;
}

RunEntry& Committer::run_of(const JournalEntry& entry, Staged& staged) {
  const RunKey key{entry.host, entry.run};
  const auto found = staged.runs.find(key);
  if (found != staged.runs.end()) return found->second;
  auto known = parts_.runs.find(key);
  if (!known) known = load_run(connection_, key);
  if (!known) {
    known.emplace();
    known->slots = std::make_shared<const std::vector<SeriesId>>();
  }
  known->touched_ms = parts_.clock.wall_ms();
  return staged.runs.emplace(key, std::move(*known)).first->second;
}

void Committer::insert_run(const RunKey& key, RunEntry& run) {
  connection_
      .query(
          "INSERT INTO run(host_id, run, durable_seq, last_hash, last_ms, last_accepted,"
          " keyframe_id) VALUES (?,?,0,?,0,0,0)")
      .with(host_number(key.first), std::span<const std::uint8_t>(key.second),
            std::span<const std::uint8_t>(run.last_hash))
      .run();
  run.row = connection_.last_insert_id();
}

void Committer::insert_slots(const JournalEntry& entry, RunEntry& run, Staged& staged) {
  const std::size_t known = run.slots->size();
  const std::span<const SeriesId> fresh = fresh_slots(entry, run);
  if (fresh.empty()) return;
  for (SeriesTable::Record& record : parts_.series.unstored(fresh)) {
    SeriesTable::insert(connection_, *record);
    staged.series.push_back(std::move(record));
  }
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    connection_.query("INSERT INTO slot VALUES (?,?,?)")
        .with(run.row, static_cast<std::int64_t>(known + i),
              std::int64_t{static_cast<std::uint32_t>(fresh[i])})
        .run();
  }
  run.slots = std::make_shared<const std::vector<SeriesId>>(
      entry.series->begin(), entry.series->begin() + entry.batch.slots);
}

void Committer::begin_group(const JournalEntry& entry, RunEntry& run) {
  const auto& times = entry.decoded->times_ms;
  const auto [least, most] = std::minmax_element(times.begin(), times.end());
  run.min_ms = *least;
  run.max_ms = *most;
  connection_
      .query(
          "INSERT INTO keyframe(host_id, run_id, seq, min_ms, max_ms, points)"
          " VALUES (?,?,?,?,?,0)")
      .with(host_number(entry.host), run.row, static_cast<std::int64_t>(entry.batch.seq),
            run.min_ms, run.max_ms)
      .run();
  run.keyframe = connection_.last_insert_id();
  run.key_seq = entry.batch.seq;
  run.key = std::make_shared<const KeyValues>(key_values(*entry.decoded));
  run.next_place = 0;
}

void Committer::insert_batch(const JournalEntry& entry, RunEntry& run) {
  const EncodedBatch& batch = entry.batch;
  const auto span = static_cast<std::int64_t>(static_cast<std::uint64_t>(batch.last_ms) -
                                              static_cast<std::uint64_t>(batch.first_ms));
  connection_.query("INSERT INTO journal VALUES (?,?,?,?,?,?,?,?)")
      .with(group_start(run.keyframe) + run.next_place, ++accepted_,
            static_cast<std::int64_t>(batch.seq), std::int64_t{batch.slots}, batch.first_ms, span,
            std::int64_t{batch.points}, std::span<const std::byte>(batch.payload))
      .run();
  ++run.next_place;
  const std::int64_t min_before = run.min_ms;
  for (const std::int64_t time : entry.decoded->times_ms) {
    run.min_ms = std::min(run.min_ms, time);
    run.max_ms = std::max(run.max_ms, time);
  }
  connection_.query("UPDATE keyframe SET max_ms=?, points=points+? WHERE id=?")
      .with(run.max_ms, std::int64_t{batch.points}, run.keyframe)
      .run();
  if (run.min_ms != min_before) {  // rare, and would write both indexes' pages at each commit
    connection_.query("UPDATE keyframe SET min_ms=? WHERE id=?")
        .with(run.min_ms, run.keyframe)
        .run();
  }
  run.durable_seq = batch.seq;
  run.last_hash = sha256(batch.payload);
}

void Committer::write_run(const RunEntry& run) {
  connection_
      .query(
          "UPDATE run SET durable_seq=?, last_hash=?, last_ms=?, last_accepted=?, keyframe_id=?"
          " WHERE id=?")
      .with(static_cast<std::int64_t>(run.durable_seq),
            std::span<const std::uint8_t>(run.last_hash), run.touched_ms, accepted_, run.keyframe,
            run.row)
      .run();
}

}  // namespace volta
