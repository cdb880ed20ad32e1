#include "store/retention.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

constexpr std::int64_t kStart = 1'795'226'940'000;
constexpr std::int64_t kHour = 3'600'000;

class RetentionTest {
 public:
  RetentionTest() { options.directory = dir_.path() / "data"; }
  // Opens the store if need be and writes one run of `groups` groups, one per ten minutes, of
  // incompressible values.
  void write(std::uint64_t run, int groups, std::int64_t first_ms) {
    open();
    if (!store->hosts().find("a")) host = store->hosts().add("a", test::token(1)).value().id;
    test::Agent agent(store->journal(), host, test::run_id(run));
    const Slot slot = agent.define(test::gauge("m"));
    id = agent.series(slot);
    for (int group = 0; group < groups; ++group) {
      for (int i = 0; i < 2000; ++i) {
        agent.tick(first_ms + group * 600'000 + i * 300, std::vector<Reading>{{slot, random_()}});
      }
      REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
    }
  }
  void open() {
    if (store == nullptr) store = std::make_unique<Store>(options, clock);
  }
  [[nodiscard]] std::uintmax_t file_size() const {
    return std::filesystem::file_size(options.directory / "volta.db");
  }
  [[nodiscard]] std::size_t samples() const {
    return store->reader().read(host, std::vector{id}, 0, INT64_MAX)[0].times_ms.size();
  }

  StoreOptions options;
  test::FakeClock clock{kStart};
  std::unique_ptr<Store> store;
  HostId host{};
  SeriesId id{};

 private:
  test::TempDir dir_;
  std::mt19937_64 random_{5};
};

TEST_CASE_METHOD(RetentionTest, "what is older than the raw age goes and the file shrinks") {
  options.raw_age = std::chrono::hours(24);
  options.head_bytes = 0;
  write(1, 144, kStart - 24 * kHour);
  store->maintain();
  const auto full = file_size();
  CHECK(full > 2'000'000);
  CHECK(samples() == 144 * 2000);
  CHECK(store->reader().oldest_ms(host) == kStart - 24 * kHour);

  clock.advance(std::chrono::hours(12));
  store->maintain();
  CHECK(samples() == 72 * 2000);
  CHECK(file_size() < full * 6 / 10);
  CHECK(store->reader().oldest_ms(host) == kStart - 12 * kHour);

  // The run's last group stays while batches may still count from it, and goes once it is idle.
  clock.advance(std::chrono::hours(48));
  store->maintain();
  CHECK(samples() == 2000);
  store.reset();
  open();
  store->maintain();
  CHECK(samples() == 0);
  CHECK_FALSE(store->reader().oldest_ms(host));
  CHECK(file_size() < 1'500'000);
  CHECK(store->journal().run_state(host, test::run_id(1)).durable_seq == 0);
  CHECK(store->hosts().find("a"));
  write(2, 1, clock.wall_ms() - kHour);
  CHECK(samples() == 2000);
}

TEST_CASE_METHOD(RetentionTest, "a raw age of zero keeps everything") {
  options.raw_age = std::chrono::milliseconds(0);
  write(1, 10, kStart - 10'000 * kHour);
  store->maintain();
  CHECK(samples() == 10 * 2000);
}

TEST_CASE_METHOD(RetentionTest, "the size cap holds and takes the oldest first") {
  options.size_bytes = 4 << 20;
  options.head_bytes = 0;
  for (std::uint64_t run = 0; run < 6; ++run) {
    write(run, 50, kStart - 100 * kHour + static_cast<std::int64_t>(run) * 10 * kHour);
    store->maintain();
    CHECK(file_size() <= static_cast<std::uintmax_t>(options.size_bytes));
  }
  const std::size_t left = samples();
  CHECK(left > 100 * 2000);
  CHECK(left < 300 * 2000);
  const auto column = store->reader().read(host, std::vector{id}, 0, INT64_MAX)[0];
  // The newest run is whole.
  CHECK(std::count_if(column.times_ms.begin(), column.times_ms.end(),
                      [](std::int64_t time) { return time >= kStart - 50 * kHour; }) == 50 * 2000);
}

}  // namespace
}  // namespace volta
