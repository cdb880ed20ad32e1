#include "store/store.hpp"

#include <atomic>
#include <cstdlib>
#include <future>
#include <map>
#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/sqlite.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::Agent;
using test::commit;

using test::kStart;

StoreOptions options_in(const test::TempDir& dir) {
  StoreOptions options;
  options.directory = dir.path() / "data";
  return options;
}

void append_ticks(Store& store, Agent& agent, Slot slot, std::int64_t first_ms, int ticks) {
  for (int i = 0; i < ticks; ++i) {
    agent.tick(first_ms + i * 1000, std::vector<Reading>{{slot, static_cast<std::uint64_t>(i)}});
    REQUIRE(commit(store.journal(), agent.finish()) == CommitState::committed);
  }
}

// What the store must answer: per series, value by time.
using Expected = std::map<SeriesId, std::map<std::int64_t, double>>;

void check_range(Store& store, HostId host, const Expected& expected, std::int64_t start,
                 std::int64_t end) {
  std::vector<SeriesId> asked;
  for (const auto& [id, samples] : expected) asked.push_back(id);
  const auto columns = store.reader().read(host, asked, start, end);
  REQUIRE(columns.size() == asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto& samples = expected.at(asked[i]);
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (auto at = samples.lower_bound(start); at != samples.end() && at->first <= end; ++at) {
      times.push_back(at->first);
      values.push_back(at->second);
    }
    CHECK(columns[i].series == asked[i]);
    CHECK(columns[i].times_ms == times);
    CHECK(columns[i].values == values);
  }
}

// Several runs of one host, growing layouts, gaps, backward clocks, long and short batches.
class RandomLoad {
 public:
  RandomLoad(std::mt19937_64& random, Store& store, HostId host)
      : random_(random), store_(store), host_(host) {}

  void run(std::uint64_t run_number, int batches, Expected& expected) {
    Agent agent(store_.journal(), host_, test::run_id(run_number));
    std::vector<Slot> slots;
    for (int i = 0; i < batches; ++i) {
      if (slots.empty() || random_() % 20 == 0) {
        slots.push_back(agent.define(test::gauge("m" + std::to_string(slots.size()))));
      }
      std::vector<std::pair<SeriesId, std::pair<std::int64_t, double>>> samples;
      const int ticks = random_() % 8 == 0 ? 1 + static_cast<int>(random_() % 150) : 1;
      for (int tick = 0; tick < ticks; ++tick) {
        now_ += random_() % 200 == 0 ? -20'000 : 1000;
        std::vector<Reading> readings;
        for (const Slot slot : slots) {
          if (random_() % 10 == 0) continue;
          const auto value = static_cast<std::int64_t>(random_() % 1000) - 500;
          readings.push_back({slot, static_cast<std::uint64_t>(value)});
          samples.push_back({agent.series(slot), {now_, static_cast<double>(value)}});
        }
        agent.tick(now_, readings);
      }
      REQUIRE(commit(store_.journal(), agent.finish()) == CommitState::committed);
      for (const auto& [id, sample] : samples) expected[id][sample.first] = sample.second;
    }
  }

 private:
  std::mt19937_64& random_;
  Store& store_;
  HostId host_;
  std::int64_t now_ = kStart - 600'000;
};

TEST_CASE("ranges agree with a map, before and after reopening, whatever the head holds") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  StoreOptions options = options_in(dir);
  options.head_bytes = random() % 2 == 0 ? 20'000 : 24U << 20U;
  CAPTURE(options.head_bytes);
  Expected expected;
  HostId host{};
  const auto check_some = [&](Store& store) {
    check_range(store, host, expected, INT64_MIN, INT64_MAX);
    for (int i = 0; i < 5; ++i) {
      const std::int64_t start = kStart - 600'000 + static_cast<std::int64_t>(random() % 3'000'000);
      check_range(store, host, expected, start,
                  start + static_cast<std::int64_t>(random() % 100'000));
    }
  };
  for (std::uint64_t round = 0; round < 3; ++round) {
    Store store(options, clock);
    if (round == 0) host = store.hosts().add("a", test::token(1)).value().id;
    check_some(store);
    RandomLoad load(random, store, host);
    load.run(round * 2, 120, expected);
    load.run(round * 2 + 1, 40, expected);
    check_some(store);
  }
  Store store(options, clock);
  check_some(store);
}

TEST_CASE("a repeated sequence is committed already and stored once") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  HostId host{};
  JournalEntry repeated;
  {
    Store store(options_in(dir), clock);
    host = store.hosts().add("a", test::token(1)).value().id;
    Agent agent(store.journal(), host, test::run_id(1));
    const Slot slot = agent.define(test::gauge("m"));
    append_ticks(store, agent, slot, kStart, 3);
    agent.tick(kStart + 3000, std::vector<Reading>{{slot, 77}});
    repeated = agent.finish();
    CHECK(commit(store.journal(), repeated) == CommitState::committed);
    CHECK(commit(store.journal(), repeated) == CommitState::committed);
    const RunState state = store.journal().run_state(host, test::run_id(1));
    CHECK(state.durable_seq == 4);
    CHECK(state.last_hash == sha256(repeated.batch.payload));
  }
  Store store(options_in(dir), clock);
  const RunState state = store.journal().run_state(host, test::run_id(1));
  CHECK(state.durable_seq == 4);
  CHECK(state.key_seq == 1);
  CHECK(state.key == KeyValues{0});
  CHECK(state.last_hash == sha256(repeated.batch.payload));
  CHECK(commit(store.journal(), repeated) == CommitState::committed);
  CHECK(store.journal().run_state(host, test::run_id(2)).durable_seq == 0);
  store.close();
  Connection connection((dir.path() / "data/volta.db").string(), Connection::Mode::reader, 1000);
  CHECK(connection.number("SELECT count(*) FROM journal") == 4);
}

TEST_CASE("what cannot follow its run is refused and harms nothing") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  Store store(options_in(dir), clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  Agent agent(store.journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  append_ticks(store, agent, slot, kStart, 2);
  const auto refused = [&](const char* what, auto&& change) {
    CAPTURE(what);
    agent.tick(kStart + 5000, std::vector<Reading>{{slot, 5}});
    JournalEntry entry = agent.finish();
    change(entry);
    CHECK(commit(store.journal(), std::move(entry)) == CommitState::failed);
  };
  refused("unknown host", [](JournalEntry& entry) { entry.host = HostId{99}; });
  refused("a run without a keyframe", [](JournalEntry& entry) { entry.run = test::run_id(9); });
  refused("another keyframe", [](JournalEntry& entry) { entry.batch.key_seq = 2; });
  refused("other series", [&](JournalEntry& entry) {
    entry.series = std::make_shared<const std::vector<SeriesId>>(
        std::vector{store.journal().resolve(host, test::gauge("other"))});
  });
  refused("a sequence out of range", [](JournalEntry& entry) { entry.batch.seq = UINT64_MAX; });
  append_ticks(store, agent, slot, kStart + 9000, 1);
}

TEST_CASE("a series defined anew with another scale stays one series to readers") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  const auto with_scale = [](std::int8_t scale) {
    SeriesDef def = test::gauge("m", {{"a", "1"}});
    def.scale = scale;
    return def;
  };
  HostId host{};
  {
    Store store(options_in(dir), clock);
    host = store.hosts().add("a", test::token(1)).value().id;
    for (std::uint64_t run = 0; run < 2; ++run) {
      Agent agent(store.journal(), host, test::run_id(run));
      const Slot slot = agent.define(with_scale(static_cast<std::int8_t>(run)));
      agent.tick(kStart + static_cast<std::int64_t>(run) * 1000, std::vector<Reading>{{slot, 50}});
      REQUIRE(commit(store.journal(), agent.finish()) == CommitState::committed);
    }
  }
  Store store(options_in(dir), clock);
  const auto found = store.series().find(host, "*");
  REQUIRE(found.size() == 1);
  CHECK(found[0].def == with_scale(1));
  const SeriesId old = store.journal().resolve(host, with_scale(0));
  CHECK(old != found[0].id);
  for (const SeriesId id : {old, found[0].id}) {
    const auto columns = store.reader().read(host, std::vector{id}, 0, INT64_MAX);
    CHECK(columns[0].values == std::vector<double>{50, 5});
  }
  const auto latest = store.reader().latest(host);
  REQUIRE(latest.size() == 1);
  CHECK(latest[0].series == found[0].id);
  CHECK(latest[0].value == 5);
}

TEST_CASE("series are found by glob, in order, and only their host's") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  Store store(options_in(dir), clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  const HostId other = store.hosts().add("b", test::token(2)).value().id;
  for (const auto& [name, label] :
       {std::pair("volta_b", "2"), std::pair("volta_b", "1"), std::pair("volta_a", "1")}) {
    store.journal().resolve(host, test::gauge(name, {{"x", label}}));
  }
  const SeriesId foreign = store.journal().resolve(other, test::gauge("volta_c"));
  const auto texts = [&](std::string_view glob) {
    std::vector<std::string> all;
    for (const SeriesRecord& record : store.series().find(host, glob)) {
      all.push_back(record.def.name + label_text(record.def.labels));
    }
    return all;
  };
  CHECK(texts("volta_*") ==
        std::vector<std::string>{"volta_a{x=\"1\"}", "volta_b{x=\"1\"}", "volta_b{x=\"2\"}"});
  CHECK(texts("*_b").size() == 2);
  CHECK(texts("nothing").empty());
  const auto columns = store.reader().read(host, std::vector{foreign}, 0, INT64_MAX);
  CHECK(columns.at(0).times_ms.empty());
}

TEST_CASE("the latest values carry rates that are never negative") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  Store store(options_in(dir), clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  std::uint64_t run = 0;
  // Rate over two raw values a second and a half apart; -1: none.
  const auto check = [&](const SeriesDef& def, std::uint64_t first, std::uint64_t second,
                         double rate) {
    Agent agent(store.journal(), host, test::run_id(++run));
    SeriesDef named = def;
    named.name = "m" + std::to_string(run);
    const Slot slot = agent.define(named);
    agent.tick(kStart, std::vector<Reading>{{slot, first}});
    REQUIRE(commit(store.journal(), agent.finish()) == CommitState::committed);
    agent.tick(kStart + 1500, std::vector<Reading>{{slot, second}});
    REQUIRE(commit(store.journal(), agent.finish()) == CommitState::committed);
    const SeriesId id = agent.series(slot);
    for (const LatestSample& sample : store.reader().latest(host)) {
      if (sample.series != id) continue;
      CHECK(sample.time_ms == kStart + 1500);
      CHECK(sample.rate.value_or(-1) == Approx(rate));
      return;
    }
    FAIL("the series is not among the latest");
  };
  SeriesDef unsigned_counter = test::counter("");
  unsigned_counter.type = ValueType::uint64;
  SeriesDef float_counter = test::counter("");
  float_counter.type = ValueType::float64;
  check(test::counter(""), 100, 250, 100);
  check(test::counter(""), 100, 100, 0);
  check(test::counter(""), 100, 99, -1);
  check(test::gauge(""), 100, 250, -1);
  check(unsigned_counter, UINT64_MAX - 15, UINT64_MAX, 10);
  check(unsigned_counter, UINT64_MAX, 5, -1);
  check(float_counter, std::bit_cast<std::uint64_t>(1.5), std::bit_cast<std::uint64_t>(4.5), 2);
}

TEST_CASE("the latest values and the oldest time survive a restart") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  HostId host{};
  SeriesId id{};
  {
    Store store(options_in(dir), clock);
    host = store.hosts().add("a", test::token(1)).value().id;
    CHECK_FALSE(store.reader().oldest_ms(host));
    Agent agent(store.journal(), host, test::run_id(1));
    const Slot slot = agent.define(test::counter("m"));
    id = agent.series(slot);
    append_ticks(store, agent, slot, kStart, 5);
  }
  Store store(options_in(dir), clock);
  CHECK(store.reader().oldest_ms(host) == kStart);
  const auto latest = store.reader().latest(host);
  REQUIRE(latest.size() == 1);
  CHECK(latest[0].series == id);
  CHECK(latest[0].time_ms == kStart + 4000);
  CHECK(latest[0].value == 4);
  CHECK(latest[0].rate == 1.0);
  CHECK(store.reader().latest(HostId{77}).empty());
}

TEST_CASE("a full queue refuses and takes nothing") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  StoreOptions options = options_in(dir);
  options.queue_bytes = 100;  // less than one entry costs
  Store store(options, clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  Agent agent(store.journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  agent.tick(kStart, std::vector<Reading>{{slot, 1}});
  JournalEntry entry = agent.finish();
  bool called = false;
  entry.done = [&](CommitState) { called = true; };
  CHECK_FALSE(store.journal().append(std::move(entry)));
  store.close();
  CHECK_FALSE(called);
}

TEST_CASE("closing commits what is queued") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  Store store(options_in(dir), clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  Agent agent(store.journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  std::atomic<int> committed{0};
  for (int i = 0; i < 100; ++i) {
    agent.tick(kStart + i, std::vector<Reading>{{slot, 1}});
    JournalEntry entry = agent.finish();
    entry.done = [&](CommitState state) { committed += state == CommitState::committed ? 1 : 0; };
    REQUIRE(store.journal().append(std::move(entry)));
  }
  store.close();
  CHECK(committed == 100);
  CHECK(std::filesystem::file_size(dir.path() / "data/volta.db-wal") == 0);
  agent.tick(kStart + 1000, std::vector<Reading>{{slot, 1}});
  CHECK_FALSE(commit(store.journal(), agent.finish()));
}

TEST_CASE("a reader in the middle of a read does not hold up the writer") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  Store store(options_in(dir), clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  Agent agent(store.journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  append_ticks(store, agent, slot, kStart, 50);
  Connection reader((dir.path() / "data/volta.db").string(), Connection::Mode::reader, 1000);
  Query open_read = reader.query("SELECT id FROM journal");
  REQUIRE(open_read.step());
  append_ticks(store, agent, slot, kStart + 100'000, 50);
  store.maintain();
  CHECK_THROWS_AS(reader.execute("DELETE FROM journal"), SqliteFailure);
}

TEST_CASE("one host's WAL stays near a mebibyte, also after a reader made it grow") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  Store store(options_in(dir), clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  Agent agent(store.journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  std::int64_t now = kStart;
  std::uintmax_t longest = 0;
  const auto append_mebibytes = [&](int count) {  // three pages a commit
    longest = 0;
    for (int i = 0; i < count * 96; ++i, now += 1000) {
      REQUIRE(commit(store.journal(), agent.finish_one(slot, now)) == CommitState::committed);
      longest = std::max(longest, std::filesystem::file_size(dir.path() / "data/volta.db-wal"));
    }
  };
  constexpr std::uintmax_t kMost = 5 << 18;
  append_mebibytes(6);
  CHECK(longest > 1 << 20);
  CHECK(longest <= kMost);
  {
    Connection reader((dir.path() / "data/volta.db").string(), Connection::Mode::reader, 1000);
    Query open_read = reader.query("SELECT id FROM journal");
    REQUIRE(open_read.step());
    append_mebibytes(4);
    CHECK(longest > 3 << 20);
  }
  append_mebibytes(6);
  append_mebibytes(1);
  CHECK(longest <= kMost);
}

TEST_CASE("readers, host changes and several agents at once get along") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  StoreOptions options = options_in(dir);
  options.head_bytes = 20'000;  // both head and journal are read
  Store store(options, clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  constexpr int kAgents = 3;
  constexpr int kTicks = 150;
  std::atomic<int> running{kAgents};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < kAgents; ++number) {
    threads.emplace_back([&, number] {
      Agent agent(store.journal(), host, test::run_id(static_cast<std::uint64_t>(number)));
      const Slot slot = agent.define(test::gauge("m" + std::to_string(number)));
      for (int i = 0; i < kTicks; ++i) {
        const auto state = commit(store.journal(), agent.finish_one(slot, kStart + i * 1000));
        // What was acknowledged is there for whoever reads next.
        const auto column =
            store.reader().read(host, std::vector{agent.series(slot)}, 0, INT64_MAX)[0];
        const bool good = state == CommitState::committed &&
                          column.times_ms.size() == static_cast<std::size_t>(i) + 1;
        wrong += good ? 0 : 1;
      }
      --running;
    });
  }
  threads.emplace_back([&] {
    for (std::uint8_t i = 2; running > 0 && i < 250; ++i) {
      const HostId other = store.hosts().add("h" + std::to_string(i), test::token(i)).value().id;
      store.hosts().saw(host, "1", "{}", i, kStart + i);
      if (i % 2 == 0) wrong += store.hosts().remove(other) ? 0 : 1;
      (void)store.reader().latest(host);
      (void)store.series().find(host, "*");
      std::vector<MetricFamily> families;
      store.append_to(families);
      if (i % 16 == 0) store.maintain();
    }
  });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("the store shows its own numbers") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  Store store(options_in(dir), clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  Agent agent(store.journal(), host, test::run_id(1));
  append_ticks(store, agent, agent.define(test::gauge("m")), kStart, 3);
  std::vector<MetricFamily> families;
  store.append_to(families);
  std::map<std::string, double> values;
  for (const MetricFamily& family : families) {
    for (const auto& sample : family.samples) {
      values[family.name + label_text(sample.labels)] = sample.value;
    }
  }
  CHECK(values.at("volta_store_commits_total{outcome=\"committed\"}") == 3);
  CHECK(values.at("volta_store_commits_total{outcome=\"failed\"}") == 0);
  CHECK(values.at("volta_store_series") == 1);
  CHECK(values.at("volta_store_readonly") == 0);
  CHECK(values.at("volta_store_seals_total") == 0);
  CHECK(values.at("volta_store_seal_failures_total") == 0);
  CHECK(values.at("volta_store_queue_bytes") == 0);
  CHECK(values.at("volta_store_size_bytes{file=\"database\"}") > 0);
  CHECK(values.at("volta_store_commit_seconds_total") > 0);
}

TEST_CASE("what agents ask of their runs needs none of the readers") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  StoreOptions options;
  options.directory = dir.path() / "data";
  HostId host{};
  {
    Store store(options, clock);
    host = store.hosts().add("a", test::token(1)).value().id;
    test::Agent agent(store.journal(), host, test::run_id(1));
    const Slot slot = agent.define(test::gauge("m"));
    REQUIRE(test::commit(store.journal(), agent.finish_one(slot)) == CommitState::committed);
  }
  options.readers = 0;  // as if each were lent to a long query
  Store store(options, clock);
  auto answer = std::async(std::launch::async, [&] {
    return store.journal().run_state(host, test::run_id(1)).durable_seq;
  });
  if (answer.wait_for(std::chrono::seconds(60)) != std::future_status::ready) std::abort();
  CHECK(answer.get() == 1);
}

}  // namespace
}  // namespace volta
