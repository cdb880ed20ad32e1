// What a crash, a torn write or a careless hand leaves of the files: the store opens with what was
// whole and goes on, or refuses in a sentence.
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include <catch2/catch.hpp>
#include <sys/mount.h>
#include <unistd.h>

#include "store/agent.hpp"
#include "store/inspect.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
constexpr std::uint64_t kBatches = 40;

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// A database and its WAL as kill -9 leaves them: half of the batches are in each.
class LeftBehind {
 public:
  LeftBehind() {
    options.directory = dir_.path() / "first";
    Store store(options, clock);
    REQUIRE(store.hosts().add("a", test::token(1)));
    send(store, 1, kBatches / 2);
    store.maintain();
    send(store, kBatches / 2 + 1, kBatches);
    database = content(options.directory / "volta.db");
    wal = content(options.directory / "volta.db-wal");
    REQUIRE(wal.size() > 20 * 4096);
    options.directory = dir_.path() / "next";
  }
  // Encodes all batches from the first, as the agent would again, and sends some.
  void send(Store& store, std::uint64_t from, std::uint64_t to) const {
    const HostId host = store.hosts().find("a").value().id;
    test::Agent agent(store.journal(), host, test::run_id(1));
    agent.define(test::gauge("m"));
    for (std::uint64_t seq = 1; seq <= to; ++seq) {
      JournalEntry entry = agent.finish_one(0, time_of(seq), seq * seq);
      if (seq < from) continue;
      REQUIRE(test::commit(store.journal(), std::move(entry)) == CommitState::committed);
    }
  }
  void put(std::string_view database_bytes, std::optional<std::string_view> wal_bytes) const {
    std::filesystem::remove_all(options.directory);
    dir_.write("next/volta.db", database_bytes);
    if (wal_bytes) dir_.write("next/volta.db-wal", *wal_bytes);
  }
  // Opens, checks that a beginning of the batches is there and nothing else, sends all of them, and
  // checks that each is there once. Answers how many there were.
  std::uint64_t check_and_go_on() const {
    std::uint64_t durable = 0;
    {
      Store store(options, clock);
      const auto host = store.hosts().find("a");
      REQUIRE(host);
      durable = store.journal().run_state(host->id, test::run_id(1)).durable_seq;
      check_samples(store, host->id, durable);
      send(store, 1, kBatches);
      check_samples(store, host->id, kBatches);
    }
    Connection connection((options.directory / "volta.db").string(), Connection::Mode::reader, 99);
    Query check = connection.query("PRAGMA integrity_check");
    REQUIRE(check.step());
    CHECK(check.text(0) == "ok");
    CHECK(connection.number("SELECT count(*) FROM journal") == kBatches);
    return durable;
  }

  StoreOptions options;
  test::FakeClock clock{kStart};
  std::string database;
  std::string wal;

 private:
  static std::int64_t time_of(std::uint64_t seq) {
    return kStart + static_cast<std::int64_t>(seq) * 1000;
  }
  static void check_samples(Store& store, HostId host, std::uint64_t count) {
    const SeriesId id = store.journal().resolve(host, test::gauge("m"));
    const auto column = store.reader().read(host, std::vector{id}, 0, INT64_MAX)[0];
    REQUIRE(column.times_ms.size() == count);
    for (std::uint64_t seq = 1; seq <= count; ++seq) {
      REQUIRE(column.times_ms[seq - 1] == time_of(seq));
      REQUIRE(column.values[seq - 1] == static_cast<double>(seq * seq));
    }
  }

  test::TempDir dir_;
};

StoreError refusal(const LeftBehind& left) {
  try {
    const Store store(left.options, left.clock);
  } catch (const StoreError& error) {
    return error;
  }
  FAIL("the store opened");
  std::abort();
}

TEST_CASE_METHOD(LeftBehind, "a WAL that is whole gives everything back") {
  put(database, wal);
  CHECK(check_and_go_on() == kBatches);
}

TEST_CASE_METHOD(LeftBehind, "a WAL that is gone or empty costs what was only there") {
  put(database, std::nullopt);
  CHECK(check_and_go_on() == kBatches / 2);
  put(database, "");
  CHECK(check_and_go_on() == kBatches / 2);
}

TEST_CASE_METHOD(LeftBehind, "a torn or flipped WAL keeps what was whole before the spot") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::uint64_t least = kBatches;
  std::uint64_t most = 0;
  for (int round = 0; round < 30; ++round) {
    const std::size_t at = random() % wal.size();
    CAPTURE(at);
    std::string torn = wal;
    if (round % 2 == 0) {
      torn.resize(at);
    } else {
      torn[at] = static_cast<char>(torn[at] ^ 0x10);
    }
    put(database, torn);
    const std::uint64_t durable = check_and_go_on();
    CHECK(durable >= kBatches / 2);
    least = std::min(least, durable);
    most = std::max(most, durable);
  }
  CHECK(least < most);
}

TEST_CASE_METHOD(LeftBehind, "an emptied database is a new store, never one made of remains") {
  put("", std::nullopt);
  {
    Store store(options, clock);
    CHECK(store.hosts().list().empty());
    CHECK(store.hosts().add("a", test::token(1)));
  }
  CHECK(check_and_go_on() == 0);
}

TEST_CASE_METHOD(LeftBehind, "a WAL whose database is gone or empty is refused and kept") {
  for (const bool gone : {true, false}) {
    CAPTURE(gone);
    put("", wal);
    const auto file = options.directory / "volta.db";
    if (gone) std::filesystem::remove(file);
    const StoreError error = refusal(*this);
    CHECK(error.kind() == StoreError::Kind::incomplete);
    CHECK_THAT(error.what(),
               Catch::Contains(file.string() + (gone ? " is missing" : " is empty")) &&
                   Catch::Contains(file.string() + "-wal") && Catch::Contains("put volta.db back"));
    CHECK_THROWS_AS(holds_samples(options.directory), StoreError);
    CHECK(content(options.directory / "volta.db-wal") == wal);
    CHECK(std::filesystem::exists(file) != gone);
    std::ofstream(file, std::ios::binary) << database;
    CHECK(check_and_go_on() == kBatches);
  }
}

TEST_CASE_METHOD(LeftBehind, "a database cut short is refused in a sentence") {
  for (const std::size_t length : {std::size_t{2}, std::size_t{50}, std::size_t{4096},
                                   database.size() / 2, database.size() - 4096}) {
    CAPTURE(length);
    put(database.substr(0, length), std::nullopt);
    const StoreError error = refusal(*this);
    CHECK(error.kind() == StoreError::Kind::damaged);
    CHECK_THAT(error.what(), Catch::Contains(options.directory.string()));
    CHECK(std::filesystem::file_size(options.directory / "volta.db") == length);
  }
}

TEST_CASE_METHOD(LeftBehind, "a database that lacks a table is refused as damaged") {
  put(database, wal);
  {
    Connection connection((options.directory / "volta.db").string(), Connection::Mode::writer, 99);
    connection.execute("DROP TABLE slot");
  }
  try {
    const Store store(options, clock);
    FAIL("it opened");
  } catch (const StoreError& error) {
    CHECK(error.kind() == StoreError::Kind::damaged);
    CHECK_THAT(error.what(), Catch::Matchers::Contains("no such table: slot"));
  }
}

// The first leaf of a table of several pages becomes noise, as a bad block of a disk does. The
// format: sqlite.org/fileformat2.html, 1.6.
void break_first_leaf(const std::filesystem::path& file, const char* table) {
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
  const auto big_endian = [&](std::int64_t at, int size) {
    bytes.seekg(at);
    std::int64_t number = 0;
    for (int i = 0; i < size; ++i) number = number << 8 | bytes.get();
    return number;
  };
  const std::int64_t page = (root - 1) * page_bytes;
  REQUIRE(big_endian(page, 1) == 5);  // it has leaves below it
  const std::int64_t first_cell = page + big_endian(page + 12, 2);
  const std::int64_t leaf = (big_endian(first_cell, 4) - 1) * page_bytes;
  REQUIRE(big_endian(leaf, 1) == 13);
  bytes.seekp(leaf);
  bytes << std::string(static_cast<std::size_t>(page_bytes), '\xa5');
  REQUIRE(bytes.flush());
}

TEST_CASE("a damaged page of the oldest packs costs what is in it") {
  constexpr std::int64_t kHour = 3'600'000;
  constexpr int kHours = 60;
  const test::TempDir dir;
  test::FakeClock clock(kStart);
  StoreOptions options;
  options.directory = dir.path() / "data";
  options.seal_in_background = false;
  options.raw_age = std::chrono::milliseconds(0);
  SeriesId id{};
  HostId host{};
  {
    Store store(options, clock);
    host = store.hosts().add("a", test::token(1)).value().id;
    test::Agent agent(store.journal(), host, test::run_id(1));
    agent.define(test::gauge("m"));
    for (int i = 0; i < kHours; ++i) {
      REQUIRE(test::commit(store.journal(), agent.finish_one(0, kStart + i * kHour, 7)) ==
              CommitState::committed);
    }
    id = agent.series(0);
    clock.set_wall_ms(kStart + kHours * kHour);
    store.seal_due();
    // The newest is in the journal alone.
    REQUIRE(test::commit(store.journal(), agent.finish_one(0, kStart + kHours * kHour, 9)) ==
            CommitState::committed);
  }
  break_first_leaf(options.directory / "volta.db", "pack");
  Store store(options, clock);
  // What every query asks first.
  for (const Tier tier : {Tier::raw, Tier::minute, Tier::hour}) {
    CHECK(store.source().oldest_ms(tier).value() <= kStart + kHours / 2 * kHour);
  }
  const auto read = [&](std::int64_t start_ms) {
    return store.reader().read(host, std::vector{id}, start_ms, INT64_MAX)[0].values;
  };
  CHECK(read(kStart + kHours * kHour) == std::vector<double>{9});
  CHECK(read(kStart + (kHours - 5) * kHour) == std::vector<double>{7, 7, 7, 7, 7, 9});
  CHECK_THROWS_AS(read(kStart), SqliteFailure);
  CHECK_FALSE(store.check().sound());
}

TEST_CASE_METHOD(LeftBehind, "nothing is acknowledged into a directory that was taken away") {
  const auto away = options.directory.parent_path() / "away";
  Store store(options, clock);
  REQUIRE(store.hosts().add("a", test::token(1)));
  send(store, 1, 2);
  std::filesystem::rename(options.directory, away);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (store.writable() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  REQUIRE_FALSE(store.writable());
  test::Agent agent(store.journal(), store.hosts().find("a").value().id, test::run_id(1));
  agent.define(test::gauge("m"));
  CHECK(test::commit(store.journal(), agent.finish_one(0, kStart + 3000, 9)) !=
        CommitState::committed);
  CHECK_THROWS_WITH(store.hosts().add("b", test::token(2)),
                    Catch::Matchers::Contains("removed or replaced"));
  // The name is free for another one, which does not mend the first.
  const Store other(options, clock);
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  CHECK_FALSE(store.writable());
  CHECK(other.writable());
}

TEST_CASE_METHOD(LeftBehind, "nothing is acknowledged into a store whose files were taken away") {
  for (const char* name : {"volta.db", "volta.db-wal"}) {
    CAPTURE(name);
    const test::TempDir dir;
    options.directory = dir.path();
    Store store(options, clock);
    REQUIRE(store.hosts().add("a", test::token(1)));
    test::Agent agent(store.journal(), store.hosts().find("a").value().id, test::run_id(1));
    agent.define(test::gauge("m"));
    REQUIRE(test::commit(store.journal(), agent.finish_one(0, kStart + 1000, 9)) ==
            CommitState::committed);
    std::filesystem::remove(options.directory / name);
    CHECK(test::commit(store.journal(), agent.finish_one(0, kStart + 2000, 9)) !=
          CommitState::committed);
    CHECK_FALSE(store.writable());
    CHECK_THROWS_WITH(store.hosts().add("b", test::token(2)),
                      Catch::Matchers::Contains("removed or replaced"));
  }
}

TEST_CASE("a directory that cannot be written is refused in a sentence") {
  const test::TempDir dir;
  const auto place = dir.path() / "place";
  std::filesystem::create_directory(place);
  const bool root = ::geteuid() == 0;
  if (root && ::mount("none", place.c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
    WARN("SKIPPED: no right to mount a tmpfs");
    return;
  }
  const test::FakeClock clock(kStart);
  StoreOptions options;
  const auto check = [&](const std::filesystem::path& directory) {
    options.directory = directory;
    CAPTURE(directory);
    try {
      const Store store(options, clock);
      FAIL_CHECK("the store opened");
    } catch (const StoreError& error) {
      CHECK(error.kind() == StoreError::Kind::unwritable);
      CHECK_THAT(error.what(), Catch::Contains(directory.string()));
    }
  };
  options.directory = place / "old";
  { const Store made(options, clock); }
  if (root) {
    REQUIRE(::mount("none", place.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  } else {
    std::filesystem::permissions(place / "old" / "volta.db", std::filesystem::perms::owner_read);
    std::filesystem::permissions(
        place, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  }
  check(place / "old");
  check(place / "new");
  if (root) {
    CHECK(::umount(place.c_str()) == 0);
  } else {
    std::filesystem::permissions(place, std::filesystem::perms::owner_all);
  }
}

}  // namespace
}  // namespace volta
