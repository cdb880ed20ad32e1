// kill -9 while hours are sealed, merged and swept as fast as they can be, beside commits: what the
// store answers afterwards is what a map says.
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.hpp"
#include "store/seal_load.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

using test::kHourMs;
using test::kStart;
using test::Model;
using test::SealerTest;

constexpr Slot kSeries = 6;

StoreOptions sealing_options(const std::filesystem::path& directory) {
  StoreOptions options;
  options.directory = directory;
  options.raw_age = std::chrono::milliseconds(0);
  options.seal_in_background = false;
  options.seal_slice_samples = 200;
  options.seal_slice_bytes = 1;
  options.wal_bytes = 65'536;
  options.head_bytes = 50'000;
  return options;
}

SeriesDef sealing_series(Slot slot) {
  SeriesDef def = slot % 2 == 0 ? test::gauge("s" + std::to_string(slot))
                                : test::counter("s" + std::to_string(slot));
  if (slot == 2) def.type = ValueType::float64;
  if (slot == 3) def.scale = 3;
  return def;
}

std::int64_t epoch_start(std::uint64_t epoch) {
  return kStart + static_cast<std::int64_t>(epoch) * 2 * kHourMs;
}

struct SealingTick {
  std::int64_t time_ms;
  std::vector<Reading> readings;
};

// A batch by its numbers alone, so that both processes know it: three in four are of now, the
// others come late and overwrite in part what is there.
std::vector<SealingTick> sealing_batch(std::uint64_t epoch, std::uint64_t number) {
  std::mt19937_64 random(epoch << 32U | number);
  std::int64_t time = epoch_start(epoch) + static_cast<std::int64_t>(number) * 60'000;
  if (random() % 4 == 0) time -= static_cast<std::int64_t>(random() % (5 * kHourMs));
  time -= time % 1000;
  std::vector<SealingTick> ticks;
  for (int i = 0; i < 15; ++i) {
    time += random() % 10 == 0 ? 0 : 1000;
    std::vector<Reading> readings;
    for (Slot slot = 0; slot < kSeries; ++slot) {
      if (random() % 6 == 0) continue;
      const std::uint64_t raw = random() % 1000;
      readings.push_back(
          {slot, slot == 2 ? std::bit_cast<std::uint64_t>(static_cast<double>(raw) / 8) : raw});
    }
    ticks.push_back({time, readings});
  }
  return ticks;
}

[[noreturn]] void seal_until_killed(const std::string& directory, std::uint64_t epoch) {
  test::FakeClock clock(epoch_start(epoch));
  Store store(sealing_options(directory), clock);
  const auto known = store.hosts().find("a");
  const HostId host = known ? known->id : store.hosts().add("a", test::token(1)).value().id;
  const std::thread sealing([&] {
    for (int round = 1;; ++round) {
      if (round % 3 == 0) {
        store.seal_all();
      } else {
        store.seal_due();
      }
      if (round % 7 == 0) store.maintain();
    }
  });
  test::Agent agent(store.journal(), host, test::run_id(epoch + 1));
  for (Slot slot = 0; slot < kSeries; ++slot) agent.define(sealing_series(slot));
  for (std::uint64_t number = 1;; ++number) {
    if (number % 5 == 0) agent.force_keyframe();
    for (const SealingTick& tick : sealing_batch(epoch, number)) {
      agent.tick(tick.time_ms, tick.readings);
    }
    if (test::commit(store.journal(), agent.finish()) != CommitState::committed) _exit(3);
    if (::write(STDOUT_FILENO, "", 1) != 1) _exit(3);
    clock.advance(std::chrono::seconds(90));
  }
}

// Run in a process of its own by the case below.
TEST_CASE("sealing crash child", "[.child]") {
  const char* directory = std::getenv("VOLTA_CRASH_DIR");
  REQUIRE(directory != nullptr);
  seal_until_killed(directory, std::strtoull(std::getenv("VOLTA_CRASH_EPOCH"), nullptr, 10));
}

// How many batches it had acknowledged.
std::uint64_t run_and_kill(const std::string& directory, std::uint64_t epoch, std::uint64_t after) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const UniqueFd out(ends[0]);
  pid_t pid = 0;
  {
    const UniqueFd in(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in.get(), STDOUT_FILENO);
    std::string program = "/proc/self/exe";
    std::string which = "sealing crash child";
    std::string where = "VOLTA_CRASH_DIR=" + directory;
    std::string when = "VOLTA_CRASH_EPOCH=" + std::to_string(epoch);
    std::array<char*, 3> arguments{program.data(), which.data(), nullptr};
    std::array<char*, 3> environment{where.data(), when.data(), nullptr};
    REQUIRE(::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(),
                          environment.data()) == 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  std::uint64_t acknowledged = 0;
  bool killed = false;
  for (char byte = 0; ::read(out.get(), &byte, 1) == 1;) {
    if (++acknowledged < after || killed) continue;
    REQUIRE(::kill(pid, SIGKILL) == 0);
    killed = true;
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFSIGNALED(status));
  return acknowledged;
}

TEST_CASE_METHOD(SealerTest, "kill -9 while hours are sealed loses nothing and doubles nothing") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  options = sealing_options(options.directory);
  Model model;
  for (std::uint64_t epoch = 0; epoch < 12; ++epoch) {
    CAPTURE(epoch);
    store.reset();
    const std::uint64_t acknowledged =
        run_and_kill(options.directory.string(), epoch, 1 + random() % 80);
    clock.set_wall_ms(epoch_start(epoch + 1));
    open();
    const std::uint64_t durable =
        store->journal().run_state(host, test::run_id(epoch + 1)).durable_seq;
    CHECK(durable >= acknowledged);
    for (std::uint64_t number = 1; number <= durable; ++number) {
      for (const SealingTick& tick : sealing_batch(epoch, number)) {
        for (const auto& [slot, raw] : tick.readings) {
          const SeriesDef def = sealing_series(slot);
          model[store->journal().resolve(host, def)][tick.time_ms] =
              to_double(def.type, def.scale, raw);
        }
      }
    }
    test::check_model(*this, model, INT64_MIN, INT64_MAX);
    test::check_tiers(*this, model);
    if (random() % 3 != 0) continue;
    store->seal_all();
    test::check_model(*this, model, INT64_MIN, INT64_MAX);
    test::check_tiers(*this, model);
    CHECK(store->check().problems.empty());
  }
  reopen();
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 0);
  test::check_model(*this, model, INT64_MIN, INT64_MAX);
  test::check_tiers(*this, model);
}

}  // namespace
}  // namespace volta
