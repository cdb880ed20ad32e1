#include "model/series.hpp"

#include <catch2/catch.hpp>

#include "model/metric_ids.hpp"
#include "model/tick.hpp"

namespace volta {
namespace {

TEST_CASE("labels are written with Prometheus' escapes") {
  CHECK(label_text({}).empty());
  CHECK(label_text({{"a", "1"}, {"b", "x\"y\\z\n"}}) == R"({a="1",b="x\"y\\z\n"})");
}

TEST_CASE("what breaks the rules of a series is named") {
  const auto problem = [](std::string name, Labels labels) {
    SeriesDef series;
    series.name = std::move(name);
    series.labels = std::move(labels);
    return series_problem(series);
  };
  CHECK(problem("volta_x", {{"a", "1"}}).empty());
  CHECK_FALSE(problem("", {}).empty());
  CHECK_FALSE(problem("9a", {}).empty());
  CHECK_FALSE(problem("a-b", {}).empty());
  CHECK_FALSE(problem("a", {{"b", "1"}, {"a", "1"}}).empty());
  CHECK_FALSE(problem("a", {{"a", "1"}, {"a", "2"}}).empty());
  CHECK_FALSE(problem("a", {{"a", ""}}).empty());
  CHECK_FALSE(problem("a", {{"a", "\xff"}}).empty());
  CHECK_FALSE(problem("a", {{"a", std::string(2000, 'x')}}).empty());
  CHECK_FALSE(problem("a", {{"host", "x"}}).empty());
  CHECK_FALSE(problem("a:b", {{"c:d", "x"}}).empty());
}

TEST_CASE("a series of which nothing but the labels came is what the catalogue says") {
  const SeriesDef time =
      series_of_labels({{"__name__", "volta_cpu_seconds_total"}, {"host", "a"}, {"mode", "idle"}});
  CHECK(time.name == "volta_cpu_seconds_total");
  CHECK(time.labels == Labels{{"mode", "idle"}});
  CHECK(time.kind == Kind::counter);
  CHECK(time.unit == "seconds");
  CHECK(series_of_labels({{"__name__", "volta_power_watts"}}).quality ==
        make_series(metrics::power_watts, {}).quality);
  CHECK(series_of_labels({{"__name__", "volta_load1"}}).kind == Kind::gauge);
  const SeriesDef foreign = series_of_labels({{"__name__", "jobs_total"}, {"host", "a"}});
  CHECK(foreign.kind == Kind::counter);
  CHECK(foreign.unit.empty());
  CHECK(foreign.labels.empty());
  CHECK(series_of_labels({{"__name__", "jobs"}}).kind == Kind::gauge);
}

TEST_CASE("a device's name of any bytes makes a series that keeps the rules") {
  const auto check = [](const std::string& name, const std::string& want) {
    const SeriesDef series = make_series(metrics::network_up, {{"interface", name}});
    CHECK(series_problem(series).empty());
    CHECK(label_value(series.labels, "interface") == want);
  };
  check("eth0", "eth0");
  check("eth\xff\x30", "eth\\xff0");
  check("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
  check(std::string(1023, 'x') + "\xc3\xbc", std::string(1023, 'x'));
  check(std::string(1024, 'x'), std::string(1024, 'x'));
  check(std::string(400, '\xff'), [] {
    std::string escaped;
    for (int i = 0; i < 256; ++i) escaped += "\\xff";
    return escaped;
  }());
}

TEST_CASE("raw bits become the value in the metric's unit") {
  CHECK(to_double(ValueType::int64, 6, 1'500'000) == 1.5);
  CHECK(to_double(ValueType::int64, 0, static_cast<std::uint64_t>(-3)) == -3);
  CHECK(to_double(ValueType::uint64, 0, ~std::uint64_t{0}) == 18446744073709551615.0);
  CHECK(to_double(ValueType::int64, -3, 2'500'000) == 2.5e9);
}

TEST_CASE("a layout gives each series one slot and keeps it") {
  Layout layout;
  Tick tick(layout);
  const Slot user = tick.define(metrics::cpu_seconds_total, {{"mode", "user"}});
  const Slot idle = tick.define(metrics::cpu_seconds_total, {{"mode", "idle"}});
  CHECK(user != idle);
  CHECK(tick.define(metrics::cpu_seconds_total, {{"mode", "user"}}) == user);
  CHECK(layout.series()[idle].name == "volta_cpu_seconds_total");
  tick.begin(1, std::chrono::seconds(1));
  tick.set(user, 5);
  const auto mark = tick.mark();
  tick.set(idle, 6);
  tick.rewind(mark);
  REQUIRE(tick.readings().size() == 1);
  CHECK(tick.readings()[0].raw == 5);
}

}  // namespace
}  // namespace volta
