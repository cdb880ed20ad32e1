#include "query/range.hpp"

#include <algorithm>

namespace volta {
namespace {

constexpr std::int64_t kMostPoints = 11'000;  // as Prometheus' limit on range queries
// A counter's rate may count from a sample this much before the range: three of the slowest default
// periods.
constexpr std::int64_t kLookbackMs = 180'000;

bool matches(const Labels& labels, const Labels& matchers) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const auto& matcher) {
    return label_value(labels, matcher.first) == matcher.second;
  });
}

// Rounds down, for negative times too.
std::int64_t floor_to(std::int64_t time, std::int64_t step) {
  const std::int64_t rest = time % step;
  return time - (rest < 0 ? rest + step : rest);
}

std::optional<double> aggregate_values(const double* first, const double* last,
                                       Aggregation aggregation) {
  if (first == last) return std::nullopt;
  switch (aggregation) {
    case Aggregation::min:
      return *std::min_element(first, last);
    case Aggregation::max:
      return *std::max_element(first, last);
    case Aggregation::last:
      return *(last - 1);
    default:
      break;
  }
  double sum = 0;
  for (const double* value = first; value != last; ++value) sum += *value;
  return sum / static_cast<double>(last - first);
}

std::optional<double> rate(const SampleColumn& column, std::size_t first, std::size_t last,
                           std::int64_t lookback_ms) {
  if (first == last) return std::nullopt;
  std::size_t from = first;
  if (first > 0 && column.times_ms[first] - column.times_ms[first - 1] <= lookback_ms)
    from = first - 1;
  const std::int64_t span = column.times_ms[last - 1] - column.times_ms[from];
  if (span <= 0) return std::nullopt;
  double increase = 0;
  for (std::size_t i = from + 1; i < last; ++i) {
    const double difference = column.values[i] - column.values[i - 1];
    increase += difference < 0 ? column.values[i] : difference;
  }
  return increase * 1000.0 / static_cast<double>(span);
}

}  // namespace

std::vector<std::optional<double>> aggregate_windows(const SampleColumn& column,
                                                     Aggregation aggregation, std::int64_t first_ms,
                                                     std::int64_t step_ms, std::size_t windows,
                                                     std::int64_t lookback_ms) {
  std::vector<std::optional<double>> out(windows);
  auto at = static_cast<std::size_t>(
      std::lower_bound(column.times_ms.begin(), column.times_ms.end(), first_ms) -
      column.times_ms.begin());
  for (std::size_t window = 0; window < windows; ++window) {
    const std::int64_t end = first_ms + static_cast<std::int64_t>(window + 1) * step_ms;
    const std::size_t begin = at;
    while (at < column.times_ms.size() && column.times_ms[at] < end) ++at;
    out[window] = aggregation == Aggregation::rate
                      ? rate(column, begin, at, lookback_ms)
                      : aggregate_values(column.values.data() + begin, column.values.data() + at,
                                         aggregation);
  }
  return out;
}

Result<RangeAnswer> Range::range(const RangeQuestion& question) const {
  if (question.step_ms <= 0) return Error{"the step must be longer than nothing"};
  if (question.end_ms < question.start_ms) return Error{"the end lies before the start"};
  RangeAnswer answer;
  answer.step_ms = question.step_ms;
  const std::int64_t first = floor_to(question.start_ms, question.step_ms);
  const std::int64_t points = (question.end_ms - first) / question.step_ms + 1;
  if (points > kMostPoints) {
    return Error{"the range holds " + std::to_string(points) +
                 " steps, more than 11000; ask for a longer step or a shorter range"};
  }
  answer.timestamps_ms.reserve(static_cast<std::size_t>(points));
  for (std::int64_t i = 0; i < points; ++i)
    answer.timestamps_ms.push_back(first + i * question.step_ms);

  std::vector<SeriesRecord> records = index_.find(question.host, question.name);
  std::erase_if(records, [&](const SeriesRecord& record) {
    return record.def.name != question.name || !matches(record.def.labels, question.matchers);
  });
  if (records.empty()) return answer;
  const Aggregation aggregation = question.aggregation.value_or(
      records.front().def.kind == Kind::counter ? Aggregation::rate : Aggregation::avg);
  const bool is_rate = aggregation == Aggregation::rate;
  answer.unit = records.front().def.unit + (is_rate ? "/s" : "");

  std::vector<SeriesId> ids;
  ids.reserve(records.size());
  for (const SeriesRecord& record : records) ids.push_back(record.id);
  const std::int64_t lookback = std::max(kLookbackMs, question.step_ms);
  const std::int64_t end = first + points * question.step_ms - 1;
  const auto columns = reader_.read(question.host, ids, is_rate ? first - lookback : first, end);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    RangeAnswer::Row row{records[i].def.labels,
                         aggregate_windows(columns[i], aggregation, first, question.step_ms,
                                           static_cast<std::size_t>(points), lookback)};
    const bool any = std::any_of(row.values.begin(), row.values.end(),
                                 [](const auto& value) { return value.has_value(); });
    if (any) answer.rows.push_back(std::move(row));
  }
  std::sort(answer.rows.begin(), answer.rows.end(),
            [](const auto& a, const auto& b) { return a.labels < b.labels; });
  return answer;
}

}  // namespace volta
