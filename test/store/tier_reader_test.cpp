#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
constexpr std::int64_t kTierHour = 3'600'000;
constexpr std::int64_t kTierEnd = (kStart / kTierHour + 1) * kTierHour;  // of kStart's hour

// A store that seals when it is told.
class TierStore {
 public:
  TierStore() {
    options.directory = dir_.path() / "data";
    options.seal_in_background = false;
    options.raw_age = std::chrono::milliseconds(0);
  }
  void open() {
    store.reset();
    store = std::make_unique<Store>(options, clock);
    const auto known = store->hosts().find("a");
    host = known ? known->id : store->hosts().add("a", test::token(1)).value().id;
  }
  test::Agent agent(std::uint64_t run) { return {store->journal(), host, test::run_id(run)}; }
  void send(test::Agent& agent, Slot slot, std::initializer_list<std::int64_t> times,
            std::uint64_t raw = 7) {
    for (const std::int64_t time : times) agent.tick(time, std::vector<Reading>{{slot, raw}});
    REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
  }
  [[nodiscard]] WindowColumn windows(SeriesId id, Tier tier, TimeSpan ends) const {
    QuerySeries series;
    series.ref = static_cast<std::uint32_t>(id);
    WindowColumn found;
    store->source().read_windows(std::vector{series}, tier, ends,
                                 [&](std::size_t, const WindowColumn& column) {
                                   found = column;
                                   return true;
                                 });
    return found;
  }
  [[nodiscard]] std::optional<std::int64_t> oldest(Tier tier) const {
    return store->source().oldest_ms(tier);
  }

  StoreOptions options;
  test::FakeClock clock{kStart};
  std::unique_ptr<Store> store;
  HostId host{};

 private:
  test::TempDir dir_;
};

TEST_CASE_METHOD(TierStore, "windows count each sample once while their hours are being sealed") {
  constexpr int kHours = 150;
  options.head_bytes = 0;
  open();
  test::Agent agent = this->agent(1);
  const Slot slot = agent.define(test::gauge("m"));
  const SeriesId id = agent.series(slot);
  for (int hour = 0; hour < kHours; ++hour) {
    agent.force_keyframe();
    const std::int64_t end = kTierEnd - hour * kTierHour;
    send(agent, slot, {end - 3000, end - 2000, end - 1000});
  }
  const TimeSpan ends{kTierEnd - kHours * kTierHour, kTierEnd};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::atomic<int> reads{0};
  std::thread reader([&] {
    while (!stop || reads < 2) {
      const WindowColumn found = windows(id, Tier::hour, ends);
      wrong += found.count != std::vector<std::uint32_t>(kHours, 3) ? 1 : 0;
      ++reads;
    }
  });
  while (reads == 0 && !stop) std::this_thread::yield();
  store->seal_all();
  stop = true;
  reader.join();
  CAPTURE(reads.load());
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(TierStore, "a tick with a wrong time leaves the hours between to the tiers") {
  open();
  test::Agent agent = this->agent(1);
  const Slot slot = agent.define(test::gauge("m"));
  const SeriesId id = agent.series(slot);
  for (int hour = 1; hour < 6; ++hour) send(agent, slot, {kTierEnd - hour * kTierHour});
  clock.set_wall_ms(kTierEnd + kTierHour);
  store->seal_due();
  // The samples of the hours are made unreadable: whoever asks for them finds less.
  const auto count = [&] {
    std::uint64_t all = 0;
    for (const std::uint32_t n :
         windows(id, Tier::hour, {kTierEnd - 10 * kTierHour, kTierEnd}).count)
      all += n;
    return all;
  };
  REQUIRE(count() == 5);
  open();  // nothing of them is in the head or in force
  store->seal_all();
  store.reset();
  {
    Connection connection((options.directory / "volta.db").string(), Connection::Mode::writer, 99);
    connection.execute("UPDATE pack SET data = zeroblob(length(data)) WHERE tier=0");
  }
  open();
  CHECK(count() == 5);
  test::Agent late = this->agent(2);
  const Slot again = late.define(test::gauge("m"));
  send(late, again, {kTierEnd + 1000, kTierEnd - 40 * kTierHour, kTierEnd + 2000});
  CHECK(count() == 5);
  CHECK(windows(id, Tier::hour, {kTierEnd - 40 * kTierHour, kTierEnd + kTierHour}).size() == 7);
}

TEST_CASE_METHOD(TierStore, "one old tick does not say that all since is there") {
  using std::chrono::hours;
  options.raw_age = hours(24);
  options.minute_age = hours(24 * 10);
  open();
  test::Agent agent = this->agent(1);
  const Slot slot = agent.define(test::gauge("m"));
  for (int hour = 48; hour > 0; --hour) {
    agent.force_keyframe();
    send(agent, slot, {kTierEnd - hour * kTierHour});
  }
  CHECK(oldest(Tier::raw).value() > kStart - 49 * kTierHour);
  test::Agent lost = this->agent(2);
  send(lost, lost.define(test::gauge("n")), {1000});  // 1970, and in force
  clock.set_wall_ms(kTierEnd);
  store->seal_due();
  store->maintain();
  const std::int64_t first = kTierEnd - 24 * kTierHour + 1;  // of the first hour that is kept
  CHECK(oldest(Tier::raw) == first);
  CHECK(oldest(Tier::minute) == kTierEnd - 48 * kTierHour - 60'000 + 1);
  CHECK(oldest(Tier::hour) == kTierEnd - 49 * kTierHour + 1);
}

TEST_CASE_METHOD(TierStore, "a late sample under another definition counts in place of the first") {
  open();
  test::Agent agent = this->agent(1);
  const Slot slot = agent.define(test::gauge("m"));
  send(agent, slot, {kTierEnd - 5000, kTierEnd - 4000, kTierEnd - 3000}, 100);
  clock.set_wall_ms(kTierEnd + 180'000);
  store->seal_due();
  SeriesDef scaled = test::gauge("m");
  scaled.scale = 1;
  test::Agent late = this->agent(2);
  const Slot again = late.define(scaled);
  send(late, again, {kTierEnd - 4000, kTierEnd - 3500}, 20);
  const auto check = [&] {
    const WindowColumn hour = windows(late.series(again), Tier::hour, {kTierEnd, kTierEnd});
    REQUIRE(hour.size() == 1);
    CHECK(hour.count[0] == 4);
    CHECK(hour.sum[0] == 100 + 2 + 2 + 100);
    CHECK(hour.min[0] == 2);
  };
  check();
  store->seal_all();
  check();
  open();
  check();
}

TEST_CASE_METHOD(TierStore, "the first times of all are times") {
  open();
  test::Agent agent = this->agent(1);
  const Slot slot = agent.define(test::gauge("m"));
  send(agent, slot, {INT64_MIN + 10, kStart});
  open();
  store->seal_all();
  for (const Tier tier : {Tier::raw, Tier::minute, Tier::hour}) {
    CHECK(oldest(tier).value() <= INT64_MIN + kTierHour + 10);
  }
}

}  // namespace
}  // namespace volta
