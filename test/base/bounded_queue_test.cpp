#include "base/bounded_queue.hpp"

#include <memory>
#include <thread>

#include <catch2/catch.hpp>

namespace volta {
namespace {

using std::chrono::milliseconds;

TEST_CASE("a full queue refuses, or drops its oldest") {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  auto value = std::make_unique<int>(1);
  CHECK(queue.try_push(value));
  value = std::make_unique<int>(2);
  CHECK(queue.try_push(value));
  value = std::make_unique<int>(3);
  CHECK_FALSE(queue.try_push(value));
  REQUIRE(value);  // untouched
  CHECK(queue.push_dropping_oldest(std::move(value)) == 1);
  CHECK(**queue.pop(milliseconds(0)) == 2);
  CHECK(**queue.pop(milliseconds(0)) == 3);
  CHECK_FALSE(queue.pop(milliseconds(0)));
}

TEST_CASE("a closed queue gives what it has and takes no more") {
  BoundedQueue<int> queue(4);
  CHECK(queue.push(1));
  queue.close();
  CHECK_FALSE(queue.push(2));
  CHECK(queue.take(10) == std::vector<int>{1});
  CHECK_FALSE(queue.pop(milliseconds(1000)));
}

TEST_CASE("everything pushed by several threads arrives once") {
  BoundedQueue<int> queue(8);
  std::vector<std::thread> producers;
  for (int producer = 0; producer < 3; ++producer) {
    producers.emplace_back([&queue] {
      for (int i = 0; i < 1000; ++i) queue.push(i);
    });
  }
  long sum = 0;
  for (int i = 0; i < 3000; ++i) sum += *queue.pop(milliseconds(10'000));
  for (std::thread& producer : producers) producer.join();
  CHECK(sum == 3L * 999 * 1000 / 2);
  CHECK(queue.size() == 0);
}

}  // namespace
}  // namespace volta
