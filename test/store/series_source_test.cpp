#include "store/series_source.hpp"

#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
using SeenModel = std::map<Labels, std::map<std::int64_t, double>>;  // what queries should see

StoreOptions source_options(const test::TempDir& dir) {
  StoreOptions options;
  options.directory = dir.path() / "data";
  return options;
}

Matchers all_of_a_name(const std::string& pattern) {
  return {LabelMatcher::make("__name__", MatchOp::regex, pattern).value()};
}

SeenModel read_model(const SeriesSource& source, const Matchers& matchers, TimeSpan span) {
  const auto series = source.select(matchers, span, 10'000).value();
  SeenModel found;
  std::vector<int> visits(series.size());
  source.read(series, span, [&](std::size_t at, const SampleSlice& samples) {
    ++visits.at(at);
    auto& column = found[*series[at].labels];
    for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
      column[samples.times_ms[i]] = samples.values[i];
    }
    return true;
  });
  CHECK(visits == std::vector<int>(series.size(), 1));
  return found;
}

TEST_CASE("samples of several hosts are those that were sent, from memory and from disk") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  SeenModel expected;
  {
    Store store(source_options(dir), clock);
    for (const std::string name : {"b", "a", "c"}) {
      const auto letter = static_cast<std::uint8_t>(name[0]);
      const HostId host = store.hosts().add(name, test::token(letter)).value().id;
      test::Agent agent(store.journal(), host, test::run_id(letter));
      std::vector<Slot> slots;
      for (int i = 0; i < 5; ++i) {
        SeriesDef def = i == 0 ? test::counter("c") : test::gauge("g");
        def.labels = {{"i", std::to_string(i)}};
        def.scale = static_cast<std::int8_t>(i);
        slots.push_back(agent.define(def));
      }
      for (std::int64_t tick = 0; tick < 200; ++tick) {
        std::vector<Reading> readings;
        for (const Slot slot : slots) {
          if (random() % 3 == 0) continue;
          const auto raw = static_cast<std::int64_t>(random() % 100'000) - 50'000;
          readings.push_back({slot, static_cast<std::uint64_t>(raw)});
          Labels labels{{"__name__", slot == 0 ? "c" : "g"}, {"host", name}};
          labels.emplace_back("i", std::to_string(slot));
          expected[labels][kStart + tick * 1000] = to_double(
              ValueType::int64, static_cast<std::int8_t>(slot), static_cast<std::uint64_t>(raw));
        }
        if (tick % 50 == 49) agent.force_keyframe();
        agent.tick(kStart + tick * 1000, readings);
        if (tick % 10 == 9) REQUIRE(test::commit(store.journal(), agent.finish()));
      }
    }
    CHECK(read_model(store.source(), all_of_a_name("c|g"), {0, INT64_MAX}) == expected);
    // Samples go by whole hours: of the hour of the first one nothing is gone.
    constexpr std::int64_t kHour = 3'600'000;
    CHECK(store.source().oldest_ms(Tier::raw) == (kStart - 1) / kHour * kHour + 1);
  }
  StoreOptions from_disk = source_options(dir);
  from_disk.head_bytes = 0;
  Store store(from_disk, clock);
  CHECK(read_model(store.source(), all_of_a_name("c|g"), {0, INT64_MAX}) == expected);
  const TimeSpan part{kStart + 20'000, kStart + 50'000};
  SeenModel cut;
  for (const auto& [labels, samples] : expected) {
    cut[labels] = {samples.lower_bound(part.start_ms), samples.upper_bound(part.end_ms)};
  }
  CHECK(read_model(store.source(), all_of_a_name("c|g"), part) == cut);
}

struct OneSeriesStore {
  OneSeriesStore() : store(source_options(dir), clock) {
    host = store.hosts().add("a", test::token(1)).value().id;
    agent.emplace(store.journal(), host, test::run_id(1));
  }
  void commit() { REQUIRE(test::commit(store.journal(), agent->finish())); }

  test::TempDir dir;
  test::FakeClock clock{kStart};
  Store store;
  HostId host{};
  std::optional<test::Agent> agent;
};

TEST_CASE("variants of a series are one series to a query") {
  OneSeriesStore one;
  const Slot before = one.agent->define(test::gauge("m"));
  SeriesDef finer = test::gauge("m");
  finer.scale = 1;
  const Slot after = one.agent->define(finer);
  one.agent->tick(kStart, std::vector<Reading>{{before, 5}});
  one.agent->tick(kStart + 1000, std::vector<Reading>{{after, 55}});
  one.commit();
  const SeenModel found = read_model(one.store.source(), all_of_a_name("m"), {0, INT64_MAX});
  const SeenModel expected{
      {Labels{{"__name__", "m"}, {"host", "a"}}, {{kStart, 5.0}, {kStart + 1000, 5.5}}}};
  CHECK(found == expected);
}

TEST_CASE("a removed host's series are gone, and one that was selected before reads empty") {
  OneSeriesStore one;
  const Slot slot = one.agent->define(test::gauge("m"));
  REQUIRE(test::commit(one.store.journal(), one.agent->finish_one(slot, kStart)));
  const SeriesSource& source = one.store.source();
  const auto before = source.select(all_of_a_name("m"), {0, INT64_MAX}, 10).value();
  REQUIRE(before.size() == 1);
  REQUIRE(one.store.hosts().remove(one.host));
  CHECK(source.select(all_of_a_name("m"), {0, INT64_MAX}, 10)->empty());
  one.store.maintain();
  CHECK(source.label_names({}, {0, INT64_MAX}).empty());
  int visits = 0;
  source.read(before, {0, INT64_MAX}, [&](std::size_t, const SampleSlice& samples) {
    ++visits;
    CHECK(samples.times_ms.empty());
    return true;
  });
  CHECK(visits == 1);
}

TEST_CASE("a reader that has enough is not called again") {
  OneSeriesStore one;
  std::vector<Reading> readings;
  for (int i = 0; i < 4; ++i) {
    readings.push_back({one.agent->define(test::gauge("m" + std::to_string(i))), 1});
  }
  one.agent->tick(kStart, readings);
  one.commit();
  const auto series = one.store.source().select({}, {0, INT64_MAX}, 10).value();
  REQUIRE(series.size() == 4);
  int visits = 0;
  one.store.source().read(series, {0, INT64_MAX},
                          [&](std::size_t, const SampleSlice&) { return ++visits < 2; });
  CHECK(visits == 2);
}

TEST_CASE("windows whose end lies in the span are made from all their samples") {
  OneSeriesStore one;
  const Slot slot = one.agent->define(test::counter("m_total"));
  const std::int64_t minute = kStart / 60'000 * 60'000;
  for (std::int64_t at = 0; at <= 180; ++at) {
    one.agent->tick(minute + at * 1000,
                    std::vector<Reading>{{slot, static_cast<std::uint64_t>(at)}});
  }
  one.commit();
  const auto series = one.store.source().select({}, {0, INT64_MAX}, 10).value();
  WindowColumn found;
  one.store.source().read_windows(series, Tier::minute, {minute + 60'000, minute + 179'999},
                                  [&](std::size_t, const WindowColumn& column) {
                                    found = column;
                                    return true;
                                  });
  CHECK(found.end_ms == std::vector<std::int64_t>{minute + 60'000, minute + 120'000});
  CHECK(found.count == std::vector<std::uint32_t>{60, 60});
  CHECK(found.first == std::vector<double>{1, 61});
  CHECK(found.increase == std::vector<double>{59, 59});
}

TEST_CASE("names and values of labels by selectors, and what the catalogue says of a metric") {
  OneSeriesStore one;
  std::vector<Reading> readings;
  readings.push_back({one.agent->define(test::gauge("x", {{"k", "1"}, {"only", "x"}})), 1});
  readings.push_back({one.agent->define(test::gauge("y", {{"k", "2"}})), 1});
  const std::string known(catalogue()[0].name);
  readings.push_back({one.agent->define(test::gauge(known)), 1});
  one.agent->tick(kStart, readings);
  one.commit();
  const SeriesSource& source = one.store.source();
  using Texts = std::vector<std::string>;
  const TimeSpan ever{0, INT64_MAX};
  CHECK(source.label_names({}, ever) == Texts{"__name__", "host", "k", "only"});
  CHECK(source.label_names(std::vector<Matchers>{all_of_a_name("y")}, ever) ==
        Texts{"__name__", "host", "k"});
  CHECK(source.label_values("k", {}, ever) == Texts{"1", "2"});
  CHECK(source.label_values("k", std::vector<Matchers>{all_of_a_name("y"), all_of_a_name("y|z")},
                            ever) == Texts{"2"});
  CHECK(source.label_values("host", {}, ever) == Texts{"a"});
  const auto metadata = source.metadata("");
  REQUIRE(metadata.size() == 1);
  CHECK(metadata[0].name == known);
  CHECK(metadata[0].help == catalogue()[0].help);
  CHECK(metadata[0].type == to_text(catalogue()[0].kind));
  CHECK(source.metadata("nothing").empty());
  CHECK(source.metadata(std::string(catalogue()[1].name)).size() == 1);
}

}  // namespace
}  // namespace volta
