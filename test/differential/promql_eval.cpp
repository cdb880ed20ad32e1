// Answers PromQL over a file of samples, so that check.py can hold the engine against Prometheus.
//   promql_eval FILE < queries > answers
// FILE: lines of `name{labels} value unix_seconds`, a series' samples together and in time;
// comments are skipped. Queries, one a line, fields by tabs: `instant TIME_MS EXPRESSION` or `range
// START_MS END_MS STEP_MS EXPRESSION`. One JSON line answers each.
#include <cmath>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "query/engine.hpp"
#include "query/load.hpp"

namespace volta {
namespace {

test::MemorySource read_samples(const std::string& path) {
  test::MemorySource source;
  std::ifstream file(path);
  std::string series;
  std::vector<std::int64_t> times;
  std::vector<double> values;
  const auto finish = [&] {
    if (series.empty()) return;
    const auto matchers = promql::parse_selector(series);
    if (!matchers) throw std::runtime_error(series + ": " + matchers.error().text);
    Labels labels;
    for (const LabelMatcher& matcher : *matchers) {
      labels.emplace_back(matcher.name(), matcher.value());
    }
    std::sort(labels.begin(), labels.end());
    source.add(std::move(labels), std::exchange(times, {}), std::exchange(values, {}));
  };
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t time_at = line.rfind(' ');
    const std::size_t value_at = line.rfind(' ', time_at - 1);
    if (line.compare(0, value_at, series) != 0) {
      finish();
      series = line.substr(0, value_at);
    }
    times.push_back(std::llround(std::strtod(line.c_str() + time_at, nullptr) * 1000));
    values.push_back(std::strtod(line.c_str() + value_at, nullptr));
  }
  finish();
  return source;
}

void append_value(JsonWriter& json, std::int64_t time_ms, double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  json.begin_array().value(time_ms).value(text).end_array();
}

void append_labels(JsonWriter& json, const Labels& labels) {
  json.key("metric").begin_object();
  for (const auto& [name, value] : labels) json.member(name, value);
  json.end_object();
}

void append_value_of(JsonWriter& json, const QueryValue& value) {
  if (const auto* scalar = std::get_if<ScalarValue>(&value)) {
    json.member("type", "scalar").key("result");
    append_value(json, scalar->time_ms, scalar->value);
  } else if (const auto* text = std::get_if<StringValue>(&value)) {
    json.member("type", "string").member("result", text->value);
  } else if (const auto* vector = std::get_if<VectorValue>(&value)) {
    json.member("type", "vector").key("result").begin_array();
    for (const auto& element : vector->elements) {
      json.begin_object();
      append_labels(json, *element.labels);
      json.key("values").begin_array();
      append_value(json, element.time_ms, element.value);
      json.end_array().end_object();
    }
    json.end_array();
  } else {
    json.member("type", "matrix").key("result").begin_array();
    for (const auto& row : std::get<MatrixValue>(value).rows) {
      json.begin_object();
      append_labels(json, *row.labels);
      json.key("values").begin_array();
      for (std::size_t i = 0; i < row.values.size(); ++i) {
        append_value(json, row.times_ms[i], row.values[i]);
      }
      json.end_array().end_object();
    }
    json.end_array();
  }
}

std::string_view error_type(QueryFailure::Kind kind) {
  switch (kind) {
    case QueryFailure::Kind::bad_data:
      return "bad_data";
    case QueryFailure::Kind::execution:
      return "execution";
    case QueryFailure::Kind::timeout:
      return "timeout";
    case QueryFailure::Kind::canceled:
      return "canceled";
    case QueryFailure::Kind::unavailable:
      return "unavailable";
    case QueryFailure::Kind::internal:
      break;
  }
  return "internal";
}

std::string answer_text(const QueryOutcome& outcome) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  if (const auto* failure = std::get_if<QueryFailure>(&outcome)) {
    json.member("status", "error").member("errorType", error_type(failure->kind));
    json.member("error", failure->text);
  } else {
    json.member("status", "success");
    append_value_of(json, std::get<QueryAnswer>(outcome).value);
  }
  json.end_object();
  return out;
}

QueryOutcome ask(const QueryEngine& engine, const std::string& line) {
  std::istringstream fields(line);
  std::string kind;
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  std::int64_t step_ms = 0;
  fields >> kind >> start_ms;
  if (kind == "range") fields >> end_ms >> step_ms;
  std::string expression;
  std::getline(fields >> std::ws, expression);
  if (kind == "range") return engine.range({expression, start_ms, end_ms, step_ms}, {}, nullptr);
  return engine.instant({expression, start_ms}, {}, nullptr);
}

}  // namespace
}  // namespace volta

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: promql_eval FILE < queries\n";
    return 2;
  }
  const volta::test::MemorySource source = volta::read_samples(argv[1]);
  const volta::PromqlEngine engine(source);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << volta::answer_text(volta::ask(engine, line)) << '\n' << std::flush;
  }
  return 0;
}
