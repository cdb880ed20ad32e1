#include "fleet/seen_series.hpp"

#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "support/seed.hpp"

namespace volta {
namespace {

using Seen = SeenSeries::Seen;

// `name_bits`: of the upper half; few make names stand in each other's way.
void check_against_sets(unsigned name_bits) {
  const unsigned seed = test::random_seed();
  CAPTURE(seed, name_bits);
  std::mt19937_64 random(seed);
  SeenSeries seen;
  std::map<std::uint64_t, std::set<std::uint64_t>> model;
  std::size_t forms = 0;
  for (int step = 0; step < 5000; ++step) {
    // Names differ in bits that are kept.
    const std::uint64_t name = random() << (64 - name_bits) | random() % 8 << 20U;
    const std::uint64_t form = 1 + random() % 3;
    const auto known = model.find(name);
    const Seen expected = known == model.end()           ? Seen::nothing
                          : known->second.contains(form) ? Seen::form
                                                         : Seen::name;
    REQUIRE(seen.look(name, form) == expected);
    if (expected == Seen::form || random() % 4 == 0) continue;
    seen.add(name, form);
    model[name].insert(form);
    ++forms;
    REQUIRE(seen.look(name, form) == Seen::form);
    REQUIRE(seen.names() == model.size());
    REQUIRE(seen.forms() == forms);
  }
  for (const auto& [name, named] : model) {
    for (const std::uint64_t form : named) REQUIRE(seen.look(name, form) == Seen::form);
  }
  seen.clear();
  CHECK(seen.look(model.begin()->first, *model.begin()->second.begin()) == Seen::nothing);
  CHECK(seen.names() == 0);
  CHECK(seen.forms() == 0);
}

TEST_CASE("what was named before is known by name and by form") {
  check_against_sets(1);
  check_against_sets(5);
  check_against_sets(40);
}

TEST_CASE("hashes of zero are hashes like others") {
  SeenSeries seen;
  CHECK(seen.look(0, 0) == Seen::nothing);
  seen.add(0, 0);
  CHECK(seen.look(0, 0) == Seen::form);
  CHECK(seen.look(0, 2) == Seen::name);
  CHECK(seen.look(std::uint64_t{1} << 63U, 0) == Seen::nothing);
}

}  // namespace
}  // namespace volta
