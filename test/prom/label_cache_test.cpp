#include "prom/label_cache.hpp"

#include <atomic>
#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "support/seed.hpp"

namespace volta {
namespace {

std::shared_ptr<const Labels> one_label(const std::string& value) {
  return std::make_shared<Labels>(Labels{{"__name__", value}});
}

TEST_CASE("labels are found by the bytes they came in") {
  LabelCache cache;
  LabelCache::Place place;
  CHECK(cache.find("a", place) == nullptr);
  const auto labels = one_label("a");
  cache.put("a", labels, place);
  CHECK(cache.find("a", place) == labels);
  CHECK(cache.find("b", place) == nullptr);
  cache.put("a", one_label("another thread's"), place);
  CHECK(cache.find("a", place) == labels);
}

TEST_CASE("the cache is bounded, and keeps what is asked for") {
  constexpr std::size_t kMost = 64U << 10U;
  LabelCache cache(kMost);
  LabelCache::Place place;
  const auto kept = one_label("kept");
  cache.put("kept", kept, place);
  cache.put("forgotten", one_label("forgotten"), place);
  for (int i = 0; i < 2000; ++i) {
    const std::string key = "series " + std::to_string(i);
    cache.put(key, one_label(key), place);
    CHECK(cache.find("kept", place) == kept);
    REQUIRE(cache.bytes() <= kMost + 512);
  }
  CHECK(cache.find("forgotten", place) == nullptr);
}

// Whatever order series come in, and whatever was forgotten meanwhile, what is found is right.
TEST_CASE("places and what they expect stay right") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  LabelCache cache(32U << 10U);
  std::size_t found = 0;
  for (int request = 0; request < 300; ++request) {
    LabelCache::Place place;
    const auto begin = random() % 300;
    for (auto i = begin; i < begin + 40; ++i) {
      const std::string name = "series " + std::to_string(random() % 8 == 0 ? random() % 300 : i);
      const auto labels = cache.find(name, place);
      if (labels == nullptr) {
        cache.put(name, one_label(name), place);
        continue;
      }
      ++found;
      if ((*labels)[0].second != name) FAIL("wrong labels");
    }
  }
  CHECK(found > 100);
}

TEST_CASE("threads share the cache") {
  LabelCache cache(32U << 10U);
  std::atomic<int> wrong = 0;
  const auto work = [&](unsigned first) {
    for (unsigned i = 0; i < 3000; ++i) {
      LabelCache::Place place;
      const std::string name = "series " + std::to_string((first + i * 7) % 200);
      const auto labels = cache.find(name, place);
      if (labels == nullptr) cache.put(name, one_label(name), place);
      if (labels != nullptr && (*labels)[0].second != name) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace volta
