#include "store/foreign_keys.hpp"

#include <random>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "support/seed.hpp"

namespace volta {
namespace {

using Series = KeyedSamples::Series;

std::vector<Series> series_of_keys(const std::vector<std::string>& keys) {
  std::vector<Series> series;
  for (const std::string& key : keys) series.push_back({key, 0, 1});
  return series;
}

std::vector<SeriesId> ids_of_keys(const ForeignKeys& known, const std::vector<std::string>& keys,
                                  std::uint64_t forgotten = 0) {
  std::vector<SeriesId> ids;
  known.find(series_of_keys(keys), forgotten, ids);
  return ids;
}

SeriesId id_of_key(const ForeignKeys& known, const std::string& key, std::uint64_t forgotten = 0) {
  return ids_of_keys(known, {key}, forgotten).at(0);
}

void remember_key(ForeignKeys& known, const std::string& key, std::uint32_t id,
                  std::uint64_t forgotten = 0) {
  known.remember(std::vector<ForeignKeys::Known>{{key, SeriesId{id}}}, forgotten);
}

TEST_CASE("a key means what was remembered of it") {
  ForeignKeys known;
  CHECK(id_of_key(known, "a") == SeriesId{});
  remember_key(known, "a", 1);
  remember_key(known, "ab", 2);
  remember_key(known, "a", 3);  // another thread's, later
  CHECK(ids_of_keys(known, {"a", "ab", "b", "", "a", "ab", "abc"}) ==
        std::vector<SeriesId>{SeriesId{1}, SeriesId{2}, SeriesId{}, SeriesId{}, SeriesId{1},
                              SeriesId{2}, SeriesId{}});
  const std::string long_key(ForeignKeys::kLongestKey + 1, 'k');
  remember_key(known, long_key, 4);
  remember_key(known, "", 5);
  CHECK(id_of_key(known, long_key) == SeriesId{});
  CHECK(id_of_key(known, "") == SeriesId{});
}

TEST_CASE("what was looked up before a series was forgotten counts no more") {
  ForeignKeys known;
  remember_key(known, "a", 1, 0);
  CHECK(id_of_key(known, "a", 0) == SeriesId{1});
  CHECK(id_of_key(known, "a", 1) == SeriesId{});
  remember_key(known, "b", 2, 1);
  CHECK(ids_of_keys(known, {"a", "b"}, 1) == std::vector<SeriesId>{SeriesId{}, SeriesId{2}});
  remember_key(known, "a", 1, 0);  // of a thread that was slow
  CHECK(id_of_key(known, "a", 1) == SeriesId{});
}

TEST_CASE("memory is bounded, and what is met again is known again") {
  constexpr std::size_t kMost = 2U << 20U;
  ForeignKeys known(kMost);
  for (std::uint32_t i = 1; i < 60'000; ++i) {
    const std::string key = "a key of some length, of the series " + std::to_string(i);
    remember_key(known, key, i);
    REQUIRE(known.bytes() <= 2 * kMost);
    REQUIRE(id_of_key(known, key) == SeriesId{i});
  }
  CHECK(id_of_key(known, "a key of some length, of the series 1") == SeriesId{});
}

// Whatever order keys come in, and whatever was forgotten meanwhile, what is found is right.
TEST_CASE("threads share the keys, in orders that change") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  ForeignKeys known(1U << 19U);
  std::atomic<int> wrong = 0;
  std::atomic<int> right = 0;
  const auto work = [&](unsigned number) {
    std::mt19937 random(seed + number);
    for (int request = 0; request < 300; ++request) {
      std::vector<std::string> keys;
      std::vector<std::uint32_t> numbers;
      const auto begin = random() % 3000;
      for (auto i = begin; i < begin + 60; ++i) {
        numbers.push_back(1 + static_cast<std::uint32_t>(random() % 8 == 0 ? random() % 3000 : i));
        keys.push_back("series " + std::to_string(numbers.back()) + std::string(100, 'x'));
      }
      const auto ids = ids_of_keys(known, keys);
      std::vector<ForeignKeys::Known> met;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        if (ids[i] == SeriesId{}) {
          met.push_back({keys[i], SeriesId{numbers[i]}});
        } else {
          ++(ids[i] == SeriesId{numbers[i]} ? right : wrong);
        }
      }
      known.remember(met, 0);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(right > 1000);
}

}  // namespace
}  // namespace volta
