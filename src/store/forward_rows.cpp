#include "store/forward_rows.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/log.hpp"
#include "store/journal_row.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostForwardGroups = 1'024;
constexpr std::size_t kMostForwardKeyValues = 1'000'000;
constexpr std::size_t kMostForwardSeries = 200'000;

std::shared_ptr<const Labels> forward_labels(const SeriesDef& def, const std::string* host) {
  auto labels = std::make_shared<Labels>(def.labels);
  labels->emplace_back(kNameLabel, def.name);
  if (host != nullptr) {
    std::erase_if(*labels, [](const auto& label) { return label.first == kHostLabel; });
    labels->emplace_back(kHostLabel, *host);
  }
  std::sort(labels->begin(), labels->end());
  return labels;
}

// Nothing, where the database is broken under the row: who passes on what comes must get past it.
template <typename Read>
std::vector<ForwardRow> unless_broken(std::int64_t id, Read read) {
  try {
    return read();
  } catch (const SqliteFailure& failure) {
    if (!failure.damaged()) throw;
    log_broken_row(id, Error{failure.what()});
    return {};
  }
}

}  // namespace

std::vector<ForwardRow> ForwardRows::of_batch(Connection& connection, std::int64_t id) {
  return unless_broken(id, [&]() -> std::vector<ForwardRow> {
    Query row = connection.query(
        "SELECT id, accepted, seq, slots, first_ms, span_ms, points, payload FROM journal"
        " WHERE id=?");
    if (!row.with(id).step()) return {};
    return expand_batch(connection, row);
  });
}

std::vector<ForwardRow> ForwardRows::of_foreign(Connection& connection, std::int64_t id) {
  return unless_broken(id, [&]() -> std::vector<ForwardRow> {
    Query row =
        connection.query("SELECT min_ms, max_ms, series, payload FROM foreign_row WHERE id=?");
    if (!row.with(id).step()) return {};
    return expand_foreign(id, row);
  });
}

const ForwardRows::Known* ForwardRows::known(SeriesId series) {
  const auto found = known_.find(series);
  if (found != known_.end()) return &found->second;
  const auto record = series_.record(series);
  if (record == nullptr) return nullptr;
  Known known{nullptr, record->def.type, record->def.scale};
  if (record->host == kNoHost) {
    known.labels = forward_labels(record->def, nullptr);
  } else {
    const auto host = hosts_.find(record->host);
    if (!host) return nullptr;  // removed; its data goes
    known.labels = forward_labels(record->def, &host->name);
  }
  if (known_.size() >= kMostForwardSeries) known_.clear();
  return &known_.emplace(series, std::move(known)).first->second;
}

const ForwardRows::Group* ForwardRows::group(Connection& connection, std::int64_t keyframe) {
  const auto found = groups_.find(keyframe);
  if (found != groups_.end()) return &found->second;
  Group group;
  {
    Query query = connection.query("SELECT host_id, run_id FROM keyframe WHERE id=?");
    query.with(keyframe);
    if (!query.step()) return nullptr;
    group.host = HostId(static_cast<std::uint32_t>(query.integer(0)));
    group.run = query.integer(1);
  }
  const auto first = read_keyframe(connection, keyframe);
  if (!first) return nullptr;
  group.key = key_values(*first);
  if (groups_.size() >= kMostForwardGroups || key_values_ >= kMostForwardKeyValues) {
    groups_.clear();
    slots_.clear();
    key_values_ = 0;
  }
  key_values_ += group.key.size();
  return &groups_.emplace(keyframe, std::move(group)).first->second;
}

// Slots of a run are only ever added.
const SeriesList& ForwardRows::slots(Connection& connection, std::int64_t run,
                                     std::size_t at_least) {
  SeriesList& slots = slots_[run];
  if (slots == nullptr || slots->size() < at_least) slots = load_slots(connection, run);
  return slots;
}

std::vector<ForwardRow> ForwardRows::expand_batch(Connection& connection, const Query& row) {
  const std::int64_t id = row.integer(0);
  const std::int64_t keyframe = id >> kGroupBits;
  const Group* of = group(connection, keyframe);
  if (of == nullptr) return {};
  read_journal_row(row, batch_);
  batch_.key_seq = id == group_start(keyframe) ? batch_.seq : 0;
  const auto decoded = decoder_.decode(batch_, of->key);
  if (!decoded) {
    log_broken_row(id, decoded.error());
    return {};
  }
  return expand(static_cast<std::uint64_t>(row.integer(1)), **decoded,
                *slots(connection, of->run, batch_.slots));
}

LabeledSamples ForwardRows::samples_of(const Known& of, const DecodedBatch& batch, Slot slot,
                                       std::span<const std::size_t> ticks) {
  LabeledSamples samples{of.labels, {}, {}};
  for (const std::size_t tick : ticks) {
    const std::size_t at = batch.at(slot, tick);
    if (batch.present[at] == 0) continue;
    const double value = to_double(of.type, of.scale, batch.values[at]);
    if (!samples.times_ms.empty() && samples.times_ms.back() == batch.times_ms[tick]) {
      samples.values.back() = value;
    } else {
      samples.times_ms.push_back(batch.times_ms[tick]);
      samples.values.push_back(value);
    }
  }
  return samples;
}

// Times of a batch need not rise, and one may come twice: then the later tick's value counts.
std::vector<ForwardRow> ForwardRows::expand(std::uint64_t commit, const DecodedBatch& batch,
                                            const std::vector<SeriesId>& series) {
  constexpr std::size_t kStep = ForwardRow::kMostRowSamples;
  std::vector<std::size_t> order(batch.ticks());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return batch.times_ms[a] < batch.times_ms[b];
  });
  const std::size_t chunks = (order.size() + kStep - 1) / kStep;
  std::vector<ForwardRow> rows;
  for (Slot slot = 0; slot < std::min<std::size_t>(batch.slots, series.size()); ++slot) {
    const Known* of = known(series[slot]);
    if (of == nullptr) continue;
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      const std::size_t first = chunk * kStep;
      LabeledSamples samples = samples_of(
          *of, batch, slot, std::span(order).subspan(first, std::min(kStep, order.size() - first)));
      if (samples.times_ms.empty()) continue;
      rows.push_back(
          {{commit, static_cast<std::uint32_t>(slot * chunks + chunk)}, std::move(samples)});
    }
  }
  return rows;
}

std::vector<ForwardRow> ForwardRows::expand_foreign(std::int64_t id, const Query& row) {
  foreign_.min_ms = row.integer(0);
  foreign_.max_ms = row.integer(1);
  if (!codec_.decode(row.blob(2), row.blob(3), foreign_)) {
    log_broken_row(id, Error{"a row of foreign samples is damaged"});
    return {};
  }
  std::vector<ForwardRow> rows;
  std::uint32_t number = 0;
  for (std::size_t place = 0; place < foreign_.series.size(); ++place) {
    const auto times = foreign_.times(place);
    const auto bits = foreign_.bits(place);
    const Known* of = known(foreign_.series[place]);
    for (std::size_t first = 0; first < times.size(); first += ForwardRow::kMostRowSamples) {
      const ForwardPosition position{static_cast<std::uint64_t>(id), number++};
      if (of == nullptr) continue;
      const std::size_t count = std::min(ForwardRow::kMostRowSamples, times.size() - first);
      const auto part = times.subspan(first, count);
      LabeledSamples samples{of->labels, {part.begin(), part.end()}, {}};
      for (const std::uint64_t word : bits.subspan(first, count)) {
        samples.values.push_back(std::bit_cast<double>(word));
      }
      rows.push_back({position, std::move(samples)});
    }
  }
  return rows;
}

}  // namespace volta
