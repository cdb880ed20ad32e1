#include "store/id_table.hpp"

#include <map>
#include <memory>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "store/id_hash_set.hpp"
#include "store/series_hash.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

TEST_CASE("a table by ids holds what a map holds") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const std::uint32_t most : {40U, 400U, 4'000'000'000U}) {
    IdTable<std::unique_ptr<int>> table;
    std::map<std::uint32_t, int> model;
    for (int step = 0; step < 3000; ++step) {
      // Old ones again as well, or they would never meet among many.
      const bool known = !model.empty() && random() % 2 == 0;
      auto id = static_cast<std::uint32_t>(random() % most);
      if (known)
        id = model.lower_bound(id) == model.end() ? model.begin()->first
                                                  : model.lower_bound(id)->first;
      if (random() % 3 == 0) {
        CHECK(table.erase(id) == (model.erase(id) == 1));
      } else {
        CHECK(table.add(id, std::make_unique<int>(step)) == model.emplace(id, step).second);
      }
      REQUIRE(table.size() == model.size());
      const auto found = model.find(id);
      const std::unique_ptr<int>* value = table.find(id);
      REQUIRE((value != nullptr) == (found != model.end()));
      if (value != nullptr) REQUIRE(**value == found->second);
    }
    for (const auto& [id, value] : model) {
      REQUIRE(table.find(id) != nullptr);
      CHECK(**table.find(id) == value);
    }
  }
}

// `distinct`: how many hashes there are; few make ids stand in each other's way.
void check_set(std::uint64_t distinct) {
  const unsigned seed = test::random_seed();
  CAPTURE(seed, distinct);
  std::mt19937_64 random(seed);
  IdHashSet set;
  std::map<SeriesId, std::uint64_t> model;
  const auto hash_of = [&](std::uint32_t id) { return id % distinct * 0x9e37'79b9'7f4a'7c15ULL; };
  for (int step = 0; step < 4000; ++step) {
    const auto number = static_cast<std::uint32_t>(1 + random() % 300);
    const SeriesId id{number};
    if (model.contains(id)) {
      set.erase(hash_of(number), id);
      model.erase(id);
    } else {
      set.insert(hash_of(number), id);
      model.emplace(id, hash_of(number));
    }
    REQUIRE(set.size() == model.size());
    std::set<SeriesId> found;
    set.each(hash_of(number), [&](SeriesId each) { found.insert(each); });
    for (const auto& [each, hash] : model) {
      if (hash == hash_of(number)) REQUIRE(found.contains(each));
    }
    for (const SeriesId each : found) REQUIRE(model.contains(each));
  }
  std::set<SeriesId> all;
  set.each([&](SeriesId each) { CHECK(all.insert(each).second); });
  CHECK(all.size() == model.size());
}

TEST_CASE("a set of ids finds them by their hashes, whatever came and went") {
  check_set(1);
  check_set(7);
  check_set(1000);
}

TEST_CASE("a series' hash is of its name and its labels, and of nobody else") {
  const SeriesHash hash;
  const auto of = [&](const char* name, Labels labels) {
    SeriesDef def;
    def.name = name;
    def.labels = std::move(labels);
    return hash(def);
  };
  std::set<std::uint64_t> all{of("", {}),
                              of("a", {}),
                              of("ab", {}),
                              of("a", {{"b", ""}}),
                              of("a", {{"", "b"}}),
                              of("a", {{"b", "c"}}),
                              of("a", {{"bc", ""}}),
                              of("abcdefgh", {}),
                              of("abcdefgh", {{"a", "b"}, {"c", "d"}}),
                              of("abcdefgh", {{"c", "d"}, {"a", "b"}}),
                              of("abcdefghi", {}),
                              of(std::string(9, 'x').c_str(), {})};
  CHECK(all.size() == 12);
  CHECK(of("a", {{"b", "c"}}) == of("a", {{"b", "c"}}));
  SeriesDef variant;
  variant.name = "a";
  variant.scale = 3;
  CHECK(hash(variant) == of("a", {}));
  CHECK(SeriesHash()(variant) != hash(variant));
}

}  // namespace
}  // namespace volta
