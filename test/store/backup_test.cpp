#include "store/backup.hpp"

#include <fstream>
#include <thread>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "store/agent.hpp"
#include "store/check.hpp"
#include "store/fault_disk.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;

StoreOptions backup_options(const std::filesystem::path& directory) {
  StoreOptions options;
  options.directory = directory;
  options.raw_age = std::chrono::milliseconds(0);
  return options;
}

WriteOutcome write_foreign(Store& store, std::int64_t time, double value) {
  const auto labels = std::make_shared<const Labels>(Labels{{"__name__", "m"}});
  return store.sink().write(std::vector<LabeledSamples>{{labels, {time}, {value}}});
}

// Some of everything.
void fill_store(Store& store) {
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  test::Agent agent(store.journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("g", {{"k", "1"}}));
  const Slot other = agent.define(test::gauge("g", {{"k", "2"}}));
  for (int i = 0; i < 20; ++i) {
    agent.tick(kStart + i * 1000, std::vector<Reading>{{slot, 1}, {other, 2}});
    REQUIRE(test::commit(store.journal(), agent.finish()));
  }
  REQUIRE(write_foreign(store, kStart, 1).state == WriteState::committed);
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST_CASE("a backup that its disk has no room for names the backup, and leaves nothing") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  test::FaultDisk disk;
  Store store(backup_options(dir.path() / "data"), clock);
  fill_store(store);
  std::filesystem::create_directories(dir.path() / "out");
  const auto file = dir.path() / "out" / "copy.sqlite";
  disk.break_at(test::FaultDisk::Fault::full_for_good, 1);
  const auto made = store.back_up(file);
  disk.mend();
  REQUIRE_FALSE(made);
  CHECK(made.error().text == file.string() + " cannot be written: its disk is full");
  CHECK(names_in(dir.path() / "out").empty());
  CHECK(store.back_up(file));
}

TEST_CASE("a backup made while samples come in is the store as it was at one moment") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  Store store(backup_options(dir.path() / "data"), clock);
  fill_store(store);
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> written{0};
  std::thread sender([&] {
    for (std::int64_t i = 1; !stop; ++i) {
      if (write_foreign(store, kStart + i, static_cast<double>(i)).state == WriteState::committed) {
        written = i;
      }
    }
  });
  while (written < 20) std::this_thread::yield();
  const std::int64_t before = written;
  std::filesystem::create_directories(dir.path() / "out");
  const auto file = dir.path() / "out" / "copy.sqlite";
  const auto made = store.back_up(file);
  stop = true;
  sender.join();
  REQUIRE(made);
  CHECK(names_in(dir.path() / "out") == std::vector<std::string>{"copy.sqlite"});
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(status.st_nlink == 1);

  REQUIRE(restore_store(file, dir.path() / "restored"));
  Store restored(backup_options(dir.path() / "restored"), clock);
  CHECK(restored.check().problems == std::vector<std::string>{});
  CHECK(restored.hosts().find("a"));
  const auto series = restored.source().select({}, {0, INT64_MAX}, 10).value();
  REQUIRE(series.size() == 3);
  restored.source().read(series, {0, INT64_MAX}, [&](std::size_t at, const SampleSlice& samples) {
    if (series[at].labels->size() == 1) {  // the foreign one: all up to some sample
      CHECK(static_cast<std::int64_t>(samples.times_ms.size()) > before);
      CHECK(samples.times_ms.back() - kStart + 1 ==
            static_cast<std::int64_t>(samples.times_ms.size()));
    } else {
      CHECK(samples.times_ms.size() == 20);
    }
    return true;
  });
}

TEST_CASE("neither a backup nor a restore overwrites anything") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  dir.write("there", "mine");
  {
    Store store(backup_options(dir.path() / "data"), clock);
    fill_store(store);
    const auto refused = store.back_up(dir.path() / "there");
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().text, Catch::Contains("exists"));
    std::filesystem::create_symlink(dir.path() / "nowhere", dir.path() / "link");
    CHECK_FALSE(store.back_up(dir.path() / "link"));
    CHECK_FALSE(store.back_up(dir.path() / "no folder" / "x"));
    REQUIRE(store.back_up(dir.path() / "copy"));
    CHECK_THROWS_AS(restore_store(dir.path() / "copy", dir.path() / "data"), StoreError);  // locked
  }
  CHECK(std::filesystem::file_size(dir.path() / "there") == 4);
  const auto refused = restore_store(dir.path() / "copy", dir.path() / "data");
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().text, Catch::Contains("there is a store"));
}

TEST_CASE("what is no sound backup is not restored") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  {
    Store store(backup_options(dir.path() / "data"), clock);
    fill_store(store);
    REQUIRE(store.back_up(dir.path() / "copy"));
  }
  const auto refusal = [&](const std::string& name) {
    const auto answer = restore_store(dir.path() / name, dir.path() / "restored");
    REQUIRE_FALSE(answer);
    CHECK_FALSE(holds_store(dir.path() / "restored"));
    return answer.error().text;
  };
  CHECK_THAT(refusal("missing"), Catch::Contains("not there"));
  dir.write("text", "hello");
  CHECK_THAT(refusal("text"), Catch::Contains("cannot be restored"));
  dir.write("empty", "");
  CHECK_THAT(refusal("empty"), Catch::Contains("not a store"));
  std::filesystem::copy(dir.path() / "copy", dir.path() / "newer");
  Connection((dir.path() / "newer").string(), Connection::Mode::writer, 1000)
      .execute("PRAGMA user_version=999");
  CHECK_THAT(refusal("newer"), Catch::Contains("newer volta"));
  std::filesystem::copy(dir.path() / "copy", dir.path() / "cut");
  std::filesystem::resize_file(dir.path() / "cut", 8192);
  CHECK_THAT(refusal("cut"), Catch::Contains("cannot be restored"));
}

TEST_CASE("a copied database is not restored without the WAL that belongs to it") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  {
    Store store(backup_options(dir.path() / "data"), clock);
    fill_store(store);
    for (const char* ending : {"", "-wal"}) {
      std::filesystem::copy(dir.path() / "data" / (std::string("volta.db") + ending),
                            dir.path() / (std::string("copy") + ending));
    }
  }
  const auto refused = restore_store(dir.path() / "copy", dir.path() / "restored");
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().text, Catch::Contains("copy-wal") && Catch::Contains("volta backup"));
  CHECK_FALSE(holds_store(dir.path() / "restored"));
  // As the refusal says: both files together are the store.
  std::filesystem::create_directory(dir.path() / "moved");
  for (const char* ending : {"", "-wal"}) {
    std::filesystem::copy(dir.path() / (std::string("copy") + ending),
                          dir.path() / "moved" / (std::string("volta.db") + ending));
  }
  CHECK(Store(backup_options(dir.path() / "moved"), clock).check().rows == 21);
}

TEST_CASE("nothing is restored over the WAL of a database that was moved away") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  {
    Store store(backup_options(dir.path() / "data"), clock);
    fill_store(store);
    REQUIRE(store.back_up(dir.path() / "copy"));
  }
  dir.write("other/volta.db-wal", "what only it has");
  CHECK_THROWS_WITH(
      restore_store(dir.path() / "copy", dir.path() / "other"),
      Catch::Contains("other/volta.db is missing") && Catch::Contains("volta.db-wal"));
  CHECK(std::filesystem::file_size(dir.path() / "other" / "volta.db-wal") == 16);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "other" / "volta.db"));
  dir.write("other/volta.db-wal", "");
  CHECK(restore_store(dir.path() / "copy", dir.path() / "other"));
}

TEST_CASE("an empty database is in the way of a restore, and is called what it is") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  {
    Store store(backup_options(dir.path() / "data"), clock);
    fill_store(store);
    REQUIRE(store.back_up(dir.path() / "copy"));
  }
  dir.write("other/volta.db", "");
  dir.write("other/volta.db-wal", "what only it has");
  CHECK_THROWS_WITH(restore_store(dir.path() / "copy", dir.path() / "other"),
                    Catch::Contains("other/volta.db is empty") && Catch::Contains("volta.db-wal"));
  dir.write("other/volta.db-wal", "");
  const auto refused = restore_store(dir.path() / "copy", dir.path() / "other");
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().text,
             Catch::Contains("other/volta.db is there, and empty") && Catch::Contains("remove it"));
  std::filesystem::remove(dir.path() / "other" / "volta.db");  // as it says
  CHECK(restore_store(dir.path() / "copy", dir.path() / "other"));
}

TEST_CASE("a check finds rows that do not decode and rows without their owner") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  {
    Store store(backup_options(dir.path() / "data"), clock);
    fill_store(store);
    const StoreCheck check = store.check();
    CHECK(check.sound());
    CHECK(check.rows == 21);
    CHECK(check.samples == 41);
  }
  const std::string database = (dir.path() / "data" / "volta.db").string();
  struct Damage {
    const char* sql;
    const char* found;
  };
  for (const Damage& damage : {
           Damage{"UPDATE journal SET payload=x'0102' WHERE seq=7", "1 of 20 rows"},
           Damage{"UPDATE foreign_row SET payload=x'0102'", "foreign samples does not decode"},
           Damage{"UPDATE foreign_row SET points=2", "1 values instead of 2"},
           Damage{"DELETE FROM run", "runs that are not there"},
           Damage{"DELETE FROM keyframe", "groups that are not there"},
           Damage{"DELETE FROM series", "series that are not there"},
       }) {
    CAPTURE(damage.sql);
    Connection connection(database, Connection::Mode::writer, 1000);
    connection.execute("BEGIN");
    connection.execute(damage.sql);
    const StoreCheck check = check_store(connection);
    connection.execute("ROLLBACK");
    REQUIRE_FALSE(check.sound());
    std::string all;
    for (const std::string& problem : check.problems) all += problem + "\n";
    CHECK_THAT(all, Catch::Contains(damage.found));
  }
}

TEST_CASE("statistics count samples, series and bytes, and name what has the most series") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  Store store(backup_options(dir.path() / "data"), clock);
  fill_store(store);
  const StoreStats stats = store.stats(1);
  CHECK(stats.whole.samples == 41);
  CHECK(stats.whole.series == 3);
  CHECK(stats.whole.bytes > 40'000);
  CHECK(stats.whole.bytes_per_sample() == Approx(double(stats.whole.bytes) / 41));
  CHECK(stats.tiers.at(Tier::raw).samples == 41);
  CHECK(stats.tiers.at(Tier::raw).bytes > 500);
  CHECK(stats.tiers.at(Tier::raw).bytes < stats.whole.bytes);
  CHECK(stats.tiers.at(Tier::raw).series == 3);
  CHECK(stats.tiers.at(Tier::minute).samples == 0);
  CHECK(stats.tiers.at(Tier::minute).series == 0);
  CHECK(stats.tiers.at(Tier::hour).bytes_per_sample() == 0);
  REQUIRE(stats.series_of_metric.size() == 1);
  CHECK(stats.series_of_metric[0].name == "g");
  CHECK(stats.series_of_metric[0].count == 2);
  CHECK(stats.series_of_host.at(0).name == "a");
  CHECK(stats.values_of_label.at(0).name == "k");
  CHECK(stats.values_of_label.at(0).count == 2);
  CHECK(store.stats(10).series_of_host.size() == 2);
}

}  // namespace
}  // namespace volta
