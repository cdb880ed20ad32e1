// Series written as one line each, as promtool's unit tests write them:
//   http_requests_total{job="api", code="500"} 0+10x5 _ 7 stale NaN
// a+bxn is n + 1 values from a in steps of b; `_` (also _x3) is no sample, `stale` a stale marker.
#pragma once

#include <bit>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>

#include "query/memory_source.hpp"
#include "query/parser.hpp"

namespace volta::test {

class SeriesLine {
 public:
  SeriesLine(std::int64_t start_ms, std::int64_t step_ms) : now_ms_(start_ms), step_ms_(step_ms) {}

  void word(const std::string& word) {
    if (word[0] == '_') return skip(word.size() > 2 ? std::stoi(word.substr(2)) : 1);
    if (word == "stale") return sample(std::bit_cast<double>(kStaleBits));
    char* end = nullptr;
    double value = std::strtod(word.c_str(), &end);
    double step = 0;
    if (*end == '+' || *end == '-') step = std::strtod(end, &end);
    const int more = *end == 'x' ? std::stoi(end + 1) : 0;
    for (int i = 0; i <= more; ++i) sample(value + step * i);
  }

  std::vector<std::int64_t> times_ms;
  std::vector<double> values;

 private:
  void skip(int steps) { now_ms_ += steps * step_ms_; }
  void sample(double value) {
    times_ms.push_back(now_ms_);
    values.push_back(value);
    now_ms_ += step_ms_;
  }

  std::int64_t now_ms_;
  std::int64_t step_ms_;
};

// Throws std::runtime_error for a series that is none.
inline void load_line(MemorySource& source, const std::string& line, std::int64_t start_ms,
                      std::int64_t step_ms) {
  const std::size_t brace = line.rfind('}');
  const std::size_t end = brace != std::string::npos ? brace + 1 : line.find(' ');
  const auto matchers = promql::parse_selector(line.substr(0, end));
  if (!matchers) throw std::runtime_error(line + ": " + matchers.error().text);
  Labels labels;
  for (const LabelMatcher& matcher : *matchers)
    labels.emplace_back(matcher.name(), matcher.value());
  std::sort(labels.begin(), labels.end());
  SeriesLine series(start_ms, step_ms);
  std::istringstream words(line.substr(end));
  for (std::string word; words >> word;) series.word(word);
  source.add(std::move(labels), std::move(series.times_ms), std::move(series.values));
}

// Non-empty lines of `text`.
inline void load(MemorySource& source, const std::string& text, std::int64_t start_ms,
                 std::int64_t step_ms) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin != std::string::npos) load_line(source, line.substr(begin), start_ms, step_ms);
  }
}

}  // namespace volta::test
