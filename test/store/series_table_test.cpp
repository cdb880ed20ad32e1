#include "store/series_table.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <future>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
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
  const unsigned seed = test::random_seed();
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

// Two rows of a table with one page change places. The format: sqlite.org/fileformat2.html, 1.6.
void swap_first_rows(const std::filesystem::path& file, const char* table) {
  std::int64_t root = 0;
  std::int64_t page_bytes = 0;
  {
    Connection connection(file.string(), Connection::Mode::writer, 1024);
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    Query query = connection.query("SELECT rootpage FROM sqlite_schema WHERE name=?");
    REQUIRE(query.with(std::string_view(table)).step());
    root = query.integer(0);
    page_bytes = connection.number("PRAGMA page_size");
  }
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  const std::int64_t page = (root - 1) * page_bytes;
  bytes.seekg(page);
  REQUIRE(bytes.get() == 13);  // a leaf
  std::array<char, 4> places{};
  bytes.seekg(page + 8);
  bytes.read(places.data(), places.size());
  std::swap(places[0], places[2]);
  std::swap(places[1], places[3]);
  bytes.seekp(page + 8);
  bytes.write(places.data(), places.size());
  REQUIRE(bytes.flush());
}

TEST_CASE_METHOD(SeriesLife, "series in the wrong order cost themselves and nothing else") {
  write({"m1", "m2", "m3"});
  store.reset();
  swap_first_rows(options.directory / "volta.db", "series");
  reopen();
  CHECK(names() == std::set<std::string>{"m2", "m3"});
  CHECK(store->source().select({}, {0, INT64_MAX}, 10).value().size() == 2);
  CHECK_FALSE(store->check().sound());
  write({"m4"});
  CHECK(names().contains("m4"));
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

TEST_CASE("hosts with the same series share what defines them, as long as one of them is there") {
  test::FakeClock clock;
  SeriesTable table(clock);
  const SeriesDef def = test::gauge("m", {{"a", "1"}});
  SeriesDef variant = def;
  variant.unit = "W";
  const auto shared = [&](std::uint32_t host, const SeriesDef& series) {
    return table.record(table.resolve(HostId{host}, series))->shared;
  };
  const std::weak_ptr<const SeriesDef> first = shared(1, def);
  CHECK(shared(2, def) == first.lock());
  CHECK(shared(2, variant) != first.lock());
  CHECK(shared(0, def) != first.lock());  // a foreign one
  table.forget(HostId{1});
  CHECK(table.size() == 3);
  CHECK(shared(2, def) == first.lock());
  clock.advance(hours(24 * 8));
  CHECK(table.forget_idle(std::vector{table.resolve(HostId{2}, variant)}, 9).empty());
  CHECK(table.forget_idle(table.ids(HostId{2}), 1).size() == 1);
  CHECK(table.size() == 2);
  CHECK(shared(2, variant)->unit == "W");
  CHECK(table.index().select({}, {}, 9).value().size() == 1);
  CHECK(first.expired());
}

TEST_CASE("series of a host are found by name, then labels; of variants the newest") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const test::FakeClock clock;
  SeriesTable table(clock);
  std::map<std::pair<std::string, Labels>, std::vector<SeriesId>> all;  // of host 1
  for (int round = 0; round < 500; ++round) {
    const HostId host{static_cast<std::uint32_t>(1 + random() % 2)};
    SeriesDef def = test::gauge("m" + std::to_string(random() % 9));
    if (random() % 2 == 0) def.labels.emplace_back("a", std::to_string(random() % 20));
    if (random() % 3 == 0) def.scale = static_cast<std::int8_t>(random() % 3);
    const SeriesId id = table.resolve(host, def);
    CHECK(table.resolve(host, def) == id);
    if (host == HostId{2}) continue;
    auto& known = all[{def.name, def.labels}];
    if (std::find(known.begin(), known.end(), id) == known.end()) known.push_back(id);
  }
  const auto found = table.find(HostId{1}, "*");
  REQUIRE(found.size() == all.size());
  std::size_t place = 0;
  std::size_t named_m1 = 0;
  for (const auto& [key, ids] : all) {
    const SeriesRecord& record = found[place++];
    CHECK(record.id == ids.back());
    CHECK(record.host == HostId{1});
    CHECK(record.def.name == key.first);
    CHECK(record.def.labels == key.second);
    named_m1 += key.first == "m1" ? 1 : 0;
    const auto variants = table.variants(HostId{1}, ids.front());
    REQUIRE(variants.size() == ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) CHECK(variants[i]->id == ids[i]);
    CHECK(table.variants(HostId{2}, ids.front()).empty());
  }
  CHECK(table.find(HostId{1}, "m1").size() == named_m1);
  CHECK(table.find(HostId{3}, "*").empty());
  CHECK(table.size(HostId{1}) + table.size(HostId{2}) == table.size());
  CHECK(table.ids(HostId{1}).size() == table.size(HostId{1}));
}

}  // namespace
}  // namespace volta
