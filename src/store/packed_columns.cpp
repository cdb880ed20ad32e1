#include "store/packed_columns.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace volta {

PackedColumns::PackedColumns(std::size_t columns, ReadScratch& scratch)
    : scratch_(scratch), pieces_(columns) {
  scratch_.bytes.clear();
  scratch_.ticks.clear();
}

// Packs of one hour mostly have the same times. Where each series has its own, it is no use to look
// for them among many.
std::uint32_t PackedColumns::times_index(const OpenPack& open, const PackEntry& entry) {
  constexpr std::size_t kMostCompared = 4;
  const bool looked = !times_.empty() && known_row_ == open.row.id;  // a damaged id may be anything
  if (looked && known_entry_times_ == entry.times) return known_times_;
  if (known_end_ms_ != open.row.end_ms) first_of_end_ = times_.size();
  known_end_ms_ = open.row.end_ms;
  known_row_ = open.row.id;
  known_entry_times_ = entry.times;
  const auto ticks = open.pack.times_ms(entry);
  const std::size_t first =
      std::max(first_of_end_, times_.size() - std::min(kMostCompared, times_.size()));
  for (std::size_t i = first; i < times_.size(); ++i) {
    const auto known = ticks_of(static_cast<std::uint32_t>(i));
    if (!std::equal(known.begin(), known.end(), ticks.begin(), ticks.end())) continue;
    known_times_ = static_cast<std::uint32_t>(i);
    return known_times_;
  }
  known_times_ = static_cast<std::uint32_t>(times_.size());
  times_.push_back({scratch_.ticks.size(), ticks.size()});
  scratch_.ticks.insert(scratch_.ticks.end(), ticks.begin(), ticks.end());
  return known_times_;
}

void PackedColumns::add(std::size_t column, const OpenPack& open, const PackEntry& entry,
                        std::int8_t scale, BadPacks& bad) {
  const auto bytes = PackReader::column_of(open.pack, entry, column_bytes(open, entry));
  if (!bytes) {
    bad.report_column(open.row, entry.series, bytes.error().text);
    return;
  }
  if (rows_.empty() || rows_.back().id != open.row.id) rows_.push_back(open.row);
  Piece piece;
  piece.offset = scratch_.bytes.size();
  piece.length = static_cast<std::uint32_t>(bytes->size());
  piece.row = static_cast<std::uint32_t>(rows_.size() - 1);
  piece.times = times_index(open, entry);
  piece.series = entry.series;
  piece.type = entry.type;
  piece.scale = scale;
  scratch_.bytes.insert(scratch_.bytes.end(), bytes->begin(), bytes->end());
  pieces_[column].push_back(piece);
}

// From now on the times of so many pieces are known to stand in scratch_.times_ms, and no others.
void PackedColumns::keep_shown(std::size_t pieces) {
  while (shown_.size() > pieces) {
    shown_ticks_ -= times_[shown_.back()].count;
    shown_.pop_back();
  }
  scratch_.times_ms.resize(shown_ticks_);
}

// The times of the column's piece at `place`, behind those of the pieces before it; mostly they
// stand there already, since the series shown before has the same.
void PackedColumns::add_times(std::size_t place, const Piece& piece, std::size_t count,
                              std::span<const std::uint32_t> ticks) {
  const auto all = ticks_of(piece.times);
  const bool whole = count == all.size();
  if (whole && place < shown_.size() && shown_[place] == piece.times) return;
  if (place < shown_.size()) keep_shown(place);
  if (!whole) {
    for (const std::uint32_t tick : ticks) scratch_.times_ms.push_back(all[tick]);
    return;
  }
  scratch_.times_ms.insert(scratch_.times_ms.end(), all.begin(), all.end());
  if (shown_.size() != place) return;  // a piece before it has gaps
  shown_.push_back(piece.times);
  shown_ticks_ += all.size();
}

PackedColumns::Samples PackedColumns::decode(std::size_t column, BadPacks& bad) {
  column_ = column;
  scratch_.values.clear();
  counts_.clear();
  scratch_.times_ms.resize(shown_ticks_);
  Samples samples;
  samples.known = {true, true};
  const std::vector<Piece>& pieces = pieces_[column];
  for (std::size_t place = 0; place < pieces.size(); ++place) {
    const Piece& piece = pieces[place];
    const std::size_t before = scratch_.values.size();
    const auto added = scratch_.decoder.append_doubles(
        std::span(scratch_.bytes).subspan(piece.offset, piece.length), piece.type, piece.scale,
        times_[piece.times].count, scratch_.values);
    if (!added) bad.report_column(rows_[piece.row], piece.series, added.error().text);
    counts_.push_back(scratch_.values.size() - before);
    add_times(place, piece, counts_.back(),
              added ? added->ticks : std::span<const std::uint32_t>());
    if (before == scratch_.values.size()) continue;
    samples.known.no_nan = samples.known.no_nan && added->known.no_nan;
    samples.known.no_drop = samples.known.no_drop && added->known.no_drop;
    if (before == 0) continue;
    samples.rising = samples.rising && scratch_.times_ms[before - 1] < scratch_.times_ms[before];
    samples.known.no_drop =
        samples.known.no_drop && scratch_.values[before - 1] <= scratch_.values[before];
  }
  samples.times_ms = std::span(scratch_.times_ms).first(scratch_.values.size());
  samples.values = scratch_.values;
  return samples;
}

PackedColumns::Samples PackedColumns::extended(const Samples& decoded, const GrowingColumn& later) {
  KnownValues known = decoded.known;
  double before =
      decoded.values.empty() ? -std::numeric_limits<double>::infinity() : decoded.values.back();
  for (const double value : later.values) {
    known.no_nan = known.no_nan && !std::isnan(value);
    known.no_drop = known.no_drop && before <= value;
    before = value;
  }
  const std::size_t pieces = pieces_[column_].size();
  if (shown_.size() > pieces) keep_shown(pieces);
  scratch_.times_ms.insert(scratch_.times_ms.end(), later.times_ms.begin(), later.times_ms.end());
  scratch_.values.insert(scratch_.values.end(), later.values.begin(), later.values.end());
  return {scratch_.times_ms, scratch_.values, decoded.rising, known};
}

GrowingColumn PackedColumns::mixed() const {
  GrowingColumn all;
  const std::vector<Piece>& pieces = pieces_[column_];
  for (std::size_t place = 0; place < pieces.size(); ++place) {
    const auto from = static_cast<std::ptrdiff_t>(all.times_ms.size());
    const auto to = from + static_cast<std::ptrdiff_t>(counts_[place]);
    if (from == to) continue;
    all.begin(rows_[pieces[place].row].accepted);
    all.times_ms.insert(all.times_ms.end(), scratch_.times_ms.begin() + from,
                        scratch_.times_ms.begin() + to);
    all.values.insert(all.values.end(), scratch_.values.begin() + from,
                      scratch_.values.begin() + to);
  }
  return all;
}

}  // namespace volta
