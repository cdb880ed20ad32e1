#include "fleet/links.hpp"

#include <catch2/catch.hpp>

#include "fleet/fakes.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;
using test::FakeControl;

constexpr HostId kLinked{1};

struct LinksFixture {
  test::FakeClock clock;
  LinkTable links{clock};
  std::shared_ptr<FakeControl> control = std::make_shared<FakeControl>();
  std::shared_ptr<Link> open() { return links.open(kLinked, test::kRun, "peer", control); }
};

TEST_CASE("a second link of the same host closes the first with a reason") {
  LinksFixture f;
  const auto first = f.open();
  const auto second_control = std::make_shared<FakeControl>();
  const auto second = f.links.open(kLinked, test::kRun, "elsewhere", second_control);
  CHECK(f.control->closed.size() == 1);
  CHECK(second_control->closed.empty());
  CHECK_FALSE(f.links.is_open(first));
  CHECK(f.links.is_open(second));
  CHECK(f.links.connected() == 1);
  f.links.gone(first);  // must not take the second with it
  CHECK(f.links.status(kLinked).connected);
  f.links.gone(second);
  CHECK_FALSE(f.links.status(kLinked).connected);
}

TEST_CASE("the first watcher turns live on, the last one off after a grace") {
  LinksFixture f;
  const auto link = f.open();
  CHECK(f.control->lives.empty());
  f.links.watch(kLinked, true);
  f.links.watch(kLinked, true);
  CHECK(f.control->lives == std::vector<bool>{true});
  f.links.watch(kLinked, false);
  f.clock.advance(1min);
  f.links.heard(link, 0s);
  CHECK(f.control->lives == std::vector<bool>{true});
  f.links.watch(kLinked, false);
  f.clock.advance(9s);
  f.links.heard(link, 0s);
  CHECK(f.control->lives == std::vector<bool>{true});
  f.clock.advance(1s);
  f.links.heard(link, 0s);
  f.links.heard(link, 0s);
  CHECK(f.control->lives == std::vector<bool>{true, false});
}

TEST_CASE("a watcher who comes back within the grace changes nothing") {
  LinksFixture f;
  const auto link = f.open();
  f.links.watch(kLinked, true);
  f.links.watch(kLinked, false);
  f.clock.advance(5s);
  f.links.watch(kLinked, true);
  f.clock.advance(20s);
  f.links.heard(link, 0s);
  CHECK(f.control->lives == std::vector<bool>{true});
}

TEST_CASE("an agent that connects to a watched host is told so at once") {
  LinksFixture f;
  f.links.watch(kLinked, true);
  f.open();
  CHECK(f.control->lives == std::vector<bool>{true});
}

TEST_CASE("an end of watching without a beginning is nothing") {
  LinksFixture f;
  f.links.watch(kLinked, false);
  f.open();
  f.links.watch(kLinked, false);
  f.links.watch(kLinked, true);
  CHECK(f.control->lives == std::vector<bool>{true});
}

TEST_CASE("a closed link is heard no more, and closing twice tells once") {
  LinksFixture f;
  const auto link = f.open();
  f.links.close(kLinked, "because");
  f.links.close(kLinked, "because");
  CHECK(f.control->closed == std::vector<std::string>{"because"});
  CHECK_FALSE(f.links.is_open(link));
  f.links.heard(link, 0s);
  CHECK_FALSE(f.links.status(kLinked).since_data);
  f.links.watch(kLinked, true);
  CHECK(f.control->lives.empty());
  f.links.forget(kLinked, "gone");
  f.links.gone(link);
  CHECK_FALSE(f.links.status(kLinked).since_gone);
}

}  // namespace
}  // namespace volta
