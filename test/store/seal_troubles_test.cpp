#include "store/seal_troubles.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

using std::chrono::seconds;

TEST_CASE("windows that fail are remembered until they are sealed, within a bound") {
  SealTroubles troubles(3);
  CHECK(troubles.failed(HostId{1}, 100, seconds(1)).failures == 1);
  CHECK(troubles.failed(HostId{2}, 100, seconds(2)).failures == 1);
  CHECK(troubles.failed(HostId{1}, 200, seconds(3)).failures == 1);
  const auto again = troubles.failed(HostId{1}, 100, seconds(4));
  CHECK(again.failures == 2);
  CHECK(again.since == seconds(1));
  CHECK(troubles.size() == 3);
  // A fourth: what was tried least recently, of a host that is gone perhaps, gives way.
  CHECK(troubles.failed(HostId{1}, 300, seconds(5)).failures == 1);
  CHECK(troubles.size() == 3);
  CHECK(troubles.failed(HostId{1}, 100, seconds(6)).failures == 3);
  CHECK(troubles.failed(HostId{1}, 200, seconds(7)).failures == 2);
  troubles.forget(HostId{1}, 200);
  troubles.forget(HostId{9}, 1);
  CHECK(troubles.size() == 2);
  CHECK(troubles.failed(HostId{1}, 200, seconds(8)).since == seconds(8));
}

}  // namespace
}  // namespace volta
