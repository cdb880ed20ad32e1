// Range over a real store: what it answers must not depend on where the samples lie.
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "query/range.hpp"
#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

constexpr std::int64_t kHourOfStore = 3'600'000;
constexpr std::int64_t kBegin = (test::kStart / kHourOfStore + 1) * kHourOfStore;
constexpr std::int64_t kEnd = kBegin + 7 * kHourOfStore + 1'234'000;

struct Answers {
  std::vector<std::vector<double>> rows;
  std::vector<Tier> tiers;
  std::vector<double> grown;
};

class StoreHistory {
 public:
  StoreHistory() {
    options.directory = dir_.path() / "data";
    options.seal_in_background = false;
    options.raw_age = std::chrono::milliseconds(0);
    reopen();
    host = store->hosts().add("a", test::token(1)).value().id;
  }
  void reopen() {
    store.reset();
    store = std::make_unique<Store>(options, clock);
  }
  // A counter that is reset now and then, and a gauge, each 10 s with a gap here and there.
  void fill(std::mt19937_64& random) {
    test::Agent agent(store->journal(), host, test::run_id(1));
    const Slot energy = agent.define(test::counter("e"));
    const Slot power = agent.define(test::gauge("p"));
    std::uint64_t joules = 1'000'000;
    int ticks = 0;
    for (std::int64_t time = kBegin; time <= kEnd; time += 10'000) {
      if (random() % 100 == 0) time += static_cast<std::int64_t>(random() % 400) * 1000;
      const std::uint64_t watts = random() % 200;
      joules = random() % 700 == 0 ? random() % 50 : joules + 10 * watts;
      agent.tick(time, std::vector<Reading>{{energy, joules}, {power, watts}});
      if (++ticks % 50 != 0 && time + 10'000 <= kEnd) continue;
      REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
      if (ticks % 250 == 0) agent.force_keyframe();
    }
  }
  [[nodiscard]] RangeAnswer ask(const std::string& name, std::int64_t from, std::int64_t step,
                                std::optional<Aggregation> aggregation = {}) const {
    const Range range(store->series(), store->source());
    return std::get<RangeAnswer>(
        range.range({{host, "a", name, {}}, from, kEnd, step, aggregation}, {}));
  }
  // Of steps of whole minutes and hours.
  [[nodiscard]] Answers ask_all() const {
    Answers answers;
    for (const std::int64_t step : {600'000, 3'600'000, 7'200'000}) {
      for (const auto& [name, aggregation] :
           std::vector<std::pair<std::string, std::optional<Aggregation>>>{
               {"e", Aggregation::rate},
               {"e", Aggregation::last},
               {"p", Aggregation::avg},
               {"p", Aggregation::min},
               {"p", Aggregation::max}}) {
        const auto answer = ask(name, kBegin, step, aggregation);
        REQUIRE(answer.rows.size() == 1);
        answers.rows.push_back(answer.rows[0].values);
        answers.tiers.push_back(answer.tier);
      }
    }
    const Range range(store->series(), store->source());
    for (const std::int64_t from : {kBegin, kBegin + kHourOfStore, kBegin + 5 * kHourOfStore + 1}) {
      const auto grown =
          std::get<std::vector<Growth>>(range.growth({{host, "a", "e", {}}, from, kEnd}, {}));
      REQUIRE(grown.size() == 1);
      answers.grown.push_back(grown[0].amount);
    }
    return answers;
  }

  StoreOptions options;
  test::FakeClock clock{kEnd};
  std::unique_ptr<Store> store;
  HostId host{};

 private:
  test::TempDir dir_;
};

void check_same_history(const Answers& got, const Answers& want) {
  REQUIRE(got.rows.size() == want.rows.size());
  for (std::size_t i = 0; i < got.rows.size(); ++i) {
    CAPTURE(i, got.rows[i], want.rows[i]);
    CHECK(std::equal(got.rows[i].begin(), got.rows[i].end(), want.rows[i].begin(),
                     want.rows[i].end(), [](double a, double b) {
                       return std::isnan(a) ? std::isnan(b) : std::abs(a - b) <= 1e-9 * std::abs(b);
                     }));
  }
  CHECK(got.tiers == want.tiers);
  CHECK(got.grown == want.grown);  // whole joules
}

TEST_CASE_METHOD(StoreHistory, "answers stay what they were as hours are sealed") {
  const auto seed = test::random_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  fill(random);
  const Answers before = ask_all();
  CHECK(before.tiers[0] == Tier::minute);
  CHECK(before.tiers[5] == Tier::hour);
  clock.advance(std::chrono::minutes(5));
  store->seal_due();  // the last hour is open
  check_same_history(ask_all(), before);
  reopen();
  store->seal_all();
  check_same_history(ask_all(), before);
}

TEST_CASE_METHOD(StoreHistory, "a range goes back beyond the samples") {
  std::mt19937_64 random(7);
  fill(random);
  const Answers before = ask_all();
  store->seal_due();
  options.raw_age = std::chrono::hours(3);
  reopen();
  store->maintain();
  const auto oldest = store->source().oldest_ms(Tier::raw);
  REQUIRE(oldest);
  REQUIRE(*oldest > kBegin + 3 * kHourOfStore);
  const Answers after = ask_all();
  CHECK(after.tiers == before.tiers);
  for (std::size_t i = 0; i < before.rows.size(); ++i) {
    CAPTURE(i, after.rows[i], before.rows[i]);
    CHECK(std::equal(after.rows[i].begin(), after.rows[i].end(), before.rows[i].begin(),
                     before.rows[i].end(), [](double a, double b) {
                       return std::isnan(a) ? std::isnan(b) : std::abs(a - b) <= 1e-9 * std::abs(b);
                     }));
  }
  // A drop in a window that has no samples any more is a guess; it is off by what the counter began
  // again with, at most 50 here.
  for (std::size_t i = 0; i < before.grown.size(); ++i) {
    CHECK(std::abs(after.grown[i] - before.grown[i]) <= 500);
  }
  CHECK(after.grown.back() == before.grown.back());  // its samples are all there
  // Finer than what is left: its windows.
  const auto fine = ask("p", kBegin, 20'000, Aggregation::max);
  CHECK(fine.tier == Tier::minute);
  const auto& values = fine.rows.at(0).values;
  const auto there =
      std::count_if(values.begin(), values.end(), [](double v) { return !std::isnan(v); });
  CHECK(there > static_cast<std::ptrdiff_t>(values.size()) * 2 / 5);
  CHECK(ask("p", kEnd - kHourOfStore, 20'000, Aggregation::max).tier == Tier::raw);
}

}  // namespace
}  // namespace volta
