// What a series is: host + metric + labels, and how its raw values are read.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/metric.hpp"

namespace volta {

// Rows of the store's tables; never reused.
enum class HostId : std::uint32_t {};
enum class SeriesId : std::uint32_t {};
// Dense index of a series within one run of one agent.
using Slot = std::uint32_t;

// Sorted by key, keys unique, no empty values. `host` is never inside: the server knows who sends.
using Labels = std::vector<std::pair<std::string, std::string>>;

struct SeriesDef {
  std::string name;
  Labels labels;
  Kind kind = Kind::gauge;
  ValueType type = ValueType::int64;
  std::int8_t scale = 0;
  std::string unit;
  Quality quality = Quality::measured;
};

inline bool operator==(const SeriesDef& a, const SeriesDef& b) {
  return a.name == b.name && a.labels == b.labels && a.kind == b.kind && a.type == b.type &&
         a.scale == b.scale && a.unit == b.unit && a.quality == b.quality;
}

constexpr std::size_t kMostSeriesLabels = 32;

// From the catalogue. `labels` need not be sorted; entries with an empty value are left out, values
// that are no UTF-8 or longer than 1 KiB are escaped and cut, so that no device's name breaks the
// rules of series_problem().
SeriesDef make_series(MetricId id, Labels labels);

// What the catalogue knows of a series that comes with nothing but its labels, `__name__` and
// `host` among them. A foreign one is a gauge, or a counter if its name ends in _total, without a
// unit.
SeriesDef series_of_labels(const Labels& labels);

// "" if the name or a label breaks Prometheus' rules or is longer than 1 KiB, else the reason.
std::string series_problem(const SeriesDef& series);

// {a="1",b="2"} with Prometheus' escapes; "" without labels. Unique, so it serves as a key.
std::string label_text(const Labels& labels);

// The label's value, "" if it is not there.
std::string_view label_value(const Labels& labels, std::string_view key);

}  // namespace volta
