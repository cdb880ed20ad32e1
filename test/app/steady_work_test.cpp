#include "app/steady_work.hpp"

#include <atomic>
#include <future>

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("work is done at once and again, until it is stopped") {
  std::promise<void> third;
  std::atomic<int> count{0};
  SteadyWork work(std::chrono::milliseconds(1), [&] {
    if (++count == 3) third.set_value();
  });
  third.get_future().wait();
  work.stop();
  const int then = count;
  work.stop();
  CHECK(count == then);
}

TEST_CASE("a long pause does not hold up the end") {
  std::promise<void> first;
  SteadyWork work(std::chrono::hours(1), [&] { first.set_value(); });
  first.get_future().wait();
}

}  // namespace
}  // namespace volta
