#include "store/schema.hpp"

#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/fixtures.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;

Migration step(std::string_view name, std::string_view sql) { return {name, sql}; }

StoreError::Kind open_error(const std::filesystem::path& directory, std::string* text = nullptr) {
  const test::FakeClock clock(kStart);
  StoreOptions options;
  options.directory = directory;
  try {
    Store store(options, clock);
  } catch (const StoreError& error) {
    if (text != nullptr) *text = error.what();
    return error.kind();
  }
  FAIL("the store opened");
  std::abort();
}

TEST_CASE("an older store is copied, then brought to today's schema in one transaction") {
  const test::TempDir dir;
  const DataDirectory data(dir.path() / "data");
  Connection connection(data.touch("volta.db").string(), Connection::Mode::writer, 1000);
  const auto first = step("0001_a.sql", "CREATE TABLE a(x); INSERT INTO a VALUES (7)");
  const auto second = step("0002_b.sql", "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1");
  const auto broken = step("0003_c.sql", "CREATE TABLE c(x); SELECT nonsense FROM nowhere");
  const std::vector steps{first, second, broken};
  migrate(connection, data, std::span(steps).first(1));
  CHECK(connection.number("PRAGMA user_version") == 1);
  CHECK_FALSE(std::filesystem::exists(data.path() / "before-v2.sqlite"));
  migrate(connection, data, std::span(steps).first(2));
  CHECK(connection.number("PRAGMA user_version") == 2);
  CHECK(connection.number("SELECT y FROM a") == 8);
  Connection copy((data.path() / "before-v2.sqlite").string(), Connection::Mode::reader, 1000);
  CHECK(copy.number("PRAGMA user_version") == 1);
  CHECK(copy.number("SELECT x FROM a") == 7);
  struct stat status {};
  REQUIRE(::stat((data.path() / "before-v2.sqlite").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);

  CHECK_THROWS_AS(migrate(connection, data, steps), SqliteFailure);
  CHECK(connection.number("PRAGMA user_version") == 2);
  CHECK(connection.number("SELECT count(*) FROM sqlite_schema WHERE name='c'") == 0);
}

TEST_CASE("the embedded steps are numbered without gaps and lead to WAL and auto_vacuum") {
  int number = 0;
  for (const Migration& migration : migrations()) {
    CHECK(std::stoi(std::string(migration.name.substr(0, 4))) == ++number);
  }
  const test::TempDir dir;
  const DataDirectory data(dir.path() / "data");
  Connection connection(data.touch("volta.db").string(), Connection::Mode::writer, 1000);
  migrate(connection, data, migrations());
  CHECK(connection.number("PRAGMA user_version") == number);
  CHECK(connection.number("PRAGMA auto_vacuum") == 2);
  CHECK(connection.number("PRAGMA synchronous") == 2);
  CHECK(connection.number("PRAGMA page_size") == 4096);
}

TEST_CASE("a store of a newer volta is refused") {
  const test::TempDir dir;
  {
    const DataDirectory data(dir.path() / "data");
    Connection connection(data.touch("volta.db").string(), Connection::Mode::writer, 1000);
    migrate(connection, data, migrations());
    connection.execute("PRAGMA user_version=" + std::to_string(migrations().size() + 1));
    connection.checkpoint(true);
  }
  std::string text;
  CHECK(open_error(dir.path() / "data", &text) == StoreError::Kind::newer_schema);
  CHECK_THAT(text, Catch::Contains("newer volta"));
}

TEST_CASE("what is no store is refused in a sentence and left as it is") {
  const test::TempDir dir;
  const auto file = dir.path() / "data" / "volta.db";
  dir.write("data/volta.db", std::string(100, 'x') + std::string(8192, 'y'));
  std::string text;
  CHECK(open_error(dir.path() / "data", &text) == StoreError::Kind::damaged);
  CHECK_THAT(text, Catch::Contains("damaged") && Catch::Contains((dir.path() / "data").string()));
  CHECK(std::filesystem::file_size(file) == 8292);

  std::filesystem::remove(file);
  {
    const DataDirectory data(dir.path() / "data");
    Connection foreign(data.touch("volta.db").string(), Connection::Mode::writer, 1000);
    foreign.execute("CREATE TABLE somebody(elses)");
  }
  CHECK(open_error(dir.path() / "data", &text) == StoreError::Kind::damaged);
  CHECK_THAT(text, Catch::Contains("another program"));
}

TEST_CASE("a store with a broken page is refused or read, never a crash") {
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
    for (int i = 0; i < 200; ++i) {
      const auto state = test::commit(store.journal(), agent.finish_one(slot, kStart + i));
      REQUIRE(state == CommitState::committed);
    }
  }
  const auto file = options.directory / "volta.db";
  const auto size = std::filesystem::file_size(file);
  std::ifstream in(file, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  int refused = 0;
  for (std::size_t page = 0; page < size / 4096; ++page) {
    std::string bad = good;
    for (std::size_t i = 100; i < 4096; i += 7) bad[page * 4096 + i] = '\x5a';
    dir.write("data/volta.db", bad);
    try {
      Store store(options, clock);
      for (const SeriesRecord& record : store.series().find(host, "*")) {
        (void)store.reader().read(host, std::vector{record.id}, 0, INT64_MAX);
      }
    } catch (const Failure& failure) {
      ++refused;
      CHECK_THAT(failure.what(), Catch::Contains("volta.db") || Catch::Contains("the store"));
    }
  }
  CHECK(refused > 0);
}

// Made by test/fixtures/store/make_v1.py, which knows the format by its description alone.
TEST_CASE("a store of schema 1 opens and answers as it was written") {
  const test::TempDir dir;
  std::filesystem::create_directories(dir.path() / "data");
  std::filesystem::copy(test::fixtures() / "store/v1.sqlite", dir.path() / "data" / "volta.db");
  const test::FakeClock clock(kStart + 60'000);
  StoreOptions options;
  options.directory = dir.path() / "data";
  options.raw_age = std::chrono::milliseconds(0);
  for (const bool from_head : {true, false}) {
    CAPTURE(from_head);
    options.head_bytes = from_head ? 1 << 20 : 0;
    Store store(options, clock);
    const auto host = store.hosts().find("laptop");
    REQUIRE(host);
    CHECK(host->uid == "00112233445566ff");
    CHECK(store.hosts().find_by_token(sha256("fixture"))->id == host->id);
    const auto found = store.series().find(host->id, "*");
    REQUIRE(found.size() == 2);
    CHECK(found[0].def.name == "volta_cpu_seconds_total");
    CHECK(found[0].def.labels == Labels{{"mode", "user"}});
    CHECK(found[0].def.unit == "seconds");
    const auto columns =
        store.reader().read(host->id, std::vector{found[0].id, found[1].id}, 0, INT64_MAX);
    CHECK(columns[0].times_ms ==
          std::vector<std::int64_t>{kStart, kStart + 1000, kStart + 2000, kStart + 3000});
    CHECK(columns[0].values == std::vector<double>{12.34, 12.35, 12.40, 12.40});
    CHECK(columns[1].times_ms == std::vector<std::int64_t>{kStart, kStart + 3000});
    CHECK(columns[1].values == std::vector<double>{-5, 7});
    RunId run{};
    run.fill(0xab);
    const RunState state = store.journal().run_state(host->id, run);
    CHECK(state.durable_seq == 3);
    CHECK(state.key_seq == 1);
    CHECK(state.key == KeyValues{1235, static_cast<std::uint64_t>(-5)});
  }
}

// Made by test/fixtures/store/make_v2.py, which knows the format by its description alone.
TEST_CASE("a store of schema 2 opens and answers as it was written") {
  const test::TempDir dir;
  std::filesystem::create_directories(dir.path() / "data");
  std::filesystem::copy(test::fixtures() / "store/v2.sqlite", dir.path() / "data" / "volta.db");
  const test::FakeClock clock(kStart + 60'000);
  StoreOptions options;
  options.directory = dir.path() / "data";
  options.raw_age = std::chrono::milliseconds(0);
  for (const bool from_head : {true, false}) {
    CAPTURE(from_head);
    options.head_bytes = from_head ? 1 << 20 : 0;
    Store store(options, clock);
    const SeriesSource& source = store.source();
    const TimeSpan ever{0, INT64_MAX};
    const auto series = source.select({}, ever, 10).value();
    REQUIRE(series.size() == 4);
    CHECK(*series[0].labels == Labels{{"__name__", "http_requests_total"}, {"code", "200"}});
    CHECK(series[0].kind == Kind::counter);
    CHECK(*series[1].labels == Labels{{"__name__", "up"}, {"host", "elsewhere"}});
    CHECK(label_value(*series[2].labels, "host") == "laptop");
    source.read(std::span(series).first(2), ever, [&](std::size_t at, const SampleSlice& samples) {
      const std::vector<std::int64_t> times(samples.times_ms.begin(), samples.times_ms.end());
      if (at == 0) {
        CHECK(times == std::vector<std::int64_t>{kStart, kStart + 15'000, kStart + 30'000});
        CHECK(samples.values[0] == 10);
        CHECK(samples.values[1] == 13);  // accepted after 12.5
        CHECK(std::signbit(samples.values[2]));
      } else {
        CHECK(times == std::vector<std::int64_t>{kStart, kStart + 15'000});
        CHECK(samples.values[0] == 1);
        CHECK(std::bit_cast<std::uint64_t>(samples.values[1]) == kStaleBits);
      }
      return true;
    });
    CHECK(source.metadata("up").at(0).help == "Whether it answers");
    CHECK(store.check().problems == std::vector<std::string>{});
  }
}

// Made by test/fixtures/store/make_v3.py, which knows the format by its description alone.
TEST_CASE("a store of schema 3 opens and answers as it was written") {
  const test::TempDir dir;
  std::filesystem::create_directories(dir.path() / "data");
  std::filesystem::copy(test::fixtures() / "store/v3.sqlite", dir.path() / "data" / "volta.db");
  const test::FakeClock clock(kStart + 60'000);
  StoreOptions options;
  options.directory = dir.path() / "data";
  options.raw_age = std::chrono::milliseconds(0);
  options.seal_in_background = false;
  constexpr std::int64_t kSealed = kStart / 3'600'000 * 3'600'000;
  for (const bool first : {true, false}) {
    CAPTURE(first);
    Store store(options, clock);
    CHECK(std::filesystem::exists(dir.path() / "data" / "before-v4.sqlite"));
    const auto host = store.hosts().find("laptop");
    REQUIRE(host);
    const auto found = store.series().find(host->id, "*");
    REQUIRE(found.size() == 2);
    const auto columns =
        store.reader().read(host->id, std::vector{found[0].id, found[1].id}, 0, INT64_MAX);
    REQUIRE(columns[0].times_ms.size() == 64);
    REQUIRE(columns[1].times_ms.size() == 13);
    for (std::size_t i = 0; i < 60; ++i) {
      CHECK(columns[0].times_ms[i] == kSealed - 59'000 + static_cast<std::int64_t>(i) * 1000);
      CHECK(columns[0].values[i] == static_cast<double>(1000 + 2 * i) / 100);
    }
    CHECK(columns[0].values[60] == 12.34);
    CHECK(columns[1].times_ms[9] == kSealed - 50'000);
    CHECK(columns[1].times_ms[10] == kSealed);
    CHECK(columns[1].values[10] == 3);
    CHECK(columns[1].values[12] == 7);
    CHECK(store.check().problems == std::vector<std::string>{});
    // What the journals have can be read in order; what comes now is beyond all that ever was.
    CHECK(store.forward_log().newest().commit >= 20);
    const auto rows = store.forward_log().read_after({}, 1000);
    REQUIRE(rows.size() == (first ? 8 : 9));
    CHECK(rows[0].position == ForwardPosition{1, 0});
    CHECK(rows[4].position == ForwardPosition{3, 1});
    CHECK(rows[4].samples.values == std::vector<double>{7});
    CHECK(rows[5].position == ForwardPosition{10, 0});
    CHECK(rows[7].position == ForwardPosition{11, 0});
    if (!first) {
      CHECK(rows[8].position.commit > 20);
      continue;
    }
    const auto up = std::make_shared<const Labels>(Labels{{"__name__", "up"}});
    CHECK(store.sink().write(std::vector<LabeledSamples>{{up, {kStart}, {1}}}).state ==
          WriteState::committed);
  }
}

}  // namespace
}  // namespace volta
