#include "uplink/backoff.hpp"

#include <vector>

#include <catch2/catch.hpp>

namespace volta {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the bound doubles from 2 s to 60 s and the wait is uniform below it") {
  Backoff backoff;
  for (const auto bound : std::vector<std::chrono::milliseconds>{2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    CHECK(backoff.next(0.5, 0ms) == bound / 2);
  }
  CHECK(backoff.next(0, 0ms) == 0ms);
  backoff.reset();
  CHECK(backoff.next(0.25, 0ms) == 500ms);
}

TEST_CASE("the server's hint is a least wait, within reason") {
  Backoff backoff;
  CHECK(backoff.next(0, 5s) == 5s);
  CHECK(backoff.next(0.5, 5s) == 7s);
  CHECK(backoff.next(0, -5s) == 0s);
  CHECK(backoff.next(0, std::chrono::hours(999)) == 10min);
}

TEST_CASE("what only a person can mend is tried slowly at once") {
  Backoff backoff;
  backoff.slow();
  CHECK(backoff.next(0.5, 0ms) == 30s);
}

}  // namespace
}  // namespace volta
