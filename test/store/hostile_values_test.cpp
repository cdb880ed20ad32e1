// What a flipped bit or a careless hand makes of single numbers in the database: whatever one of
// them says, the store opens or refuses in a sentence, answers, takes samples and ends; it never
// aborts, never throws anything but a Failure and never works without end.
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <sqlite3.h>

#include "store/agent.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;

// Of a table and an integer column: the rows that are damaged are its first and its last.
struct HostileColumn {
  std::string table;
  std::string column;
  std::string key;  // of its rows, in SQL
};

std::vector<std::string> hostile_values() {
  return {"9223372036854775807",
          "-9223372036854775807 - 1",
          "-1",
          "0",
          "1",
          "4294967296",
          "2147483648",
          "1000000000000000",
          "4611686018427387904",
          "6917529027641081855",
          "'x'",
          "x'00ff'",
          "NULL",
          "1e300"};
}

class HostileValues {
 public:
  HostileValues() {
    options.directory = dir_.path() / "first";
    options.seal_in_background = false;
    fill();
    options.directory = dir_.path() / "next";
  }
  [[nodiscard]] std::vector<HostileColumn> columns() const;
  // Of a fresh copy.
  void damage(const HostileColumn& at, bool last, const std::string& value) const;
  // Opens so often, and does all that a store is for.
  void use(int times);

  StoreOptions options;
  test::FakeClock clock{kStart};

 private:
  void fill();
  void append(Store& store, std::uint64_t run, std::int64_t first_ms);
  static void write(Store& store, const std::string& name, std::int64_t time_ms);
  static void look(Store& store);
  template <typename Work>
  static void attempt(Work work) {
    try {
      work();
    } catch (const Failure&) {  // what the store says to damage
    }
  }

  test::TempDir dir_;
  std::string database_;
};

void HostileValues::append(Store& store, std::uint64_t run, std::int64_t first_ms) {
  const auto host = store.hosts().find("a");
  if (!host) return;
  test::Agent agent(store.journal(), host->id, test::run_id(run));
  agent.define(test::gauge("m"));
  agent.define(test::counter("c_total"));
  for (int batch = 0; batch < 2; ++batch) {
    for (int tick = 0; tick < 5; ++tick) {
      const std::int64_t time = first_ms + batch * 10'000 + tick * 1000;
      agent.tick(time, std::vector<Reading>{{0, 7}, {1, static_cast<std::uint64_t>(time)}});
    }
    test::commit(store.journal(), agent.finish());
  }
}

void HostileValues::write(Store& store, const std::string& name, std::int64_t time_ms) {
  LabeledSamples samples{std::make_shared<const Labels>(Labels{{"__name__", name}}), {}, {}};
  for (int i = 0; i < 5; ++i) {
    samples.times_ms.push_back(time_ms + i * 1000);
    samples.values.push_back(i);
  }
  store.sink().write(std::vector{samples});
}

// Sealed hours of a host and of none, newer samples of both in the journals, and a row in each
// further table. Without STRICT and NOT NULL, so that any value can be put anywhere, as a flipped
// type in a record does.
void HostileValues::fill() {
  {
    Store store(options, clock);
    REQUIRE(store.hosts().add("a", test::token(1)));
    REQUIRE(store.hosts().add("b", test::token(2)));
    append(store, 1, kStart);
    append(store, 2, kStart + 3'600'000);
    write(store, "f", kStart);
    write(store, "g", kStart + 3'600'000);
    clock.advance(std::chrono::hours(2));
    store.seal_all();
    append(store, 3, clock.wall_ms() - 60'000);
    append(store, 4, kStart + 20'000);
    write(store, "f", clock.wall_ms() - 60'000);
    write(store, "h", kStart + 20'000);
    store.sink().describe(std::vector{MetricMetadata{"f", "gauge", "help", ""}});
    store.forward_log().save("r", "state", {3, 0});
  }
  const std::string file = (options.directory / "volta.db").string();
  Connection(file, Connection::Mode::writer, 1000)
      .execute(
          "INSERT INTO bad_pack SELECT id, tier, host_id, end_ms, span_ms, 0, 'why', data FROM pack"
          " LIMIT 1");
  // volta's own connections do not let the schema be written.
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  CHECK(sqlite3_exec(database,
                     "PRAGMA writable_schema=ON;"
                     "UPDATE sqlite_schema SET sql=replace(replace(replace(sql,"
                     " 'STRICT, WITHOUT', 'WITHOUT'), ' STRICT', ''), ' NOT NULL', '');"
                     "PRAGMA wal_checkpoint(TRUNCATE)",
                     nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
  std::ifstream in(file, std::ios::binary);
  database_ = {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<HostileColumn> HostileValues::columns() const {
  Connection connection((dir_.path() / "first/volta.db").string(), Connection::Mode::reader, 1000);
  Query query = connection.query(
      "SELECT t.name, c.name, CASE t.wr WHEN 0 THEN 'rowid' ELSE (SELECT group_concat(name) FROM"
      " pragma_table_info(t.name) WHERE pk > 0 ORDER BY pk) END FROM pragma_table_list AS t,"
      " pragma_table_info(t.name) AS c WHERE t.schema='main' AND c.type='INTEGER'"
      " UNION ALL SELECT 'sqlite_sequence', 'seq', 'rowid' ORDER BY 1, 2");
  std::vector<HostileColumn> found;
  while (query.step()) {
    found.push_back(
        {std::string(query.text(0)), std::string(query.text(1)), std::string(query.text(2))});
  }
  return found;
}

void HostileValues::damage(const HostileColumn& at, bool last, const std::string& value) const {
  std::filesystem::remove_all(options.directory);
  dir_.write("next/volta.db", database_);
  std::string order = at.key;
  if (const auto comma = order.find(','); last && comma != std::string::npos) {
    order.insert(comma, " DESC");
  }
  if (last) order += " DESC";
  const std::string sql = "UPDATE OR IGNORE " + at.table + " SET " + at.column + "=" + value +
                          " WHERE (" + at.key + ") = (SELECT " + at.key + " FROM " + at.table +
                          " ORDER BY " + order + " LIMIT 1)";
  Connection connection((options.directory / "volta.db").string(), Connection::Mode::writer, 1000);
  attempt([&] { connection.execute(sql); });  // a key takes no text
}

void HostileValues::look(Store& store) {
  attempt([&] { static_cast<void>(store.check()); });
  attempt([&] { static_cast<void>(store.stats(10)); });
  for (const TimeSpan span : {TimeSpan{INT64_MIN, INT64_MAX}, TimeSpan{kStart, kStart + 90'000}}) {
    attempt([&] {
      const auto series = store.source().select({}, span, 1000);
      if (!series) return;
      store.source().read(*series, span, [](std::size_t, const SampleSlice&) { return true; });
      for (const Tier tier : {Tier::minute, Tier::hour}) {
        const TimeSpan ends{kStart - 7'200'000, kStart + 72'000'000};
        store.source().read_windows(*series, tier, ends,
                                    [](std::size_t, const WindowColumn&) { return true; });
      }
    });
    attempt([&] { store.source().label_names({}, span); });
  }
  attempt([&] {
    ForwardPosition at = store.forward_log().forgotten();
    for (int i = 0; i < 3; ++i) {
      const auto rows = store.forward_log().read_after(at, 1000);
      if (!rows.empty()) at = rows.back().position;
    }
    store.forward_log().save("r", "state", at);
  });
}

void HostileValues::use(int times) {
  for (int opened = 0; opened < times; ++opened) {
    attempt([&] {
      Store store(options, clock);
      look(store);
      const std::int64_t now = clock.wall_ms();
      attempt([&] { append(store, 4, now - 5000); });
      attempt([&] { append(store, 5 + static_cast<std::uint64_t>(opened), kStart + 40'000); });
      attempt([&] { write(store, "f", now - 5000); });
      attempt([&] { write(store, "new", kStart + 40'000); });
      attempt([&] { store.seal_due(); });
      attempt([&] { store.maintain(); });
      look(store);
      attempt([&] { store.seal_all(); });
      attempt([&] {
        static_cast<void>(store.back_up(options.directory / ("copy" + std::to_string(opened))));
      });
      look(store);
    });
  }
}

// As many as a short test has time for, in turn; each ends soon, for nothing in it waits.
TEST_CASE_METHOD(HostileValues, "no number of the database stops the store") {
  const std::vector<std::string> values = hostile_values();
  std::size_t turn = 0;
  for (const HostileColumn& column : columns()) {
    const bool last = turn % 2 == 1;
    const std::string& value = values[turn++ % values.size()];
    CAPTURE(column.table, column.column, last, value);
    damage(column, last, value);
    REQUIRE_NOTHROW(use(1));
  }
}

TEST_CASE_METHOD(HostileValues, "ids beyond all others stop nothing") {
  for (const auto& [column, value] : std::vector<std::pair<HostileColumn, std::string>>{
           {{"pack", "id", "rowid"}, "0"},
           {{"series", "id", "rowid"}, "-1"},
           {{"series", "id", "rowid"}, "4294967296"},
           {{"slot", "series_id", "run_id,slot"}, "4294967295"},
           {{"journal", "id", "rowid"}, "9223372036854775807"}}) {
    CAPTURE(column.table, column.column, value);
    damage(column, false, value);
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE_NOTHROW(use(2));
    // Nothing goes on for ever; a disk may be slow.
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::minutes(2));
  }
}

TEST_CASE_METHOD(HostileValues, "every number of the database, with every hostile value", "[.]") {
  for (const HostileColumn& column : columns()) {
    for (const bool last : {false, true}) {
      for (const std::string& value : hostile_values()) {
        CAPTURE(column.table, column.column, last, value);
        damage(column, last, value);
        REQUIRE_NOTHROW(use(2));
      }
    }
  }
}

}  // namespace
}  // namespace volta
