// Rows of the journal, read back. Used by readers, by the rebuild of the head and by the writer
// when it takes up a known run.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "model/batch.hpp"
#include "store/sqlite.hpp"

namespace volta {

struct JournalRow {
  std::int64_t accepted = 0;
  std::uint64_t seq = 0;
  const DecodedBatch* batch = nullptr;  // lives until the visitor returns
};

struct VisitedGroup {
  std::int64_t last_row = 0;  // that there was; 0: none
  std::uint64_t broken = 0;   // rows that did not decode; with the keyframe, none can
};

// Decodes the rows of a group whose sequence is at most `last_seq`, in order. A row that does not
// decode is logged and passed over. The read transaction ends every few hundred rows, so that a
// long read never keeps the WAL from being reset.
VisitedGroup visit_group(Connection& connection, std::int64_t keyframe_id, std::uint64_t last_seq,
                         const std::function<void(const JournalRow&)>& visit);

// Fills `batch` but for key_seq from a row of "id, accepted, seq, slots, first_ms, span_ms, points,
// payload"; its payload keeps its capacity from row to row.
void read_journal_row(const Query& query, EncodedBatch& batch);
// Now and then, of the many times that one is met.
void log_broken_row(std::int64_t row, const Error& error);

// The first batch of a group; empty if it is gone.
std::optional<DecodedBatch> read_keyframe(Connection& connection, std::int64_t keyframe_id);

}  // namespace volta
