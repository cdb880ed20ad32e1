// Samples that go with their age while hours are sealed, looked over and opened again: what is
// young is there, what is there is right, what is old goes, and windows stay exact though the
// samples of most of them are gone.
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "store/check.hpp"
#include "store/seal_load.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

using test::kHourMs;
using test::SealerTest;

constexpr std::int64_t kRawKept = 8 * kHourMs;

class AgedSamples : public SealerTest {
 public:
  AgedSamples() { options.raw_age = std::chrono::milliseconds(kRawKept); }
  // Settled: nothing is left that waits for its hour to be sealed before it goes.
  void check_kept(bool settled) const {
    const std::int64_t now = clock.wall_ms();
    for (const auto& [id, samples] : model) {
      const auto column = read(id);
      std::map<std::int64_t, double> found;
      for (std::size_t i = 0; i < column.times_ms.size(); ++i) {
        const std::int64_t time = column.times_ms[i];
        CAPTURE(static_cast<std::uint32_t>(id), now - time);
        REQUIRE(found.emplace(time, column.values[i]).second);
        const auto known = samples.find(time);
        REQUIRE(known != samples.end());
        REQUIRE(known->second == column.values[i]);
        if (settled) REQUIRE(time >= now - kRawKept - kHourMs - 60'000);
      }
      for (auto at = samples.lower_bound(now - kRawKept); at != samples.end(); ++at) {
        CAPTURE(static_cast<std::uint32_t>(id), now - at->first);
        REQUIRE(found.contains(at->first));
      }
    }
  }
  // Seals and forgets whatever is due.
  void settle() {
    reopen();
    store->seal_due();
    store->seal_all();
    store->maintain();
    store->maintain();
  }
  [[nodiscard]] std::size_t gone() const {
    std::size_t gone = 0;
    for (const auto& [id, samples] : model) gone += samples.size() - read(id).times_ms.size();
    return gone;
  }

  test::Model model;
};

TEST_CASE_METHOD(AgedSamples, "samples that go with their age and their windows agree with a map") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  options.head_bytes = random() % 2 == 0 ? 20'000 : 24U << 20U;
  open();
  test::SealLoad load(random, *this, model);
  load.begin();
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    for (int i = 0; i < 20; ++i) {
      load.send();
      clock.advance(std::chrono::seconds(random() % 60));
    }
    bool settled = false;
    switch (random() % 6) {
      case 0:
        store->seal_all();
        break;
      case 1:
        reopen();
        load.begin();
        break;
      case 2:
        store->maintain();
        break;
      case 3:
        seal_late();
        clock.advance(std::chrono::minutes(random() % 240));
        settle();
        load.begin();
        settled = true;
        break;
      default:
        store->seal_due();
    }
    check_kept(settled);
    test::check_tiers(*this, model);
  }
  settle();  // rows go with their age, too, where nothing seals behind the test
  clock.advance(std::chrono::hours(30));
  settle();
  check_kept(true);
  test::check_tiers(*this, model);
  CHECK(gone() > 0);
  CHECK(store->check().problems == std::vector<std::string>{});
}

}  // namespace
}  // namespace volta
