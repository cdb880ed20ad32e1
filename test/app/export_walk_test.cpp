#include "app/export_walk.hpp"

#include <algorithm>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "support/seed.hpp"

using namespace volta;

namespace {

constexpr std::int64_t kNow = 1'795'226'940'000;

std::shared_ptr<const Labels> series_named(const std::string& name) {
  return std::make_shared<const Labels>(Labels{{"__name__", name}});
}

// A door that answers with at most `most` samples, and remembers what it was asked.
class NarrowDoor {
 public:
  NarrowDoor(std::map<std::string, std::vector<std::int64_t>> times, std::size_t most)
      : times_(std::move(times)), most_(most) {}

  std::optional<std::vector<LabeledSamples>> read(ExportWalk::Series series, TimeSpan span) {
    ++asked_;
    std::vector<LabeledSamples> found;
    std::size_t samples = 0;
    for (const auto& labels : series) {
      LabeledSamples one{labels, {}, {}};
      for (const std::int64_t time : times_.at(labels->front().second)) {
        if (time < span.start_ms || time > span.end_ms) continue;
        one.times_ms.push_back(time);
        one.values.push_back(static_cast<double>(time % 1000));
      }
      samples += one.times_ms.size();
      found.push_back(std::move(one));
    }
    if (samples > most_) {
      ++refused_;
      return std::nullopt;
    }
    largest_ = std::max(largest_, samples);
    return found;
  }

  std::map<std::string, std::vector<std::int64_t>> times_;
  std::size_t most_;
  int asked_ = 0;
  int refused_ = 0;
  std::size_t largest_ = 0;
};

std::map<std::string, std::vector<std::int64_t>> walk_all(NarrowDoor& door, TimeSpan span,
                                                          std::size_t aim) {
  ExportWalk walk([&](ExportWalk::Series series, TimeSpan part) { return door.read(series, part); },
                  kNow, aim);
  std::map<std::string, std::vector<std::int64_t>> got;
  // Two portions, as an export has many: what the first has learned must not harm the second.
  std::vector<std::shared_ptr<const Labels>> all;
  for (const auto& entry : door.times_) all.push_back(series_named(entry.first));
  const std::span<const std::shared_ptr<const Labels>> series(all);
  for (const auto& part : {series.first(all.size() / 2), series.subspan(all.size() / 2)}) {
    walk.run(part, span, [&](const LabeledSamples& one) {
      auto& times = got[one.labels->front().second];
      times.insert(times.end(), one.times_ms.begin(), one.times_ms.end());
    });
  }
  return got;
}

}  // namespace

TEST_CASE("an export reads each sample once and in order, however much an answer may hold") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::map<std::string, std::vector<std::int64_t>> times;
  for (int i = 0; i < 10; ++i) {
    auto& of_series = times["m" + std::to_string(i)];
    std::int64_t at = kNow - static_cast<std::int64_t>(random() % 40'000'000'000);
    for (int sample = 0; sample < 3000; ++sample) {
      at += 1 + static_cast<std::int64_t>(random() % (i % 3 == 0 ? 1000 : 600'000));
      of_series.push_back(at);
    }
  }
  times["empty"] = {};
  NarrowDoor door(times, 4000);
  auto got = walk_all(door, {0, kNow + 86'400'000}, 1000);
  got["empty"];
  for (auto& [name, want] : times) {
    std::erase_if(want, [](std::int64_t at) { return at > kNow + 86'400'000; });
  }
  CHECK(got == times);
  CHECK(door.asked_ < 2000);  // 30,000 samples, a thousand at a time, and the empty decades
  CHECK(door.largest_ <= 4000);
}

TEST_CASE("an export crosses empty decades in a few questions") {
  NarrowDoor door({{"a", {kNow - 1000}}, {"b", {5, kNow}}}, 10);
  CHECK(walk_all(door, {0, kNow}, 10) == door.times_);
  CHECK(door.asked_ < 60);
  CHECK(door.refused_ == 0);
}

TEST_CASE("an export asks once more for what lies before 1970") {
  NarrowDoor door({{"a", {-1'000'000'000'000, -1, 0}}, {"b", {kNow}}}, 10);
  CHECK(walk_all(door, {-1'000'000'000'000'000, kNow}, 10) == door.times_);
  CHECK(door.asked_ < 62);
}

TEST_CASE("an export keeps to its span, ends included") {
  NarrowDoor door({{"a", {9, 10, 11, 19, 20, 21}}, {"b", {20}}}, 2);
  const auto got = walk_all(door, {10, 20}, 1);
  CHECK(got.at("a") == std::vector<std::int64_t>{10, 11, 19, 20});
  CHECK(got.at("b") == std::vector<std::int64_t>{20});
}

TEST_CASE("an export gives up where a single time is too much") {
  NarrowDoor door({{"a", {10}}, {"b", {10}}, {"c", {10}}, {"d", {10}}}, 1);
  CHECK_THROWS_AS(walk_all(door, {0, 100}, 1), Failure);
}
