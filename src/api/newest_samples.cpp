#include "api/newest_samples.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "base/text.hpp"
#include "model/matcher.hpp"
#include "model/time_series.hpp"

namespace volta {
namespace {

// As long as a host that another server hears is late and not offline. What is read once a minute
// has one sample in it.
constexpr std::int64_t kNewestSpanMs = 120'000;

// The samples themselves: of an instant vector the engine tells its own time, not theirs.
std::string newest_expression(const NewestAsked& asked) {
  std::string text = "{" + LabelMatcher::equal(std::string(kHostLabel), asked.host_name).text();
  if (asked.name_glob.find('*') == std::string::npos)
    text += "," + LabelMatcher::equal(std::string(kNameLabel), asked.name_glob).text();
  return text + "}[" + std::to_string(kNewestSpanMs) + "ms]";
}

// By the last two times: a batch whose acknowledgement was lost may be there twice.
std::optional<double> last_rate(const MatrixValue::Row& row) {
  const auto before =
      std::lower_bound(row.times_ms.begin(), row.times_ms.end(), row.times_ms.back());
  if (before == row.times_ms.begin()) return std::nullopt;
  const auto at = static_cast<std::size_t>(before - row.times_ms.begin()) - 1;
  const double grown = row.values.back() - row.values[at];
  if (!(grown >= 0)) return std::nullopt;
  return grown * 1000 / static_cast<double>(row.times_ms.back() - row.times_ms[at]);
}

NewestSample newest_of_row(const MatrixValue::Row& row) {
  auto series = std::make_shared<const SeriesDef>(series_of_labels(*row.labels));
  LatestSample sample{{}, row.times_ms.back(), row.values.back(), {}};
  if (series->kind == Kind::counter) sample.rate = last_rate(row);
  return {std::move(series), sample};
}

}  // namespace

std::vector<NewestSample> newest_heard(const SeriesIndex& index, const RangeReader& reader,
                                       HostId host, std::string_view name_glob) {
  std::unordered_map<std::uint32_t, LatestSample> newest;
  for (const LatestSample& sample : reader.latest(host)) {
    newest[static_cast<std::uint32_t>(sample.series)] = sample;
  }
  std::vector<NewestSample> heard;
  for (const SeriesRecord& record : index.find(host, name_glob)) {
    const auto found = newest.find(static_cast<std::uint32_t>(record.id));
    if (found != newest.end()) heard.push_back({record.shared, found->second});
  }
  return heard;
}

std::variant<std::vector<NewestSample>, QueryFailure> newest_of_engine(const QueryEngine& engine,
                                                                       const NewestAsked& asked,
                                                                       const QueryLimits& limits) {
  auto outcome = engine.instant({newest_expression(asked), asked.now_ms}, limits, asked.cancel);
  if (auto* failure = std::get_if<QueryFailure>(&outcome)) return std::move(*failure);
  const auto* matrix = std::get_if<MatrixValue>(&std::get<QueryAnswer>(outcome).value);
  if (matrix == nullptr)
    return QueryFailure{QueryFailure::Kind::unavailable,
                        "the engine behind answers a range selector with no matrix"};
  std::vector<NewestSample> newest;
  for (const MatrixValue::Row& row : matrix->rows) {
    if (row.values.empty() || !glob_match(asked.name_glob, label_value(*row.labels, kNameLabel)))
      continue;
    newest.push_back(newest_of_row(row));
  }
  std::sort(newest.begin(), newest.end(), [](const NewestSample& a, const NewestSample& b) {
    return std::tie(a.series->name, a.series->labels) < std::tie(b.series->name, b.series->labels);
  });
  return newest;
}

}  // namespace volta
