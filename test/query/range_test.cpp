#include "query/range.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

using Values = std::vector<std::optional<double>>;

TEST_CASE("windows are aggregated") {
  const SampleColumn column{SeriesId{1}, {0, 1000, 2000, 5000}, {4, 2, 6, 1}};
  const auto check = [&](Aggregation aggregation, Values want) {
    CHECK(aggregate_windows(column, aggregation, 0, 2000, 4, 10'000) == want);
  };
  check(Aggregation::avg, {3, 6, 1, {}});
  check(Aggregation::min, {2, 6, 1, {}});
  check(Aggregation::max, {4, 6, 1, {}});
  check(Aggregation::last, {2, 6, 1, {}});
}

TEST_CASE("a rate counts from the sample before its window, and a decrease as a reset") {
  const SampleColumn column{SeriesId{1}, {0, 1000, 2000, 3000, 4000}, {10, 20, 40, 5, 6}};
  CHECK(aggregate_windows(column, Aggregation::rate, 0, 1000, 5, 10'000) ==
        Values{{}, 10, 20, 5, 1});
  CHECK(aggregate_windows(column, Aggregation::rate, 1000, 2000, 2, 10'000) == Values{15, 3});
  const SampleColumn gap{SeriesId{1}, {0, 60'000}, {0, 60}};
  CHECK(aggregate_windows(gap, Aggregation::rate, 60'000, 1000, 1, 10'000) == Values{{}});
  CHECK(aggregate_windows(gap, Aggregation::rate, 60'000, 1000, 1, 60'000) == Values{1});
}

// A store of two series.
class Fake final : public SeriesIndex, public RangeReader {
 public:
  [[nodiscard]] std::vector<SeriesRecord> find(HostId, std::string_view) const override {
    const auto def = [](std::string mode) {
      SeriesDef series;
      series.name = "volta_x_seconds_total";
      series.labels = {{"mode", std::move(mode)}};
      series.kind = Kind::counter;
      series.unit = "seconds";
      return series;
    };
    return {{SeriesId{1}, HostId{1}, def("user")}, {SeriesId{2}, HostId{1}, def("idle")}};
  }
  [[nodiscard]] std::vector<SampleColumn> read(HostId, std::span<const SeriesId> series,
                                               std::int64_t start,
                                               std::int64_t end) const override {
    std::vector<SampleColumn> out;
    for (const SeriesId id : series) {
      SampleColumn column{id, {}, {}};
      for (std::int64_t time = 0; time <= 10'000; time += 1000) {
        if (time < start || time > end) continue;
        column.times_ms.push_back(time);
        column.values.push_back(static_cast<double>(time) / 1000 * static_cast<double>(id));
      }
      out.push_back(column);
    }
    return out;
  }
  [[nodiscard]] std::vector<LatestSample> latest(HostId) const override { return {}; }
  [[nodiscard]] std::optional<std::int64_t> oldest_ms(HostId) const override { return 0; }
};

TEST_CASE("an answer has aligned timestamps, sorted rows and its unit") {
  const Fake store;
  RangeQuestion question;
  question.name = "volta_x_seconds_total";
  question.start_ms = 2500;
  question.end_ms = 6000;
  question.step_ms = 2000;
  const auto answer = Range(store, store).range(question);
  REQUIRE(answer);
  CHECK(answer->timestamps_ms == std::vector<std::int64_t>{2000, 4000, 6000});
  CHECK(answer->unit == "seconds/s");
  REQUIRE(answer->rows.size() == 2);
  CHECK(label_value(answer->rows[0].labels, "mode") == "idle");
  CHECK(answer->rows[0].values == Values{2, 2, 2});
  CHECK(answer->rows[1].values == Values{1, 1, 1});

  question.matchers = {{"mode", "user"}};
  question.aggregation = Aggregation::max;
  CHECK(Range(store, store).range(question)->rows.at(0).values == Values{3, 5, 7});
  CHECK(Range(store, store).range(question)->unit == "seconds");
}

TEST_CASE("what cannot be asked is refused") {
  const Fake store;
  RangeQuestion question;
  question.step_ms = 0;
  CHECK_FALSE(Range(store, store).range(question));
  question.step_ms = 1;
  question.end_ms = 100'000;
  CHECK_FALSE(Range(store, store).range(question));
  question.step_ms = 1000;
  question.start_ms = 200'000;
  CHECK_FALSE(Range(store, store).range(question));
  question.start_ms = 0;
  question.name = "volta_unknown";
  CHECK(Range(store, store).range(question)->rows.empty());
}

}  // namespace
}  // namespace volta
