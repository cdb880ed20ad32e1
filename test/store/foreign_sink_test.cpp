#include "store/foreign_sink.hpp"

#include <bit>
#include <map>
#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
// Bits, so that NaNs compare.
using ForeignModel = std::map<Labels, std::map<std::int64_t, std::uint64_t>>;

LabeledSamples labeled(Labels labels, std::vector<std::int64_t> times, std::vector<double> values) {
  return {std::make_shared<const Labels>(std::move(labels)), std::move(times), std::move(values)};
}

LabeledSamples one_sample(const std::string& name, std::int64_t time = kStart, double value = 1) {
  return labeled({{"__name__", name}}, {time}, {value});
}

ForeignModel read_foreign(SeriesSource& source, TimeSpan span = {INT64_MIN, INT64_MAX}) {
  const auto series = source.select({}, span, 1'000'000).value();
  ForeignModel found;
  source.read(series, span, [&](std::size_t at, const SampleSlice& samples) {
    for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
      found[*series[at].labels][samples.times_ms[i]] =
          std::bit_cast<std::uint64_t>(samples.values[i]);
    }
    return true;
  });
  return found;
}

StoreOptions foreign_options(const test::TempDir& dir) {
  StoreOptions options;
  options.directory = dir.path() / "data";
  options.raw_age = std::chrono::milliseconds(0);
  return options;
}

struct ForeignStore {
  explicit ForeignStore(const std::function<void(StoreOptions&)>& change = nullptr)
      : options(foreign_options(dir)) {
    if (change) change(options);
    open();
  }
  void open() {
    store.reset();
    store = std::make_unique<Store>(options, clock);
  }
  WriteOutcome write(const std::vector<LabeledSamples>& samples) const {
    return store->sink().write(samples);
  }

  test::TempDir dir;
  test::FakeClock clock{kStart};
  StoreOptions options;
  std::unique_ptr<Store> store;
};

// Random requests: late, repeated, out of order, gaps, stale markers.
std::vector<LabeledSamples> random_request(std::mt19937_64& random, ForeignModel& model) {
  std::vector<LabeledSamples> request;
  for (std::size_t count = 1 + random() % 8; count-- > 0;) {
    Labels labels{{"__name__", "m" + std::to_string(random() % 3)},
                  {"i", std::to_string(random() % 6)}};
    std::vector<std::int64_t> times;
    std::vector<double> values;
    std::int64_t at = kStart + static_cast<std::int64_t>(random() % 50) * 1000;
    for (std::size_t i = 1 + random() % 5; i-- > 0; at += 1000) {
      const std::uint64_t bits =
          random() % 10 == 0 ? kStaleBits : std::bit_cast<std::uint64_t>(double(random() % 100));
      times.push_back(at);
      values.push_back(std::bit_cast<double>(bits));
      model[labels][at] = bits;
    }
    request.push_back(labeled(labels, times, values));
  }
  return request;
}

TEST_CASE("foreign samples are what was written, from memory, from disk and after a restart") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  ForeignStore one([](StoreOptions& options) { options.head_bytes = 20'000; });
  ForeignModel model;
  for (int round = 0; round < 200; ++round) {
    const auto request = random_request(random, model);
    const WriteOutcome outcome = one.write(request);
    REQUIRE(outcome.state == WriteState::committed);
    CHECK(outcome.refused == 0);
    if (round % 40 == 39) {
      CHECK(read_foreign(one.store->source()) == model);
      one.options.head_bytes = random() % 2 == 0 ? 0 : 50'000;
      one.open();
    }
  }
  CHECK(read_foreign(one.store->source()) == model);
  const TimeSpan part{kStart + 10'000, kStart + 12'000};
  ForeignModel cut;
  for (const auto& [labels, samples] : model) {
    const std::map<std::int64_t, std::uint64_t> inside{samples.lower_bound(part.start_ms),
                                                       samples.upper_bound(part.end_ms)};
    if (!inside.empty()) cut[labels] = inside;
  }
  CHECK(read_foreign(one.store->source(), part) == cut);
}

TEST_CASE("foreign series keep their own labels and belong to no host") {
  ForeignStore one;
  REQUIRE(
      one.write({labeled({{"A", "1"}, {"__name__", "up"}, {"host", "x"}}, {kStart}, {1})}).state ==
      WriteState::committed);
  const auto found = one.store->source().select({}, {0, INT64_MAX}, 10).value();
  REQUIRE(found.size() == 1);
  CHECK(*found[0].labels == Labels{{"A", "1"}, {"__name__", "up"}, {"host", "x"}});
  CHECK(one.store->hosts().list().empty());
  CHECK_FALSE(one.store->hosts().find(kNoHost));
  CHECK(one.store->source().oldest_ms(Tier::raw) == kStart);
}

TEST_CASE("a host's series and a foreign one of the same labels are one to a query") {
  ForeignStore one;
  const HostId host = one.store->hosts().add("a", test::token(1)).value().id;
  test::Agent agent(one.store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  REQUIRE(test::commit(one.store->journal(), agent.finish_one(slot, kStart, 7)));
  one.write({labeled({{"__name__", "m"}, {"host", "a"}}, {kStart - 5000, kStart, kStart + 90'000},
                     {8, 9, 10})});
  one.write({labeled({{"__name__", "m"}, {"host", "b"}}, {kStart}, {11})});
  const auto bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
  const auto check = [&] {
    const ForeignModel found = read_foreign(one.store->source());
    REQUIRE(found.size() == 2);
    // The host's own sample counts; the others fill what it lacks.
    CHECK(found.begin()->second ==
          std::map<std::int64_t, std::uint64_t>{
              {kStart - 5000, bits(8)}, {kStart, bits(7)}, {kStart + 90'000, bits(10)}});
    CHECK(found.rbegin()->second.at(kStart) == bits(11));
  };
  check();
  one.store->seal_all();
  check();
}

TEST_CASE("labels that break a rule are refused with the reason, the rest is written") {
  const std::string long_value(5000, 'x');
  struct Case {
    Labels labels;
    std::string why;
  };
  for (const Case& c : std::vector<Case>{
           {{{"a", "1"}}, "no metric name"},
           {{}, "no metric name"},
           {{{"__name__", "1m"}}, "metric name"},
           {{{"__name__", ""}}, "empty"},
           {{{"__name__", "m"}, {"a-b", "1"}}, "label name"},
           {{{"__name__", "m"}, {"b", "1"}, {"a", "1"}}, "sorted"},
           {{{"__name__", "m"}, {"a", "1"}, {"a", "2"}}, "twice"},
           {{{"__name__", "m"}, {"a", ""}}, "empty"},
           {{{"__name__", "m"}, {"a", long_value}}, "4 KiB"},
           {{{"__name__", "m"}, {"a", "\xff"}}, "UTF-8"},
       }) {
    CAPTURE(c.why);
    ForeignStore one;
    const WriteOutcome outcome =
        one.write({labeled(c.labels, {kStart, kStart + 1}, {1, 2}), one_sample("good")});
    CHECK(outcome.state == WriteState::committed);
    CHECK(outcome.refused == 2);
    CHECK(outcome.written == 1);
    CHECK_THAT(outcome.why, Catch::Contains(c.why));
    CHECK(read_foreign(one.store->source()).size() == 1);
  }
  ForeignStore one;
  const WriteOutcome outcome = one.write({labeled({{"__name__", "m"}}, {2, 1}, {1, 2})});
  CHECK(outcome.refused == 2);
  CHECK_THAT(outcome.why, Catch::Contains("rising"));
}

// A key is `name` or, of a series that breaks a rule, `!reason`. Counts how often it is asked.
KeyedSamples keyed(const std::vector<std::pair<std::string_view, std::int64_t>>& samples,
                   int& asked) {
  KeyedSamples request;
  for (const auto& [key, time] : samples) {
    request.series.push_back({key, static_cast<std::uint32_t>(request.times_ms.size()), 1});
    request.times_ms.push_back(time);
    request.values.push_back(static_cast<double>(time % 1000));
  }
  request.labels = [&asked](std::string_view key) -> Result<std::shared_ptr<const Labels>> {
    ++asked;
    if (key.starts_with('!')) return Error{std::string(key.substr(1))};
    return std::make_shared<const Labels>(Labels{{"__name__", std::string(key)}});
  };
  return request;
}

TEST_CASE("a key is asked for its labels once, refused ones each time") {
  ForeignStore one;
  int asked = 0;
  for (int round = 0; round < 3; ++round) {
    const std::int64_t time = kStart + round;
    const std::vector<std::pair<std::string_view, std::int64_t>> samples{
        {"b", time}, {"a", time}, {"!is bad", time}, {"b", time + 100}, {"c", time}};
    const WriteOutcome outcome = one.store->sink().write_keyed(keyed(samples, asked));
    CHECK(outcome.state == WriteState::committed);
    CHECK(outcome.written == 4);
    CHECK(outcome.refused == 1);
    CHECK(outcome.why == "is bad");
    CHECK(asked == (round == 0 ? 5 : 5 + round));
  }
  const ForeignModel found = read_foreign(one.store->source());
  REQUIRE(found.size() == 3);
  CHECK(found.at({{"__name__", "a"}}).size() == 3);
  CHECK(found.at({{"__name__", "b"}}).size() == 6);
  // The same series, whoever wrote them.
  one.write({one_sample("a", kStart + 50)});
  CHECK(read_foreign(one.store->source()).at({{"__name__", "a"}}).size() == 4);
  CHECK(one.store->series().find(kNoHost, "*").size() == 3);
}

TEST_CASE("a series without samples is refused where its labels are, and makes no series") {
  ForeignStore one;
  int asked = 0;
  const auto write = [&](std::string_view key) {
    auto request = keyed({{key, kStart}, {"a", kStart}}, asked);
    request.series[0].count = 0;
    return one.store->sink().write_keyed(request);
  };
  const WriteOutcome fine = write("unheard_of");
  CHECK(fine.written == 1);
  CHECK(fine.refused_empty == 0);
  CHECK(one.store->series().find(kNoHost, "*").size() == 1);
  for (const char* bad : {"!is bad", "7 is no name"}) {
    const WriteOutcome outcome = write(bad);
    CHECK(outcome.state == WriteState::committed);
    CHECK(outcome.written == 1);
    CHECK(outcome.refused == 0);
    CHECK(outcome.refused_empty == 1);
    CHECK_FALSE(outcome.why.empty());
  }
}

TEST_CASE("a key of a series that was forgotten names it anew") {
  ForeignStore one([](StoreOptions& options) {
    options.raw_age = std::chrono::hours(48);
    options.seal_in_background = false;
  });
  int asked = 0;
  const auto write = [&](const char* key) {
    const auto samples = keyed({{key, one.clock.wall_ms()}}, asked);
    REQUIRE(one.store->sink().write_keyed(samples).state == WriteState::committed);
  };
  write("old");
  write("kept");
  write("old");
  CHECK(asked == 2);
  one.clock.advance(std::chrono::hours(24 * 9));
  write("kept");
  one.store->maintain();
  CHECK(one.store->source().label_values("__name__", {}, {0, 1}).size() == 1);
  write("old");
  CHECK(asked == 3);
  const ForeignModel found = read_foreign(one.store->source());
  CHECK(found.at({{"__name__", "old"}}).size() == 1);
  one.open();
  CHECK(read_foreign(one.store->source()) == found);
}

TEST_CASE("keyed samples out of order or of the future are refused, the rest is written") {
  ForeignStore one;
  int asked = 0;
  auto request = keyed({{"a", kStart}, {"b", kStart + 3 * 86'400'000}, {"c", kStart}}, asked);
  request.series[0].count = 0;
  request.series[2] = {"c", 1, 2};  // the later time first
  const WriteOutcome outcome = one.store->sink().write_keyed(request);
  CHECK(outcome.state == WriteState::committed);
  CHECK(outcome.written == 0);
  CHECK(outcome.refused == 3);
  CHECK_THAT(outcome.why, Catch::Contains("ahead"));
  CHECK(asked == 1);  // of "a", whether its labels keep the rules
  CHECK(read_foreign(one.store->source()).empty());
}

TEST_CASE("samples before 1970 are kept, and those beyond all questions refused") {
  ForeignStore one;
  int asked = 0;
  const auto before = [&](std::int64_t time) {
    return one.store->sink().write_keyed(keyed({{"a", time}}, asked));
  };
  CHECK(before(-1).written == 1);
  CHECK(before(-kFarthestTimeMs).written == 1);
  for (const std::int64_t time : {INT64_MIN, -kFarthestTimeMs - 1}) {
    const WriteOutcome outcome = before(time);
    CHECK(outcome.refused == 1);
    CHECK_THAT(outcome.why, Catch::Contains("in the past"));
  }
  const auto kept = read_foreign(one.store->source());
  one.store->seal_all();
  CHECK(!kept.empty());
  CHECK(read_foreign(one.store->source()) == kept);
}

double refused_series(const Store& store) {
  std::vector<MetricFamily> families;
  store.append_to(families);
  for (const MetricFamily& family : families) {
    if (family.name == "volta_store_refused_series_total") return family.samples.at(0).value;
  }
  return -1;
}

TEST_CASE("series beyond the limits are refused and counted") {
  ForeignStore one([](StoreOptions& options) {
    options.foreign_series = 2;
    options.series_of_host = 2;
  });
  const WriteOutcome outcome = one.write({one_sample("a"), one_sample("b"), one_sample("c")});
  CHECK(outcome.written == 2);
  CHECK(outcome.refused == 1);
  CHECK_THAT(outcome.why, Catch::Contains("as many"));
  CHECK(one.write({one_sample("b", kStart + 1)}).refused == 0);
  CHECK(refused_series(*one.store) == 1);

  const HostId host = one.store->hosts().add("h", test::token(1)).value().id;
  test::Agent agent(one.store->journal(), host, test::run_id(1));
  std::vector<Reading> readings;
  for (int i = 0; i < 4; ++i) {
    readings.push_back({agent.define(test::gauge("g" + std::to_string(i))), 1});
  }
  agent.tick(kStart, readings);
  CHECK(test::commit(one.store->journal(), agent.finish()) == CommitState::committed);
  CHECK(refused_series(*one.store) == 3);
  CHECK(one.store->series().find(host, "*").size() == 2);
  CHECK(one.store->reader().latest(host).size() == 2);
  CHECK(read_foreign(one.store->source()).size() == 4);
  one.options.head_bytes = 0;
  one.open();
  CHECK(read_foreign(one.store->source()).size() == 4);
}

TEST_CASE("what a store of two days lets go of is gone from disk, memory and the series") {
  ForeignStore one([](StoreOptions& options) {
    options.raw_age = std::chrono::hours(48);
    options.seal_in_background = false;
  });
  one.write({one_sample("old")});
  one.write({one_sample("kept")});
  one.clock.advance(std::chrono::hours(24));
  one.write({one_sample("kept", one.clock.wall_ms())});
  one.clock.advance(std::chrono::hours(25));
  one.store->maintain();
  const auto only_kept = [&] {
    const ForeignModel found = read_foreign(one.store->source());
    return found.size() == 1 && found.begin()->first == Labels{{"__name__", "kept"}} &&
           found.begin()->second.size() == 1;
  };
  CHECK(only_kept());
  // The series stays until nobody can be about to use it, then goes.
  const auto names = [&] { return one.store->source().label_values("__name__", {}, {0, 1}); };
  CHECK(names().size() == 2);
  one.clock.advance(std::chrono::hours(24 * 7));
  one.write({one_sample("kept", one.clock.wall_ms())});
  one.store->maintain();
  CHECK(names() == std::vector<std::string>{"kept"});
  // Anew under another id.
  REQUIRE(one.write({one_sample("old", one.clock.wall_ms())}).state == WriteState::committed);
  CHECK(read_foreign(one.store->source()).size() == 2);
  one.open();
  CHECK(read_foreign(one.store->source()).size() == 2);
}

TEST_CASE("over its size the store lets the oldest foreign samples go") {
  ForeignStore one([](StoreOptions& options) {
    options.size_bytes = 3'000'000;
    options.wal_bytes = 65536;
  });
  std::mt19937_64 random(1);
  for (int request = 0; request < 40; ++request) {
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (int i = 0; i < 16'384; ++i) {
      times.push_back(kStart + request * 20'000 + i);
      values.push_back(std::bit_cast<double>(random()));
    }
    REQUIRE(one.write({labeled({{"__name__", "m"}}, times, values)}).state ==
            WriteState::committed);
    one.store->maintain();
  }
  const auto bytes = std::filesystem::file_size(one.dir.path() / "data" / "volta.db");
  CHECK(bytes < 3'000'000);
  const ForeignModel found = read_foreign(one.store->source());
  REQUIRE(found.size() == 1);
  CHECK(found.begin()->second.size() > 16'384 * 3);
  CHECK(found.begin()->second.rbegin()->first == kStart + 39 * 20'000 + 16'383);
  CHECK(found.begin()->second.begin()->first > kStart);
}

TEST_CASE("requests of several senders share the store, and a very large one is taken whole") {
  ForeignStore one([](StoreOptions& options) { options.queue_bytes = 1000; });
  std::vector<std::thread> senders;
  std::atomic<int> committed{0};
  for (int sender = 0; sender < 4; ++sender) {
    senders.emplace_back([&, sender] {
      for (int i = 0; i < 50;) {
        const auto state =
            one.write({one_sample("s" + std::to_string(sender), kStart + i, i)}).state;
        if (state == WriteState::busy) continue;
        if (state == WriteState::committed) ++committed;
        ++i;
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  CHECK(committed == 200);
  for (const auto& [labels, samples] : read_foreign(one.store->source())) {
    CHECK(samples.size() == 50);
  }
  std::vector<std::int64_t> times;
  for (int i = 0; i < 1'000'000; ++i) times.push_back(kStart + i);
  const WriteOutcome outcome =
      one.write({labeled({{"__name__", "large"}}, times, std::vector<double>(times.size(), 2.5))});
  CHECK(outcome.state == WriteState::committed);
  CHECK(outcome.written == times.size());
  CHECK(read_foreign(one.store->source()).at({{"__name__", "large"}}).size() == times.size());
}

TEST_CASE("while the disk is nearly full foreign samples are to come again") {
  std::atomic<bool> full{false};
  ForeignStore one([&](StoreOptions& options) {
    options.disk_space = [&](const auto&) {
      return DiskSpace{100'000'000'000, full ? 0 : 50'000'000'000};
    };
  });
  CHECK(one.write({one_sample("m")}).state == WriteState::committed);
  full = true;
  one.store->maintain();
  CHECK(one.write({one_sample("m", kStart + 1)}).state == WriteState::busy);
  CHECK(read_foreign(one.store->source()).begin()->second.size() == 1);
  one.store->close();
  CHECK(one.write({one_sample("m", kStart + 1)}).state == WriteState::busy);
}

TEST_CASE("what senders say of a metric is kept, but not against the catalogue") {
  ForeignStore one;
  const std::string ours(catalogue()[0].name);
  one.store->sink().describe(std::vector<MetricMetadata>{{"up", "gauge", "Is it up", "bool"},
                                                         {"1", "gauge", "no name", ""},
                                                         {"cut", "gauge", "ok\xff", ""},
                                                         {ours, "gauge", "nonsense", ""}});
  one.store->sink().describe(std::vector<MetricMetadata>{{"up", "gauge", "Whether it is up", ""}});
  for (int round = 0; round < 2; ++round) {
    CHECK(one.store->source().metadata("up").at(0).help == "Whether it is up");
    CHECK(one.store->source().metadata("cut").at(0).help == "ok");
    CHECK(one.store->source().metadata(ours).at(0).help == catalogue()[0].help);
    CHECK(one.store->source().metadata("1").empty());
    CHECK(one.store->source().metadata("").size() == 3);
    one.open();
  }
}

TEST_CASE("a row of foreign samples that is damaged costs only itself") {
  ForeignStore one([](StoreOptions& options) { options.head_bytes = 0; });
  one.write({one_sample("a", kStart, 1)});
  one.write({one_sample("a", kStart + 1, 2)});
  one.write({one_sample("a", kStart + 2, 3)});
  one.store.reset();
  {
    Connection connection((one.dir.path() / "data" / "volta.db").string(), Connection::Mode::writer,
                          1000);
    connection.execute("UPDATE foreign_row SET payload=x'01ff' WHERE id=2");
  }
  for (const std::size_t head : {std::size_t{0}, std::size_t{100'000}}) {
    one.options.head_bytes = head;
    one.open();
    CHECK(read_foreign(one.store->source()).begin()->second.size() == 2);
  }
}

}  // namespace
}  // namespace volta
