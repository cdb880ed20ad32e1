// Queries that nobody means, or only somebody who means harm: each ends with the error that the
// documentation promises, and what it takes until then stays below its limit.
#include <string>

#include <catch2/catch.hpp>

#include "query/engine.hpp"
#include "query/memory_peak.hpp"
#include "query/memory_source.hpp"

namespace volta::test {
namespace {

constexpr std::size_t kSeriesOfDeath = 2'000;
constexpr std::int64_t kStepOfDeath = 15'000;
constexpr std::size_t kLimitOfDeath = 48U << 20U;
// What a query takes besides: its tree, its regular expressions, the list of series it selected.
constexpr std::size_t kAround = 6U << 20U;

std::string times_over(std::string_view part, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

// `opening` around `inner`, so often.
std::string nested(std::string_view opening, std::string_view inner, std::string_view closing,
                   std::size_t times) {
  return times_over(opening, times) + std::string(inner) + times_over(closing, times);
}

// 2000 series of 40 samples, an hour of death.
class Victim {
 public:
  Victim() {
    for (std::size_t i = 0; i < kSeriesOfDeath; ++i) {
      std::vector<std::int64_t> times;
      std::vector<double> values;
      for (std::int64_t s = 0; s < 40; ++s) {
        times.push_back(s * kStepOfDeath);
        values.push_back(static_cast<double>(i) + static_cast<double>(s % 7) / 8);
      }
      source_.add({{"__name__", "a"}, {"i", std::to_string(i)}, {"le", std::to_string(i % 50)}},
                  std::move(times), std::move(values));
    }
    limits_.most_bytes = kLimitOfDeath;
    limits_.most_samples = 1'000'000;
    limits_.most_series = 10'000;
  }

  // "" for an answer, else the failure's text.
  std::string at(const std::string& expression) const {
    return ended(engine_.instant({expression, 600'000}, limits_, nullptr));
  }
  // 11,000 steps of 50 ms.
  std::string over(const std::string& expression) const {
    return ended(engine_.range({expression, 0, 549'950, 50}, limits_, nullptr));
  }

 private:
  static std::string ended(const QueryOutcome& outcome) {
    const auto* failure = std::get_if<QueryFailure>(&outcome);
    return failure == nullptr ? std::string() : failure->text;
  }

  MemorySource source_;
  PromqlEngine engine_{source_};
  QueryLimits limits_;
};

TEST_CASE("a query that asks for too much ends with its error and within its memory") {
  const Victim victim;
  const std::string memory = "for its intermediate results; narrow it";
  // `want`: a part of the failure's text; "": an answer.
  const auto judge = [&](const std::string& expression, const std::string& want, auto&& ask) {
    INFO(expression.substr(0, 300));
    const MemoryPeak peak;
    const std::string got = ask(expression);
    CHECK(peak.bytes() <= kLimitOfDeath + kAround);
    INFO("ended with: " << got);
    CHECK(want.empty() == got.empty());
    CHECK(got.find(want) != std::string::npos);
  };
  const auto at = [&](const std::string& expression, const std::string& want) {
    judge(expression, want, [&](const std::string& text) { return victim.at(text); });
  };
  const auto over = [&](const std::string& expression, const std::string& want) {
    judge(expression, want, [&](const std::string& text) { return victim.over(text); });
  };

  // Sub-queries, alone and in each other.
  at("sum_over_time(vector(1)[277h:1ms])", "a subquery has 997200000 steps");
  at("sum_over_time(vector(1)[5000s:1ms])", memory);
  at("vector(1)[5000s:1ms]", memory);
  at("max_over_time(a[1000d:1s])", "steps; narrow it");
  at("max_over_time(a[1d:1s])", memory);
  at(nested("max_over_time(", "a", "[2d:10s])", 4), "narrow it");
  at(nested("max_over_time(", "vector(1)", "[1h:1s])", 6), "");
  over("quantile_over_time(0.5, a[10m:1s])", memory);
  at("quantile_over_time(0.5, a{i=\"1\"}[2000s:1ms])", memory);
  at("mad_over_time(vector(time())[700s:1ms])", "");
  at("changes(vector(time())[700s:1ms])", "");

  // Too many points.
  over("a", memory);
  over("a{i=~\"1.\"}", "");
  over("a{i=~\"1..\"}", memory);
  over("topk(100, a{i=~\"1.\"})", "");
  over("topk(2, a{i=~\"1.\"}) or bottomk(2, a{i=~\"1.\"})", "");
  over("sum(a)", memory);
  over("quantile(0.5, a{i=~\"1.\"})", "");
  over("count_values(\"v\", a{i=~\"1.\"} * time())", memory);
  over("histogram_quantile(0.5, a{i=~\"1.\"})", "");
  over("a{i=~\"1.\"} * on (i) a{i=~\"1.\"}", "");
  over("a{i=~\"[1-3]..\"} * on (i) group_left () a{i=~\"[1-3]..\"}", memory);
  over("a{i=~\"1.\"}" + times_over(" or a{i=~\"2.\"}", 30), "");
  over("a{i=~\"1.\"}" + times_over(" and a{i=~\"1.\"}", 30), "");

  // Labels that grow.
  const std::string twice = ", \"i\", \"$1$1$1$1\", \"i\", \"(.*)\")";
  at(nested("label_replace(", "a", twice, 6), memory);
  at(nested("label_replace(", "a{i=\"1999\"}", twice, 9), "a label of more than 64 KiB");
  at(nested("label_replace(", "a", ", \"x\", \"" + std::string(15'000, 'x') + "\", \"\", \"\")", 2),
     memory);
  at("label_join(a, \"x\", \"" + std::string(30'000, 'x') + "\", \"i\", \"i\")", memory);
  at("label_join(a, \"x\", \"" + std::string(1'000, 'x') + "\"" + times_over(", \"i\"", 70) + ")",
     "a label of more than 64 KiB");
  at("label_replace(a{i=~\"1.\"}, \"x\", \"" + times_over("\\x01", 5'000) + "\", \"\", \"\")", "");
  at("label_replace(a, \"x\", \"" + times_over("\\x01", 5'000) + "\", \"\", \"\")", memory);
  at("sum by (x) (label_replace(a, \"x\", \"" + std::string(10'000, 'x') +
         "$1\", \"i\", \"(.*)\"))",
     memory);

  // Regular expressions.
  at("a{i=~\"" + times_over("x{1000}", 500) + "\"}", "the regular expressions of the request");
  at("a{i=~\"((((x{9}){9}){9}){9}){9}\"}", "the regular expression");
  at("a{i=~\"(" + times_over("a?", 5'000) + times_over("a", 5'000) + ")\"}", "");
  at("label_replace(a, \"x\", \"$1\", \"i\", \"((x{100}){100}){100}\")",
     "invalid regular expression");
  at("a" + times_over(" or a{i=~\"1.*7.*\"}", 101), "more than 100 regular expressions");

  // Trees.
  at(nested("-(", "1", ")", 10'000), "nested more than 500 levels deep");
  at(nested("abs(", "a", ")", 490), "");
  at("a" + times_over(" or a", 450), "too many samples");
  at("1" + times_over(" + 1", 12'000), "nested more than 500 levels deep");
  at(std::string(70'000, '('), "longer than 65536 bytes");

  // Times out of this world.
  at("a offset 291y", "");
  at("a offset 40000y", "duration out of range");
  at("a @ 1e13", "out of bounds");
  at("a @ 1e300", "error");
  at("sum_over_time(a[290y:1ms])", "steps; narrow it");
  at("rate(a[290y])", "");
  at("a[290y] offset -290y", "");
}

TEST_CASE("an absurd range is refused before it is counted") {
  const MemorySource source;
  const PromqlEngine engine(source);
  const auto check = [&](const RangeQuery& query, std::string_view want) {
    const MemoryPeak peak;
    const auto outcome = engine.range(query, {}, nullptr);
    const auto* failure = std::get_if<QueryFailure>(&outcome);
    REQUIRE(failure != nullptr);
    CHECK(failure->kind == QueryFailure::Kind::bad_data);
    CHECK(failure->text.find(want) != std::string::npos);
    CHECK(peak.bytes() < 10'000);
  };
  check({"a", 0, 1'000'000'000, 1}, "exceeded maximum resolution of 11,000 points");
  check({"a", -900'000'000'000'000, 900'000'000'000'000, 1}, "exceeded maximum resolution");
  check({"a", 0, INT64_MAX, 1000}, "out of reach");
  check({"a", INT64_MIN, 0, INT64_MAX}, "out of reach");
}

}  // namespace
}  // namespace volta::test
