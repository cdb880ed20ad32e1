#include "prom/engine_source.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <boost/json.hpp>
#include <re2/re2.h>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "model/names.hpp"
#include "model/query_string.hpp"
#include "prom/engine_query.hpp"

namespace volta {
namespace {

namespace json = boost::json;

// Beyond these a parameter would be a time that Prometheus does not take.
constexpr std::int64_t kFarthestMs = 9'000'000'000'000'000;
// 0 is no time to VictoriaMetrics: it puts one of its own there.
constexpr std::int64_t kEarliestMs = 1'000;
constexpr std::int64_t kDayMs = 24LL * 3'600'000;
constexpr std::int64_t kMostDaysAtOnce = 10'000;  // engines give 11,000 points a series at most

constexpr const char* kNoTimeLeft =
    "the engine behind took longer than the request may; ask for a shorter time or fewer series";

std::string selector_text(std::span<const LabelMatcher> matchers) {
  std::string text = "{";
  for (const LabelMatcher& matcher : matchers) {
    if (text.size() > 1) text += ',';
    text += matcher.text();
  }
  return text + "}";
}

bool is_odd(const LabelMatcher& matcher) { return !is_label_name(matcher.name()); }

// A name that only engines of today understand; empty: none. It has to be quoted.
std::optional<std::string> odd_name(std::span<const LabelMatcher> matchers) {
  const auto found = std::find_if(matchers.begin(), matchers.end(), is_odd);
  return found == matchers.end() ? std::nullopt : std::optional(found->name());
}
std::optional<std::string> odd_name(std::span<const Matchers> any_of) {
  for (const Matchers& matchers : any_of) {
    if (auto name = odd_name(std::span<const LabelMatcher>(matchers))) return name;
  }
  return std::nullopt;
}

// Asks, and says whose fault it is if a quoted name is what the engine does not read.
template <typename Ask>
auto with_odd_name(const std::optional<std::string>& name, const Ask& ask) {
  try {
    return ask();
  } catch (const QueryFailed& failed) {
    if (!name || failed.failure().kind != QueryFailure::Kind::bad_data) throw;
    throw QueryFailed(
        {QueryFailure::Kind::bad_data,
         "the engine behind does not understand the label name \"" + printable(*name) +
             "\": names beyond [a-zA-Z_][a-zA-Z0-9_]* are quoted, as Prometheus does since 3.0 (" +
             failed.failure().text + ")"});
  }
}

void add_span(EngineClient::Form& form, TimeSpan span) {
  form.emplace_back("start", engine_time(std::clamp(span.start_ms, kEarliestMs, kFarthestMs)));
  form.emplace_back("end", engine_time(std::clamp(span.end_ms, -kFarthestMs, kFarthestMs)));
}

Kind kind_by_name(std::string_view name) {
  for (const std::string_view end : {"_total", "_bucket", "_sum", "_count"}) {
    if (name.ends_with(end)) return Kind::counter;
  }
  return Kind::gauge;
}

[[noreturn]] void no_answer(std::string text) {
  throw QueryFailed({QueryFailure::Kind::unavailable, std::move(text)});
}

const json::array& list_of(const EngineAnswer& answer) {
  if (!answer.data.is_array())
    no_answer("the engine behind answers with something that is no list");
  return answer.data.get_array();
}

std::string member_text(const json::value& object, std::string_view key) {
  const json::value* value = object.is_object() ? object.get_object().if_contains(key) : nullptr;
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

std::string selector_of(std::span<const QuerySeries* const> series) {
  std::map<std::string_view, std::set<std::string_view>> values;
  for (const QuerySeries* one : series) {
    for (const auto& [key, value] : *one->labels) values[key].insert(value);
  }
  for (auto& [key, of_key] : values) {
    const std::string_view name = key;
    const auto lacks = [name](const QuerySeries* one) {
      return label_value(*one->labels, name).empty();
    };
    if (std::any_of(series.begin(), series.end(), lacks)) of_key.insert("");
  }
  // Names that not every engine understands only where there is no other.
  const bool only_odd = std::none_of(values.begin(), values.end(),
                                     [](const auto& item) { return is_label_name(item.first); });
  std::string text = "{";
  for (const auto& [key, of_key] : values) {
    if (!only_odd && !is_label_name(key)) continue;
    if (text.size() > 1) text += ',';
    if (of_key.size() == 1) {
      text += LabelMatcher::equal(std::string(key), std::string(*of_key.begin())).text();
      continue;
    }
    std::string words;
    bool first = true;
    for (const std::string_view value : of_key) {
      if (!std::exchange(first, false)) words += '|';
      words += re2::RE2::QuoteMeta(re2::StringPiece(value.data(), value.size()));
    }
    auto matcher = LabelMatcher::make(std::string(key), MatchOp::regex, words);
    // Too large to be compiled: the other labels, and the comparison afterwards, have to do.
    if (matcher) {
      text += matcher->text();
    } else if (text.back() == ',') {
      text.pop_back();
    }
  }
  return text + "}";
}

EngineSource::EngineSource(const EngineClient& client, std::chrono::milliseconds timeout,
                           const std::atomic<bool>* cancel)
    : client_(client), until_(system_clock().monotonic() + timeout), cancel_(cancel) {}

EngineAnswer EngineSource::demand(std::string_view path, const EngineClient::Form& form,
                                  bool post) const {
  auto left = client_.target().query_timeout;
  if (until_) {
    left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*until_ - system_clock().monotonic());
    if (left.count() <= 0) throw QueryFailed({QueryFailure::Kind::timeout, kNoTimeLeft});
  }
  return client_.demand(path, form, post, left, cancel_);
}

Result<std::vector<QuerySeries>> EngineSource::select(std::span<const LabelMatcher> matchers,
                                                      TimeSpan span, std::size_t most) const {
  EngineClient::Form form{{"match[]", selector_text(matchers)}};
  add_span(form, span);
  const EngineAnswer answer =
      with_odd_name(odd_name(matchers), [&] { return demand("/api/v1/series", form, true); });
  const json::array& list = list_of(answer);
  if (list.size() > most) {
    return Error{"more than " + std::to_string(most) +
                 " series match; narrow it with more matchers"};
  }
  std::vector<QuerySeries> found;
  found.reserve(list.size());
  for (const json::value& one : list) {
    auto labels = parse_engine_labels(one);
    if (!labels) no_answer("the engine behind lists a series without labels");
    QuerySeries series;
    series.ref = found.size();
    series.kind = kind_by_name(label_value(*labels, kNameLabel));
    series.labels = std::make_shared<const Labels>(std::move(*labels));
    found.push_back(std::move(series));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return *a.labels < *b.labels; });
  return found;
}

// The samples of an instant query's range selector, which ends at the query's time. Whether the
// sample at its very beginning belongs to it differs between engines: asked for one more.
void EngineSource::ask_part(std::span<const QuerySeries* const> series, TimeSpan span,
                            std::span<Column> columns) const {
  const std::string range = "[" + std::to_string(span.end_ms - span.start_ms + 1) + "ms]";
  const EngineAnswer answer =
      demand("/api/v1/query",
             {{"query", selector_of(series) + range}, {"time", engine_time(span.end_ms)}}, true);
  auto parsed = parse_query_data(answer.data);
  const auto* matrix = parsed ? std::get_if<MatrixValue>(&parsed->value) : nullptr;
  if (matrix == nullptr) no_answer("the engine behind answers a range selector with no matrix");
  for (const MatrixValue::Row& row : matrix->rows) {
    const auto found = std::find_if(series.begin(), series.end(), [&](const QuerySeries* one) {
      return *one->labels == *row.labels;
    });
    if (found == series.end()) continue;
    Column& column = columns[static_cast<std::size_t>(found - series.begin())];
    for (std::size_t i = 0; i < row.times_ms.size(); ++i) {
      if (row.times_ms[i] < span.start_ms || row.times_ms[i] > span.end_ms) continue;
      column.times_ms.push_back(row.times_ms[i]);
      column.values.push_back(row.values[i]);
    }
  }
}

void EngineSource::read_part(std::span<const QuerySeries* const> series, TimeSpan span,
                             std::span<Column> columns, std::size_t& splits) const {
  try {
    return ask_part(series, span, columns);
  } catch (const QueryFailed& failed) {
    if (failed.failure().kind != QueryFailure::Kind::execution) throw;
    if (splits == kMostSplits || (series.size() == 1 && span.start_ms >= span.end_ms)) {
      throw QueryFailed({QueryFailure::Kind::execution,
                         failed.failure().text + " (ask for a shorter time or fewer series)"});
    }
  }
  ++splits;
  if (series.size() > 1) {
    const std::size_t half = series.size() / 2;
    read_part(series.first(half), span, columns.first(half), splits);
    return read_part(series.subspan(half), span, columns.subspan(half), splits);
  }
  const std::int64_t middle = span.start_ms + (span.end_ms - span.start_ms) / 2;
  read_part(series, {span.start_ms, middle}, columns, splits);
  read_part(series, {middle + 1, span.end_ms}, columns, splits);
}

// Of a long time the days on which there is anything, since each part of a read is a request. Days
// end at midnight UTC, which belongs to them.
std::vector<TimeSpan> EngineSource::spans_with_samples(std::span<const QuerySeries* const> series,
                                                       TimeSpan span) const {
  if (span.end_ms - span.start_ms < kDayMs) return {span};
  const auto end_of_day = [](std::int64_t time_ms) {
    return (time_ms + kDayMs - 1) / kDayMs * kDayMs;
  };
  const std::string count = "sum(count_over_time(" + selector_of(series) + "[1d]))";
  std::vector<TimeSpan> days;
  double samples = 0;
  const std::int64_t last = end_of_day(span.end_ms);
  // 0 is no time to VictoriaMetrics.
  for (std::int64_t first = std::max(kDayMs, end_of_day(span.start_ms)); first <= last;
       first += kMostDaysAtOnce * kDayMs) {
    const std::int64_t until = std::min(last, first + (kMostDaysAtOnce - 1) * kDayMs);
    const EngineAnswer answer = demand("/api/v1/query_range",
                                       {{"query", count},
                                        {"start", engine_time(first)},
                                        {"end", engine_time(until)},
                                        {"step", engine_time(kDayMs)}},
                                       true);
    auto parsed = parse_query_data(answer.data);
    const auto* matrix = parsed ? std::get_if<MatrixValue>(&parsed->value) : nullptr;
    if (matrix == nullptr) no_answer("the engine behind answers a count with no matrix");
    for (const MatrixValue::Row& row : matrix->rows) {  // one, or none
      for (std::size_t i = 0; i < row.times_ms.size(); ++i) {
        const std::int64_t end = row.times_ms[i];
        days.push_back({std::max(span.start_ms, end - kDayMs + 1), std::min(span.end_ms, end)});
        samples += row.values[i];
      }
    }
  }
  if (samples > static_cast<double>(kMostSamplesAtOnce)) {
    throw QueryFailed({QueryFailure::Kind::execution,
                       "another engine is asked for at most " + std::to_string(kMostSamplesAtOnce) +
                           " samples of a few series at a time; ask for a shorter time"});
  }
  std::erase_if(days, [](const TimeSpan& day) { return day.end_ms < day.start_ms; });
  return days;
}

void EngineSource::read(std::span<const QuerySeries> series, TimeSpan span,
                        const VisitSamples& visit) const {
  // Of one name together: then the selectors are narrow.
  std::vector<std::size_t> order(series.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return label_value(*series[a].labels, kNameLabel) < label_value(*series[b].labels, kNameLabel);
  });
  span.start_ms = std::max(span.start_ms, std::int64_t{0});
  span.end_ms = std::min(span.end_ms, kFarthestMs);
  for (std::size_t first = 0; first < order.size();) {
    std::vector<const QuerySeries*> part;
    const std::size_t begin = first;
    for (; first < order.size() && part.size() < kSeriesAtOnce; ++first) {
      const QuerySeries& next = series[order[first]];
      if (!part.empty() &&
          label_value(*next.labels, kNameLabel) != label_value(*part.front()->labels, kNameLabel)) {
        break;
      }
      part.push_back(&next);
    }
    std::vector<Column> columns(part.size());
    for (const TimeSpan& some : spans_with_samples(part, span)) {
      for (std::int64_t start = some.start_ms; start <= some.end_ms; start += kSpanAtOnceMs) {
        std::size_t splits = 0;
        read_part(part, {start, std::min(some.end_ms, start + kSpanAtOnceMs - 1)}, columns, splits);
      }
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (!visit(order[begin + i], {columns[i].times_ms, columns[i].values})) return;
    }
  }
}

void EngineSource::visit_windows(std::span<const QuerySeries> series, const WindowsAsked& /*asked*/,
                                 const VisitWindows& visit) const {
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (!visit(i, {})) return;
  }
}

std::optional<std::int64_t> EngineSource::oldest_ms(Tier tier) const {
  if (tier != Tier::raw) return std::nullopt;
  return 0;
}

std::vector<std::string> EngineSource::words(const std::string& path,
                                             std::span<const Matchers> any_of,
                                             TimeSpan span) const {
  EngineClient::Form form;
  for (const Matchers& matchers : any_of) form.emplace_back("match[]", selector_text(matchers));
  add_span(form, span);
  const EngineAnswer answer =
      with_odd_name(odd_name(any_of), [&] { return demand(path, form, false); });
  std::vector<std::string> found;
  for (const json::value& one : list_of(answer)) {
    if (one.is_string()) found.emplace_back(one.get_string());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

// How a path says such a name differs between engines, and one that does not know the way answers
// with nothing: so the series tell.
std::vector<std::string> EngineSource::values_of_series(std::string_view name,
                                                        std::span<const Matchers> any_of,
                                                        TimeSpan span) const {
  const Matchers has_it[] = {
      {LabelMatcher::make(std::string(name), MatchOp::not_equal, "").value()}};
  if (any_of.empty()) any_of = has_it;
  EngineClient::Form form;
  for (const Matchers& matchers : any_of) form.emplace_back("match[]", selector_text(matchers));
  add_span(form, span);
  const EngineAnswer answer =
      with_odd_name(odd_name(any_of), [&] { return demand("/api/v1/series", form, true); });
  std::set<std::string> found;
  for (const json::value& one : list_of(answer)) {
    std::string value = member_text(one, name);
    if (!value.empty()) found.insert(std::move(value));
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> EngineSource::label_names(std::span<const Matchers> any_of,
                                                   TimeSpan span) const {
  return words("/api/v1/labels", any_of, span);
}

std::vector<std::string> EngineSource::label_values(std::string_view name,
                                                    std::span<const Matchers> any_of,
                                                    TimeSpan span) const {
  if (!is_label_name(name)) return values_of_series(name, any_of, span);
  return words("/api/v1/label/" + percent_encode(name) + "/values", any_of, span);
}

std::vector<MetricMetadata> EngineSource::metadata(std::string_view name) const {
  EngineClient::Form form;
  if (!name.empty()) form.emplace_back("metric", std::string(name));
  const EngineAnswer answer = demand("/api/v1/metadata", form, false);
  std::vector<MetricMetadata> found;
  if (!answer.data.is_object()) return found;
  for (const auto& [metric, entries] : answer.data.get_object()) {
    if (!entries.is_array() || entries.get_array().empty()) continue;
    const json::value& entry = entries.get_array().front();
    found.push_back({std::string(metric), member_text(entry, "type"), member_text(entry, "help"),
                     member_text(entry, "unit")});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

}  // namespace volta
