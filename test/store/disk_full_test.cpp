// A disk that is full for a while. RLIMIT_FSIZE stands for a quota and works for everybody; a small
// tmpfs is the true thing, where the test may mount one.
#include <csignal>
#include <fstream>

#include <catch2/catch.hpp>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::Agent;
using test::commit;

using test::kStart;

class FileSizeLimit {
 public:
  FileSizeLimit() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    lift();
    ::signal(SIGXFSZ, handler_);
  }
  void set(std::uintmax_t bytes) const {
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  void lift() const { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

// Appends incompressible batches until one fails or `most` are in; answers how many are in.
int fill(Store& store, Agent& agent, Slot slot, std::mt19937_64& random, int most,
         std::optional<CommitState>& last) {
  static std::int64_t now = kStart;
  for (int i = 0; i < most; ++i) {
    for (int tick = 0; tick < 1000; ++tick) {
      agent.tick(++now, std::vector<Reading>{{slot, random()}});
    }
    last = commit(store.journal(), agent.finish());
    if (last != CommitState::committed) return i;
  }
  return most;
}

// The store takes no data, then by itself it does again once `make_room` was called.
void check_full_and_back(const std::filesystem::path& directory, std::int64_t wal_bytes,
                         const std::function<void()>& make_full,
                         const std::function<void()>& make_room) {
  const test::FakeClock clock(kStart);
  std::mt19937_64 random(7);
  StoreOptions options;
  options.directory = directory;
  options.wal_bytes = wal_bytes;
  HostId host{};
  SeriesId id{};
  int committed = 0;
  {
    Store store(options, clock);
    host = store.hosts().add("a", test::token(1)).value().id;
    Agent agent(store.journal(), host, test::run_id(1));
    const Slot slot = agent.define(test::gauge("m"));
    id = agent.series(slot);
    std::optional<CommitState> last;
    committed += fill(store, agent, slot, random, 20, last);
    REQUIRE(committed == 20);
    make_full();
    committed += fill(store, agent, slot, random, 5000, last);
    // Empty: the store looked at the disk, which it does once a second, before a commit met its
    // end.
    CHECK(last.value_or(CommitState::disk_full) == CommitState::disk_full);
    CHECK_FALSE(store.writable());
    CHECK_FALSE(commit(store.journal(), agent.finish_one(slot)));
    CHECK(store.reader().read(host, std::vector{id}, 0, INT64_MAX)[0].times_ms.size() ==
          static_cast<std::size_t>(committed) * 1000);
    make_room();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!store.writable() && std::chrono::steady_clock::now() < deadline) store.maintain();
    REQUIRE(store.writable());
    Agent next(store.journal(), host, test::run_id(2));
    next.define(test::gauge("m"));
    committed += fill(store, next, slot, random, 5, last);
    CHECK(last == CommitState::committed);
  }
  Store store(options, clock);
  CHECK(store.reader().read(host, std::vector{id}, 0, INT64_MAX)[0].times_ms.size() ==
        static_cast<std::size_t>(committed) * 1000);
}

TEST_CASE("a file size limit makes the store read-only until it is lifted") {
  const test::TempDir dir;
  const FileSizeLimit limit;
  check_full_and_back(
      dir.path() / "data", 16 << 20, [&] { limit.set(1'000'000); }, [&] { limit.lift(); });
}

TEST_CASE("a full file system makes the store read-only until there is room") {
  const test::TempDir dir;
  const auto mount_point = dir.path() / "small";
  std::filesystem::create_directory(mount_point);
  if (::mount("none", mount_point.c_str(), "tmpfs", 0, "size=6m,mode=0700") != 0) {
    WARN("SKIPPED: no right to mount a tmpfs");
    return;
  }
  check_full_and_back(
      mount_point / "data", 16 << 20,
      [&] { std::ofstream(mount_point / "ballast") << std::string(3'000'000, 'x'); },
      [&] { std::filesystem::remove(mount_point / "ballast"); });
  CHECK(::umount(mount_point.c_str()) == 0);
}

TEST_CASE("a full disk leaves what is sealed readable, and sealing goes on when there is room") {
  constexpr std::int64_t kFullHour = 3'600'000;
  const test::TempDir dir;
  const FileSizeLimit limit;
  test::FakeClock clock(kStart);
  std::mt19937_64 random(9);
  StoreOptions options;
  options.directory = dir.path() / "data";
  options.seal_in_background = false;
  options.head_bytes = 0;
  options.raw_age = std::chrono::milliseconds(0);
  Store store(options, clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  std::optional<Agent> agent;
  Slot slot = 0;
  const auto start_run = [&](std::uint64_t run) {
    agent.emplace(store.journal(), host, test::run_id(run));
    slot = agent->define(test::gauge("m"));
  };
  start_run(1);
  std::size_t committed = 0;
  const auto send = [&](std::int64_t start) {
    agent->force_keyframe();
    for (int tick = 1; tick <= 1000; ++tick) {
      agent->tick(start + tick * 1000, std::vector<Reading>{{slot, random()}});
    }
    const auto state = commit(store.journal(), agent->finish());
    if (state == CommitState::committed) committed += 1000;
    return state;
  };
  const auto check_readable = [&] {
    const std::vector series{agent->series(slot)};
    CHECK(store.reader().read(host, series, 0, INT64_MAX)[0].times_ms.size() == committed);
    QuerySeries asked;
    asked.ref = static_cast<std::uint32_t>(agent->series(slot));
    std::uint64_t in_windows = 0;
    store.source().read_windows(std::vector{asked}, Tier::hour, {0, kStart + 10'000 * kFullHour},
                                [&](std::size_t, const WindowColumn& windows) {
                                  for (const auto count : windows.count) in_windows += count;
                                  return true;
                                });
    CHECK(in_windows == committed);
  };
  const std::int64_t first = (kStart / kFullHour + 1) * kFullHour;
  for (int hour = 0; hour < 20; ++hour) {
    REQUIRE(send(first + hour * kFullHour) == CommitState::committed);
  }
  clock.advance(std::chrono::hours(30));
  store.seal_due();
  check_readable();
  limit.set(std::filesystem::file_size(options.directory / "volta.db") + 100'000);
  auto state = std::optional(CommitState::committed);
  int hour = 20;
  while (state == CommitState::committed && hour < 5000) state = send(first + hour++ * kFullHour);
  CHECK(state == CommitState::disk_full);
  CHECK_FALSE(store.writable());
  CHECK_NOTHROW(store.seal_due());
  check_readable();
  CHECK(store.check().sound());
  CHECK(store.stats(3).whole.samples == committed);
  limit.lift();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!store.writable() && std::chrono::steady_clock::now() < deadline) store.maintain();
  REQUIRE(store.writable());
  start_run(2);
  REQUIRE(send(first + hour * kFullHour) == CommitState::committed);
  clock.advance(std::chrono::hours(24 * 300));
  store.seal_all();
  check_readable();
  CHECK(store.check().sound());
}

}  // namespace
}  // namespace volta
