#include "store/disk_space.hpp"

#include <atomic>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/schema.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

constexpr std::int64_t kMb = 1'000'000;
using test::kStart;

TEST_CASE("how much of a disk is left to others") {
  const auto check = [](std::int64_t total_mb, std::int64_t reserve_mb) {
    CAPTURE(total_mb);
    CHECK(DiskSpace{total_mb * kMb, 0}.reserve_bytes() == reserve_mb * kMb);
  };
  check(0, 0);
  check(100, 5);
  check(2'000, 100);
  check(4'000, 200);
  check(20'000, 200);
  check(50'000, 500);
  check(100'000, 1000);
  check(20'000'000, 1000);
}

TEST_CASE("the room of a file system is that of its free blocks") {
  const test::TempDir dir;
  const auto space = disk_space(dir.path());
  const auto told = std::filesystem::space(dir.path());
  REQUIRE(space);
  CHECK(space->total_bytes == static_cast<std::int64_t>(told.capacity));
  CHECK(space->available_bytes > 0);
  CHECK(space->available_bytes <= space->total_bytes);
  CHECK_FALSE(disk_space(dir.path() / "nothing"));
}

TEST_CASE("a disk is low from the reserve on, until there is clearly more again") {
  std::optional<DiskSpace> now;
  DiskWatch watch([&](const auto&) { return now; }, "/");
  const auto check = [&](std::int64_t available_mb, bool low) {
    CAPTURE(available_mb);
    now = DiskSpace{20'000 * kMb, available_mb * kMb};
    CHECK(watch.look() == low);
    CHECK(watch.low() == low);
  };
  check(200, false);
  check(199, true);
  check(200, true);
  check(224, true);
  check(225, false);
  check(201, false);
  check(0, true);
  now.reset();  // a file system that does not say is no reason to stop
  CHECK_FALSE(watch.look());
}

TEST_CASE("a nearly full disk makes the store read-only before it is full") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  std::atomic<std::int64_t> available{300 * kMb};
  StoreOptions options;
  options.directory = dir.path() / "data";
  options.disk_space = [&](const auto&) { return DiskSpace{20'000 * kMb, available.load()}; };
  auto opened = std::make_unique<Store>(options, clock);
  Store& store = *opened;
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  test::Agent agent(store.journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  REQUIRE(test::commit(store.journal(), agent.finish_one(slot, kStart)) == CommitState::committed);
  available = 100 * kMb;
  store.maintain();
  CHECK_FALSE(store.writable());
  const JournalEntry late = agent.finish_one(slot, kStart + 1000);
  CHECK_FALSE(test::commit(store.journal(), late));
  CHECK(store.reader().read(host, std::vector{agent.series(slot)}, 0, INT64_MAX)[0].times_ms ==
        std::vector<std::int64_t>{kStart});
  CHECK(store.hosts().set_disabled(host, true));  // people can still act

  available = 300 * kMb;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!store.writable() && std::chrono::steady_clock::now() < deadline) store.maintain();
  REQUIRE(store.writable());
  CHECK(test::commit(store.journal(), late) == CommitState::committed);

  opened.reset();
  available = 100 * kMb;  // from the start, too
  Store next(options, clock);
  next.maintain();
  CHECK_FALSE(next.writable());
}

// Calls maintain() until the store takes data again, or long enough.
bool recovers(Store& store) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!store.writable() && std::chrono::steady_clock::now() < deadline) store.maintain();
  return store.writable();
}

TEST_CASE("a probe that was broken off does not keep the store read-only") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  std::atomic<std::int64_t> available{300 * kMb};
  StoreOptions options;
  options.directory = dir.path() / "data";
  options.disk_space = [&](const auto&) { return DiskSpace{20'000 * kMb, available.load()}; };
  { const Store store(options, clock); }
  {
    Connection killed((options.directory / kDatabaseName).string(), Connection::Mode::writer, 256);
    killed.execute("INSERT INTO probe(id, filler) VALUES (1, zeroblob(262144))");
  }
  available = 100 * kMb;
  Store store(options, clock);
  store.maintain();
  REQUIRE_FALSE(store.writable());
  available = 300 * kMb;
  CHECK(recovers(store));
}

TEST_CASE("who asks for all to be sealed is told that a full disk does not let it") {
  const test::TempDir dir;
  const test::FakeClock clock(kStart);
  std::atomic<std::int64_t> available{300 * kMb};
  StoreOptions options;
  options.directory = dir.path() / "data";
  options.seal_in_background = false;
  options.disk_space = [&](const auto&) { return DiskSpace{20'000 * kMb, available.load()}; };
  Store store(options, clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  test::Agent agent(store.journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  REQUIRE(test::commit(store.journal(), agent.finish_one(slot, kStart)) == CommitState::committed);
  available = 100 * kMb;
  store.maintain();
  CHECK_THROWS_WITH(store.seal_all(), Catch::Contains("not all was sealed"));
  CHECK_NOTHROW(store.seal_due());  // what is done in the background waits
  CHECK(store.sealed_windows(INT64_MAX).empty());
  available = 300 * kMb;
  REQUIRE(recovers(store));
  store.seal_all();
  CHECK(store.sealed_windows(INT64_MAX).size() == 1);
}

}  // namespace
}  // namespace volta
