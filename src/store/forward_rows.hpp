// Rows of both journals as labelled samples, as who passes them on wants them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/batch.hpp"
#include "model/forward_log.hpp"
#include "store/foreign_row.hpp"
#include "store/host_table.hpp"
#include "store/run_table.hpp"
#include "store/series_table.hpp"
#include "store/sqlite.hpp"

namespace volta {

// What a committed row holds decides the places of its samples, so they are the same each time it
// is read. Rows of series that are gone, or were refused, are left out; so are broken ones, which
// are logged. One thread at a time; keeps what it looked up, within bounds.
class ForwardRows {
 public:
  ForwardRows(const HostTable& hosts, const SeriesTable& series) : hosts_(hosts), series_(series) {}

  // Of the journals, by their id. Throws SqliteFailure, but for pages that are broken.
  std::vector<ForwardRow> of_batch(Connection& connection, std::int64_t id);
  std::vector<ForwardRow> of_foreign(Connection& connection, std::int64_t id);

 private:
  // A row as read_journal_row() wants it.
  std::vector<ForwardRow> expand_batch(Connection& connection, const Query& row);
  // A row of "min_ms, max_ms, series, payload".
  std::vector<ForwardRow> expand_foreign(std::int64_t id, const Query& row);
  struct Known {
    std::shared_ptr<const Labels> labels;
    ValueType type = ValueType::float64;
    std::int8_t scale = 0;
  };
  struct Group {
    HostId host{};
    std::int64_t run = 0;
    KeyValues key;
  };
  const Group* group(Connection& connection, std::int64_t keyframe);
  const SeriesList& slots(Connection& connection, std::int64_t run, std::size_t at_least);
  const Known* known(SeriesId series);
  // Of a slot at these ticks, whose times rise; of two for one time the later.
  static LabeledSamples samples_of(const Known& of, const DecodedBatch& batch, Slot slot,
                                   std::span<const std::size_t> ticks);
  std::vector<ForwardRow> expand(std::uint64_t commit, const DecodedBatch& batch,
                                 const std::vector<SeriesId>& series);

  const HostTable& hosts_;
  const SeriesTable& series_;
  BatchDecoder decoder_;
  ForeignRowCodec codec_;
  EncodedBatch batch_;  // scratch
  ForeignRow foreign_;  // the same
  std::unordered_map<std::int64_t, Group> groups_;
  std::size_t key_values_ = 0;  // in groups_
  std::unordered_map<std::int64_t, SeriesList> slots_;
  std::unordered_map<SeriesId, Known> known_;
};

}  // namespace volta
