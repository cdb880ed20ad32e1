#include "store/journal_row.hpp"

#include <atomic>
#include <bit>

#include "base/log.hpp"
#include "store/run_table.hpp"

namespace volta {
namespace {

constexpr std::int64_t kRowsOfOneRead = 1000;

constexpr const char* kRows =
    "SELECT id, accepted, seq, slots, first_ms, span_ms, points, payload FROM journal"
    " WHERE id >= ? AND id < ? AND seq <= ? ORDER BY id LIMIT ?";

}  // namespace

void read_journal_row(const Query& query, EncodedBatch& batch) {
  batch.seq = static_cast<std::uint64_t>(query.integer(2));
  batch.slots = static_cast<std::uint32_t>(query.integer(3));
  batch.first_ms = query.integer(4);
  batch.last_ms = static_cast<std::int64_t>(static_cast<std::uint64_t>(batch.first_ms) +
                                            static_cast<std::uint64_t>(query.integer(5)));
  batch.points = static_cast<std::uint32_t>(query.integer(6));
  const auto payload = query.blob(7);
  batch.payload.assign(payload.begin(), payload.end());
}

// A damaged day has 86400 of them, and each query meets them again: ever rarer lines.
void log_broken_row(std::int64_t row, const Error& error) {
  static std::atomic<std::uint64_t> met{0};
  const std::uint64_t count = ++met;
  if (!std::has_single_bit(count)) return;
  log::error("a batch in the store does not decode and is left out",
             {{"row", row}, {"error", error.text}, {"met_so_far", count}});
}

std::optional<DecodedBatch> read_keyframe(Connection& connection, std::int64_t keyframe_id) {
  Query query = connection.query(kRows);
  query.with(group_start(keyframe_id), group_start(keyframe_id) + 1, INT64_MAX, std::int64_t{1});
  if (!query.step()) return std::nullopt;
  EncodedBatch batch;
  read_journal_row(query, batch);
  batch.key_seq = batch.seq;
  auto decoded = decode_batch(batch, {});
  if (decoded) return std::move(*decoded);
  log_broken_row(query.integer(0), decoded.error());
  return std::nullopt;
}

VisitedGroup visit_group(Connection& connection, std::int64_t keyframe_id, std::uint64_t last_seq,
                         const std::function<void(const JournalRow&)>& visit) {
  VisitedGroup visited;
  BatchDecoder decoder;
  EncodedBatch batch;
  KeyValues key;
  const std::int64_t end = group_start(keyframe_id + 1);
  const auto most_seq = static_cast<std::int64_t>(std::min<std::uint64_t>(last_seq, INT64_MAX));
  for (std::int64_t next = group_start(keyframe_id);;) {
    Query query = connection.query(kRows);
    query.with(next, end, most_seq, kRowsOfOneRead);
    std::int64_t rows = 0;
    for (; query.step(); ++rows) {
      visited.last_row = query.integer(0);
      next = visited.last_row + 1;
      const bool keyframe = next == group_start(keyframe_id) + 1;
      read_journal_row(query, batch);
      batch.key_seq = keyframe ? batch.seq : 0;
      const auto decoded = decoder.decode(batch, key);
      if (!decoded) {
        log_broken_row(next - 1, decoded.error());
        ++visited.broken;
        if (keyframe) return visited;  // nothing after it can be read
        continue;
      }
      if (keyframe) key = key_values(**decoded);
      visit({query.integer(1), batch.seq, *decoded});
    }
    if (rows < kRowsOfOneRead) return visited;
  }
}

}  // namespace volta
