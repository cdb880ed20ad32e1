#include "model/sample_order.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("samples are put in order, the last of equals stays") {
  const auto check = [](LabeledSamples given, const std::vector<std::int64_t>& times,
                        const std::vector<double>& values) {
    const auto labels = given.labels;
    put_in_order(given);
    CHECK(given.times_ms == times);
    CHECK(given.values == values);
    CHECK(given.labels == labels);
  };
  const auto labels = std::make_shared<const Labels>(Labels{{"__name__", "a"}});
  check({labels, {}, {}}, {}, {});
  check({labels, {1, 2, 3}, {1, 2, 3}}, {1, 2, 3}, {1, 2, 3});
  check({labels, {3, 1, 2}, {3, 1, 2}}, {1, 2, 3}, {1, 2, 3});
  check({labels, {1, 1, 1}, {5, 6, 7}}, {1}, {7});
  check({labels, {2, 1, 2, 1}, {1, 2, 3, 4}}, {1, 2}, {4, 3});
}

}  // namespace
}  // namespace volta
