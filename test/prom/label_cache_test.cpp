#include "prom/label_cache.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

std::shared_ptr<const Labels> one_label(const std::string& value) {
  return std::make_shared<Labels>(Labels{{"__name__", value}});
}

TEST_CASE("labels are found by the bytes they came in") {
  LabelCache cache;
  CHECK(cache.find("a") == nullptr);
  const auto labels = one_label("a");
  cache.put("a", labels);
  CHECK(cache.find("a") == labels);
  CHECK(cache.find("b") == nullptr);
}

TEST_CASE("the cache is bounded, and keeps what is asked for") {
  constexpr std::size_t kMost = 64U << 10U;
  LabelCache cache(kMost);
  const auto kept = one_label("kept");
  cache.put("kept", kept);
  cache.put("forgotten", one_label("forgotten"));
  for (int i = 0; i < 2000; ++i) {
    const std::string key = "series " + std::to_string(i);
    cache.put(key, one_label(key));
    CHECK(cache.find("kept") == kept);
    REQUIRE(cache.bytes() <= kMost + 512);
  }
  CHECK(cache.find("forgotten") == nullptr);
}

}  // namespace
}  // namespace volta
