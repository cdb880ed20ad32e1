#include "fleet/sightings.hpp"

#include <catch2/catch.hpp>

#include "support/fake_clock.hpp"

namespace volta {
namespace {

// Answers with what it was given, and remembers what it was asked.
class ToldEngine final : public QueryEngine {
 public:
  std::map<std::string, double> newest;  // s, by host
  std::vector<std::pair<Labels, double>> power;
  bool away = false;
  mutable std::vector<std::string> asked;

  QueryOutcome instant(const InstantQuery& query, const QueryLimits&,
                       const std::atomic<bool>* cancel) const override {
    asked.emplace_back(query.expression);
    if (away || *cancel) return QueryFailure{QueryFailure::Kind::unavailable, "away"};
    VectorValue vector;
    if (query.expression.find("volta_power_watts") != std::string_view::npos) {
      for (const auto& [labels, watts] : power)
        vector.elements.push_back({std::make_shared<const Labels>(labels), query.time_ms, watts});
    } else {
      for (const auto& [host, time] : newest)
        vector.elements.push_back(
            {std::make_shared<const Labels>(Labels{{"host", host}}), query.time_ms, time});
    }
    QueryAnswer answer;
    answer.value = std::move(vector);
    return answer;
  }
  QueryOutcome range(const RangeQuery&, const QueryLimits&,
                     const std::atomic<bool>*) const override {
    return QueryFailure{};
  }
  Result<std::string> format(std::string_view text) const override { return std::string(text); }
  Result<Matchers> selector(std::string_view) const override { return Error{"unused"}; }
};

TEST_CASE("a host's state elsewhere follows its newest sample and the last look") {
  const auto check = [](std::int64_t age_s, std::int64_t silence_s, HostState want) {
    CAPTURE(age_s, silence_s);
    Sighting sighting;
    sighting.newest_ms = 1'000'000'000;
    sighting.looked_ms = sighting.newest_ms + age_s * 1000;
    CHECK(sighted_state(sighting, sighting.looked_ms + silence_s * 1000) == want);
  };
  check(0, 0, HostState::live);
  check(60, 60, HostState::live);
  check(61, 0, HostState::late);
  check(0, 61, HostState::late);
  check(120, 300, HostState::late);
  check(121, 0, HostState::offline);
  check(0, 301, HostState::offline);
  check(-3600, 0, HostState::live);  // its clock is ahead
}

TEST_CASE("hosts of other servers are seen through the engine") {
  test::FakeClock clock;
  ToldEngine engine;
  Sightings sightings(engine, clock);
  CHECK_FALSE(sightings.of("a"));
  const auto now_s = static_cast<double>(clock.wall_ms()) / 1000;
  engine.newest = {{"a", now_s - 2.5}, {"b", now_s - 4000}};
  engine.power = {{{{"host", "a"}, {"quality", "estimated"}}, 9},
                  {{{"host", "a"}, {"quality", "measured"}}, 11.5},
                  {{{"host", "unknown"}, {"quality", "measured"}}, 1}};
  sightings.look();
  REQUIRE(sightings.of("a"));
  CHECK(sightings.of("a")->newest_ms == clock.wall_ms() - 2500);
  CHECK(sightings.of("a")->looked_ms == clock.wall_ms());
  CHECK(sightings.of("a")->power->watts == 11.5);
  CHECK(sightings.of("a")->power->quality == Quality::measured);
  CHECK(sighted_state(*sightings.of("b"), clock.wall_ms()) == HostState::offline);
  CHECK_FALSE(sightings.of("b")->power);
  CHECK_FALSE(sightings.of("unknown"));
  // Only the first look goes back a day.
  REQUIRE(engine.asked.size() == 2);
  CHECK(engine.asked[0].find("[1d:5m]") != std::string::npos);
  clock.advance(std::chrono::seconds(10));
  sightings.look();
  CHECK(engine.asked.at(2).find("[1d:5m]") == std::string::npos);
}

TEST_CASE("an engine that is away leaves what is known, and a host that is silent grows old") {
  test::FakeClock clock;
  ToldEngine engine;
  engine.away = true;
  Sightings sightings(engine, clock);
  sightings.look();
  CHECK_FALSE(sightings.of("a"));
  engine.away = false;
  engine.newest = {{"a", static_cast<double>(clock.wall_ms()) / 1000}};
  sightings.look();
  CHECK(engine.asked.at(1).find("[1d:5m]") != std::string::npos);  // the first that was answered
  engine.away = true;
  clock.advance(std::chrono::seconds(100));
  sightings.look();
  CHECK(sighted_state(*sightings.of("a"), clock.wall_ms()) == HostState::late);
  engine.away = false;
  engine.newest.clear();
  clock.advance(std::chrono::seconds(100));
  sightings.look();
  CHECK(sighted_state(*sightings.of("a"), clock.wall_ms()) == HostState::offline);
  sightings.cancel();
  engine.newest = {{"b", static_cast<double>(clock.wall_ms()) / 1000}};
  sightings.look();
  CHECK_FALSE(sightings.of("b"));
}

}  // namespace
}  // namespace volta
