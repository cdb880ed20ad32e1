#include "store/series_table.hpp"

#include <cstdlib>
#include <future>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using std::chrono::hours;
using test::kStart;

// A store whose raw data live for a day, and so do its runs.
class SeriesLife {
 public:
  SeriesLife() {
    options.directory = dir_.path() / "data";
    options.raw_age = hours(24);
    options.seal_in_background = false;  // what is sealed keeps its series for longer
    options.head_bytes = 0;
    reopen();
    host = store->hosts().add("a", test::token(1)).value().id;
  }
  void reopen() {
    store.reset();
    store = std::make_unique<Store>(options, clock);
  }
  test::Agent agent(std::initializer_list<const char*> names) {
    test::Agent made(store->journal(), host, test::run_id(++runs_));
    for (const char* name : names) made.define(test::gauge(name));
    return made;
  }
  // One sample of each series in a run of its own.
  void write(std::initializer_list<const char*> names) {
    test::Agent writer = agent(names);
    std::vector<Reading> readings;
    for (Slot slot = 0; slot < names.size(); ++slot) readings.push_back({slot, slot});
    writer.tick(clock.wall_ms(), readings);
    REQUIRE(test::commit(store->journal(), writer.finish()) == CommitState::committed);
  }
  // The runs so far end, and so much later retention has a look.
  void pass(std::chrono::milliseconds time) {
    reopen();
    clock.advance(time);
    store->maintain();
  }
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const SeriesRecord& record : store->series().find(host, "*")) all.insert(record.def.name);
    return all;
  }
  // Those with a row; each slot must have one of them.
  std::set<std::string> stored() const {
    Connection connection((options.directory / "volta.db").string(), Connection::Mode::reader, 99);
    CHECK(connection.number("SELECT count(*) FROM slot LEFT JOIN series ON series.id = series_id"
                            " WHERE series.id IS NULL") == 0);
    std::set<std::string> all;
    Query query = connection.query("SELECT name FROM series");
    while (query.step()) all.emplace(query.text(0));
    return all;
  }
  SeriesId resolve(const char* name) { return store->journal().resolve(host, test::gauge(name)); }

  using Names = std::set<std::string>;
  StoreOptions options;
  test::FakeClock clock{kStart};
  std::unique_ptr<Store> store;
  HostId host{};

 private:
  test::TempDir dir_;
  std::uint64_t runs_ = 0;
};

TEST_CASE_METHOD(SeriesLife, "a series goes with the last run that had it") {
  write({"a", "b"});
  const SeriesId last = resolve("b");
  pass(hours(20));
  CHECK(names() == Names{"a", "b"});
  write({"a", "c"});
  pass(hours(6));  // the first run's samples are too old; the second still has "a"
  CHECK(names() == Names{"a", "c"});
  CHECK(stored() == Names{"a", "c"});
  pass(hours(48));
  CHECK(names().empty());
  CHECK(stored().empty());
  CHECK(store->reader().read(host, std::vector{last}, 0, INT64_MAX)[0].times_ms.empty());

  reopen();  // no id comes twice
  CHECK(resolve("d") > last);
  write({"a"});
  CHECK(names() == Names{"a", "d"});
  CHECK(stored() == Names{"a"});
  const auto column = store->reader().read(host, std::vector{resolve("a")}, 0, INT64_MAX)[0];
  CHECK(column.times_ms == std::vector<std::int64_t>{clock.wall_ms()});
}

TEST_CASE_METHOD(SeriesLife, "a series that an agent is about to use stays") {
  write({"a"});
  reopen();
  test::Agent slow = agent({"a"});
  clock.advance(hours(72));
  store->maintain();
  CHECK(stored() == Names{"a"});
  REQUIRE(test::commit(store->journal(), slow.finish_one(0, clock.wall_ms())) ==
          CommitState::committed);
  CHECK(stored() == Names{"a"});
}

TEST_CASE_METHOD(SeriesLife, "an agent that comes too late with a deleted series harms nothing") {
  write({"a"});
  reopen();
  test::Agent late = agent({"a"});
  clock.advance(hours(24 * 9));
  store->maintain();
  CHECK(stored().empty());
  CHECK(test::commit(store->journal(), late.finish_one(0, clock.wall_ms())) == CommitState::failed);
  CHECK(stored().empty());
  write({"a"});
  CHECK(stored() == Names{"a"});
}

TEST_CASE_METHOD(SeriesLife, "under random coming and going every slot has its series") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::map<std::string, std::int64_t> last_written;
  for (int round = 0; round < 40; ++round) {
    for (int run = 0; run < 3; ++run) {
      const std::string name = "m" + std::to_string(random() % 20);
      write({name.c_str(), "always"});
      last_written[name] = clock.wall_ms();
    }
    pass(hours(random() % 20));
    const Names there = names();
    CHECK(there == stored());
    for (const auto& [name, time] : last_written) {
      const auto age = std::chrono::milliseconds(clock.wall_ms() - time);
      // Retention looks at series once a day and at each start.
      if (age < hours(24)) CHECK(there.contains(name));
      if (age > hours(48)) CHECK_FALSE(there.contains(name));
    }
  }
}

TEST_CASE("who reads the index holds up neither new series nor commits nor who forgets some") {
  const test::FakeClock clock;
  SeriesTable table(clock);
  const HostId host{1};
  const SeriesId first = table.resolve(host, test::gauge("m", {{"a", "0"}}));
  const HostNames hosts{{host, "h"}};
  bool done_meanwhile = false;
  table.index().visit_values("a", [&](std::string_view) {
    auto others = std::async(std::launch::async, [&] {
      const SeriesId second = table.resolve(host, test::gauge("m", {{"a", "1"}}));
      table.resolve(kNoHost, test::gauge("n", {{"a", "2"}}));
      const bool known = table.knows(std::vector{first, second});
      table.forget(kNoHost);
      return known && table.unstored(std::vector{second}).size() == 1;
    });
    done_meanwhile = others.wait_for(std::chrono::seconds(60)) == std::future_status::ready;
    if (!done_meanwhile) std::abort();  // there is no way out of the lock
    CHECK(others.get());
  });
  CHECK(done_meanwhile);
  CHECK(table.index().label_values("a", hosts) == std::vector<std::string>{"0", "1"});
  CHECK(table.index().select({}, hosts, 9).value().size() == 2);
  CHECK_FALSE(table.index().has_name("n"));
}

}  // namespace
}  // namespace volta
