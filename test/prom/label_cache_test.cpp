#include "prom/label_cache.hpp"

#include <random>

#include <catch2/catch.hpp>

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
  const auto seed = std::random_device{}();
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

}  // namespace
}  // namespace volta
