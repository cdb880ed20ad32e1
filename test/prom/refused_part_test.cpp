#include "prom/refused_part.hpp"

#include <set>

#include <catch2/catch.hpp>

namespace volta {
namespace {

LabeledSamples part_series(const std::string& name, std::vector<std::int64_t> times_ms) {
  LabeledSamples one;
  one.labels = std::make_shared<const Labels>(Labels{{"__name__", name}});
  one.values.assign(times_ms.size(), 1);
  one.times_ms = std::move(times_ms);
  return one;
}

// "a@1 a@2 b@1": all there is in a part.
std::string text_of(const RefusedPart& part) {
  std::string out;
  for (const LabeledSamples& one : part.series()) {
    CHECK(one.times_ms.size() == one.values.size());
    for (const std::int64_t time : one.times_ms) {
      out += (out.empty() ? "" : " ") + one.labels->front().second + "@" + std::to_string(time);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a refused part is halved by its series first, by time where that led nowhere") {
  const std::vector<LabeledSamples> series = {part_series("a", {1, 2}), part_series("b", {1, 2, 3}),
                                              part_series("c", {3})};
  RefusedPart part(series);
  CHECK(part.samples() == 6);
  auto halves = part.halves();
  REQUIRE(halves);
  CHECK(text_of(halves->first) == "a@1 a@2");
  CHECK(text_of(halves->second) == "b@1 b@2 b@3 c@3");
  halves->second.other_half(true);
  const auto by_time = halves->second.halves();
  REQUIRE(by_time);
  CHECK(text_of(by_time->first) == "b@1 b@2");
  CHECK(text_of(by_time->second) == "b@3 c@3");
  // What began by time goes on so.
  const auto further = by_time->first.halves();
  REQUIRE(further);
  CHECK(text_of(further->first) == "b@1");
  CHECK(text_of(further->second) == "b@2");
  CHECK_FALSE(further->first.halves());
  CHECK_FALSE(RefusedPart({}).halves());
}

TEST_CASE("what cannot be halved one way is halved the other way") {
  const std::vector<LabeledSamples> one = {part_series("a", {5, 5, 5, 9})};
  const auto by_time = RefusedPart(one).halves();
  REQUIRE(by_time);
  CHECK(text_of(by_time->first) == "a@5 a@5 a@5");
  CHECK(text_of(by_time->second) == "a@9");
  const std::vector<LabeledSamples> same_time = {part_series("a", {5}), part_series("b", {5})};
  RefusedPart part(same_time);
  part.other_half(true);
  const auto by_series = part.halves();
  REQUIRE(by_series);
  CHECK(text_of(by_series->first) == "a@5");
}

TEST_CASE("a series of which halving finds nothing good is not divided for ever") {
  std::vector<std::int64_t> times;
  for (int i = 0; i < 1000; ++i) times.push_back(i);
  const std::vector<LabeledSamples> series = {part_series("a", times)};
  std::optional<RefusedPart> part(series);
  std::size_t halvings = 0;
  while (true) {
    auto halves = part->halves();
    if (!halves) break;
    ++halvings;
    halves->first.other_half(true);
    part.emplace(std::move(halves->first));
  }
  CHECK(halvings == 4);
  CHECK(part->samples() > 10);
}

}  // namespace volta
