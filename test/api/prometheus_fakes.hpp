// What the routes under /prometheus stand on, for tests: an engine that answers by the text of the
// expression, a few series in memory, a sink that keeps what it gets, formats of plain words.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "api/fakes.hpp"
#include "base/json_writer.hpp"
#include "model/prometheus_formats.hpp"
#include "model/query_engine.hpp"
#include "model/sample_sink.hpp"
#include "model/scrape_targets.hpp"

namespace volta::test {

inline std::shared_ptr<const Labels> some_labels(Labels labels) {
  return std::make_shared<const Labels>(std::move(labels));
}

class FakeEngine final : public QueryEngine {
 public:
  QueryOutcome instant(const InstantQuery& query, const QueryLimits& given,
                       const std::atomic<bool>* cancel) const override {
    {
      const std::lock_guard lock(mutex_);
      limits = given;
      asked = std::string(query.expression) + " @" + std::to_string(query.time_ms);
    }
    if (query.expression == "wait") wait_for(cancel);
    if (query.expression.ends_with(']')) {
      if (away) return QueryFailure{QueryFailure::Kind::unavailable, "the engine is away"};
      return QueryAnswer{samples, {}};
    }
    if (query.expression == "two") {
      return QueryAnswer{VectorValue{{{some_labels({{"a", "1"}}), query.time_ms, 1},
                                      {some_labels({{"a", "2"}}), query.time_ms, 2}}},
                         {"a note"}};
    }
    return outcome(query.expression, QueryAnswer{ScalarValue{query.time_ms, 2}, {}});
  }
  QueryOutcome range(const RangeQuery& query, const QueryLimits& given,
                     const std::atomic<bool>*) const override {
    const std::lock_guard lock(mutex_);
    limits = given;
    asked = std::string(query.expression) + " @" + std::to_string(query.start_ms) + ".." +
            std::to_string(query.end_ms) + "/" + std::to_string(query.step_ms);
    MatrixValue matrix;
    matrix.rows.push_back({some_labels({{"a", "1"}}), {query.start_ms}, {1}});
    matrix.rows.push_back({some_labels({{"a", "2"}}), {query.start_ms}, {2}});
    return outcome(query.expression, QueryAnswer{matrix, {}});
  }
  Result<std::string> format(std::string_view expression) const override {
    if (expression.empty()) return Error{"1:1: parse error: no expression found in input"};
    if (expression == "1+") return Error{"1:3: parse error: unexpected end of input"};
    return "[" + std::string(expression) + "]";
  }
  // `name`, `{key="value"}`, `{key=~"value"}` and `name{key="value"}` only.
  Result<Matchers> selector(std::string_view text) const override {
    Matchers matchers;
    const auto brace = std::min(text.find('{'), text.size());
    if (brace > 0)
      matchers.push_back(LabelMatcher::equal("__name__", std::string(text.substr(0, brace))));
    std::string_view rest = text.substr(brace);
    if (rest == "{") return Error{"1:2: parse error: unexpected end of input inside braces"};
    if (const auto tilde = rest.find("=~\""); tilde != std::string_view::npos) {
      return Matchers{
          *LabelMatcher::make(std::string(rest.substr(1, tilde - 1)), MatchOp::regex,
                              std::string(rest.substr(tilde + 3, rest.size() - tilde - 5)))};
    }
    if (rest.size() > 2) {
      const auto equals = rest.find("=\"");
      matchers.push_back(
          LabelMatcher::equal(std::string(rest.substr(1, equals - 1)),
                              std::string(rest.substr(equals + 2, rest.size() - equals - 4))));
    }
    if (matchers.empty()) return Error{"match[] must contain at least one non-empty matcher"};
    return matchers;
  }

  // For the expression "wait".
  void wait_for(const std::atomic<bool>* cancel) const {
    std::unique_lock lock(mutex_);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [&] { return released || *cancel; });
  }
  void release() {
    const std::lock_guard lock(mutex_);
    released = true;
    changed.notify_all();
  }
  void wait_until_inside(int count) {
    std::unique_lock lock(mutex_);
    changed.wait(lock, [&] { return inside >= count; });
  }

  MatrixValue samples;  // what range selectors are answered with
  bool away = false;    // to these
  mutable QueryLimits limits;
  mutable std::string asked;
  mutable int inside = 0;
  bool released = false;

 private:
  static QueryOutcome outcome(std::string_view expression, QueryAnswer answer) {
    using Kind = QueryFailure::Kind;
    if (expression.empty()) {
      return QueryFailure{Kind::bad_data, "1:1: parse error: no expression found in input"};
    }
    if (expression == "1+") {
      return QueryFailure{Kind::bad_data, "1:3: parse error: unexpected end of input"};
    }
    if (expression == "type") return QueryFailure{Kind::bad_data, "invalid expression type"};
    if (expression == "many") return QueryFailure{Kind::execution, "many-to-many"};
    if (expression == "slow") return QueryFailure{Kind::timeout, "query timed out"};
    if (expression == "stop") return QueryFailure{Kind::canceled, "query was canceled"};
    if (expression == "away") return QueryFailure{Kind::unavailable, "the engine is away"};
    if (expression == "broken") return QueryFailure{Kind::internal, "cannot happen"};
    return answer;
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed;
};

class FakeSource final : public SeriesSource {
 public:
  struct Row {
    std::shared_ptr<const Labels> labels;
    std::vector<std::int64_t> times_ms;
    std::vector<double> values;
  };
  void put(Labels labels, std::vector<std::int64_t> times_ms, std::vector<double> values) {
    rows.push_back({some_labels(std::move(labels)), std::move(times_ms), std::move(values)});
  }

  Result<std::vector<QuerySeries>> select(std::span<const LabelMatcher> matchers, TimeSpan span,
                                          std::size_t most) const override {
    if (failing) throw Failure("the disk is gone");
    answer_or_not();
    asked = span;
    std::vector<QuerySeries> found;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (fits(*rows[i].labels, matchers)) found.push_back({i, rows[i].labels, Kind::gauge});
    }
    if (found.size() > most) return Error{"too many series; narrow the selector"};
    std::sort(found.begin(), found.end(),
              [](const QuerySeries& a, const QuerySeries& b) { return *a.labels < *b.labels; });
    return found;
  }
  void read(std::span<const QuerySeries> series, TimeSpan span,
            const VisitSamples& visit) const override {
    for (std::size_t i = 0; i < series.size(); ++i) {
      const Row& row = rows[series[i].ref];
      std::vector<std::int64_t> times;
      std::vector<double> values;
      for (std::size_t j = 0; j < row.times_ms.size(); ++j) {
        if (row.times_ms[j] < span.start_ms || row.times_ms[j] > span.end_ms) continue;
        times.push_back(row.times_ms[j]);
        values.push_back(row.values[j]);
      }
      if (!visit(i, {times, values})) return;
    }
  }
  void visit_windows(std::span<const QuerySeries>, const WindowsAsked&,
                     const VisitWindows&) const override {}
  std::optional<std::int64_t> oldest_ms(Tier) const override { return std::nullopt; }
  std::vector<std::string> label_names(std::span<const Matchers> any_of,
                                       TimeSpan span) const override {
    answer_or_not();
    asked = span;
    std::set<std::string> names;
    for (const Row& row : rows) {
      if (!fits_any(*row.labels, any_of)) continue;
      for (const auto& [key, value] : *row.labels) names.insert(key);
    }
    return {names.begin(), names.end()};
  }
  std::vector<std::string> label_values(std::string_view name, std::span<const Matchers> any_of,
                                        TimeSpan span) const override {
    answer_or_not();
    asked = span;
    std::set<std::string> values;
    for (const Row& row : rows) {
      const std::string_view value = label_value(*row.labels, name);
      if (!value.empty() && fits_any(*row.labels, any_of)) values.emplace(value);
    }
    return {values.begin(), values.end()};
  }
  std::vector<MetricMetadata> metadata(std::string_view name) const override {
    answer_or_not();
    std::vector<MetricMetadata> found;
    for (const MetricMetadata& metric : metrics) {
      if (name.empty() || metric.name == name) found.push_back(metric);
    }
    return found;
  }

  // Remembers what it is bounded by, and asks no other machine.
  std::unique_ptr<SeriesSource> bounded(std::chrono::milliseconds timeout,
                                        const std::atomic<bool>* cancel) const override {
    bounds = {timeout, cancel};
    return nullptr;
  }

  std::vector<Row> rows;
  std::vector<MetricMetadata> metrics;
  mutable std::pair<std::chrono::milliseconds, const std::atomic<bool>*> bounds;
  std::optional<QueryFailure> away;  // each question fails so
  mutable TimeSpan asked;
  bool failing = false;
  std::function<void()> on_ask;  // called by each question but read()

 private:
  void answer_or_not() const {
    if (away) throw QueryFailed(*away);
    if (on_ask) on_ask();
  }
  static bool fits(const Labels& labels, std::span<const LabelMatcher> matchers) {
    return std::all_of(matchers.begin(), matchers.end(), [&](const LabelMatcher& matcher) {
      return matcher.matches(label_value(labels, matcher.name()));
    });
  }
  static bool fits_any(const Labels& labels, std::span<const Matchers> any_of) {
    return any_of.empty() || std::any_of(any_of.begin(), any_of.end(),
                                         [&](const Matchers& one) { return fits(labels, one); });
  }
};

class FakeSink final : public SampleSink {
 public:
  WriteOutcome write(std::span<const LabeledSamples> series) override {
    ++writes;
    if (answer.state != WriteState::committed) return answer;
    WriteOutcome outcome = answer;
    for (const LabeledSamples& row : series) outcome.written += row.values.size();
    return outcome;
  }
  void describe(std::span<const MetricMetadata> metrics) override { described += metrics.size(); }

  WriteOutcome answer;
  int writes = 0;
  std::size_t described = 0;
};

// Bodies are words: "write N REFUSED [EMPTY]", "read NAME START END ..."; answers are words too.
class FakeFormats final : public PrometheusFormats {
 public:
  std::string query_answer(const QueryAnswer& answer) const override {
    std::ostringstream out;
    if (const auto* scalar = std::get_if<ScalarValue>(&answer.value)) {
      out << "scalar " << scalar->value << " @" << scalar->time_ms;
    } else if (const auto* vector = std::get_if<VectorValue>(&answer.value)) {
      out << "vector";
      for (const auto& element : vector->elements) out << ' ' << element.value;
    } else if (const auto* matrix = std::get_if<MatrixValue>(&answer.value)) {
      out << "matrix";
      for (const auto& row : matrix->rows) out << ' ' << row.values.front();
    }
    for (const std::string& warning : answer.warnings) out << " (" << warning << ')';
    return out.str();
  }
  bool announces_write_2(const RemoteBodyHeaders& headers) const override {
    return headers.content_type.find("v2") != std::string_view::npos;
  }
  std::variant<RemoteWriteBatch, FormatRefusal> decode_write(const RemoteBodyHeaders& headers,
                                                             std::string_view body) const override {
    using Kind = FormatRefusal::Kind;
    if (headers.content_encoding != "snappy")
      return FormatRefusal{Kind::unsupported_type, "not snappy"};
    if (body == "huge") return FormatRefusal{Kind::too_large, "says it is huge"};
    std::istringstream in{std::string(body)};
    std::string word;
    std::size_t samples = 0;
    RemoteWriteBatch batch;
    in >> word >> samples >> batch.refused >> batch.refused_empty;
    if (word != "write") return FormatRefusal{Kind::malformed, "snappy: corrupt input"};
    batch.version_2 = announces_write_2(headers);
    if (batch.refused + batch.refused_empty > 0) batch.why = "a label name is empty";
    if (samples > 0) {
      KeyedSamples& columns = batch.samples;
      columns.series.push_back({"m", 0, static_cast<std::uint32_t>(samples)});
      for (std::size_t i = 0; i < samples; ++i) {
        columns.times_ms.push_back(static_cast<std::int64_t>(i));
        columns.values.push_back(1);
      }
      columns.labels = [](std::string_view key) -> Result<std::shared_ptr<const Labels>> {
        return some_labels({{"__name__", std::string(key)}});
      };
    }
    batch.metadata.push_back({"m", "counter", "", ""});
    return batch;
  }
  std::variant<std::vector<RemoteReadQuery>, FormatRefusal> decode_read(
      const RemoteBodyHeaders&, std::string_view body) const override {
    std::istringstream in{std::string(body)};
    std::string name;
    TimeSpan span;
    std::vector<RemoteReadQuery> queries;
    in >> name;
    if (name != "read") return FormatRefusal{FormatRefusal::Kind::malformed, "no read request"};
    while (in >> name >> span.start_ms >> span.end_ms) {
      queries.push_back({span, {LabelMatcher::equal("__name__", name)}});
    }
    return queries;
  }
  std::string encode_read(std::vector<std::vector<LabeledSamples>> results) const override {
    std::ostringstream out;
    for (const auto& rows : results) {
      out << "result\n";
      for (const LabeledSamples& row : rows) {
        out << label_text(*row.labels) << ' ' << row.values.size() << " from "
            << row.times_ms.front() << '\n';
      }
    }
    return out.str();
  }
  std::string federation_text(const VectorValue& newest) const override {
    std::ostringstream out;
    for (const auto& element : newest.elements) {
      out << label_text(*element.labels) << ' ' << element.value << ' ' << element.time_ms << '\n';
    }
    return out.str();
  }
};

class FakeTargets final : public ScrapeTargets {
 public:
  std::vector<ScrapeTarget> targets() const override { return list; }
  std::vector<ScrapeTarget> list;
};

struct PrometheusWorld {
  FakeEngine engine;
  FakeSource source;
  FakeSink sink;
  FakeFormats formats;
  FakeTargets targets;

  [[nodiscard]] PrometheusParts parts() {
    PrometheusParts all;
    all.engine = &engine;
    all.source = &source;
    all.sink = &sink;
    all.formats = &formats;
    all.targets = &targets;
    return all;
  }
};

// A House whose /prometheus works.
struct PrometheusHouse : PrometheusWorld, House {
  explicit PrometheusHouse(AccessSettings access = House::local_access(),
                           std::string role = "local")
      : House(std::move(access), std::move(role), PrometheusWorld::parts()) {}
  explicit PrometheusHouse(const std::function<void(PrometheusParts&)>& change)
      : House(House::local_access(), "local", [&] {
          PrometheusParts all = PrometheusWorld::parts();
          change(all);
          return all;
        }()) {}
};

inline HttpRequest form_post(const std::string& target, std::string body) {
  HttpRequest out =
      with(request("POST", target), "content-type", "application/x-www-form-urlencoded");
  out.body = std::move(body);
  return out;
}

inline std::string failure(std::string_view type, const std::string& text) {
  std::string out = R"({"status":"error","errorType":")" + std::string(type) + R"(","error":)";
  append_json_string(out, text);
  return out + '}';
}

inline std::string success(const std::string& data) {
  return R"({"status":"success","data":)" + data + '}';
}

}  // namespace volta::test
