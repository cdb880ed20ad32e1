#include "api/query_gate.hpp"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

namespace volta::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

bool entered(const std::variant<QueryGate::Pass, QueryGate::Refusal>& answer) {
  return std::holds_alternative<QueryGate::Pass>(answer);
}

}  // namespace

TEST_CASE("places are given back") {
  QueryGate gate(2, 0);
  {
    const auto first = gate.enter(hours(1));
    const auto second = gate.enter(hours(1));
    CHECK(entered(first));
    CHECK(entered(second));
    CHECK(gate.running() == 2);
    CHECK(std::get<QueryGate::Refusal>(gate.enter(hours(1))) == QueryGate::Refusal::full);
  }
  CHECK(gate.running() == 0);
  CHECK(entered(gate.enter(milliseconds(0))));
}

TEST_CASE("who waits longer than he likes is late") {
  QueryGate gate(1, 1);
  const auto held = gate.enter(hours(1));
  CHECK(std::get<QueryGate::Refusal>(gate.enter(milliseconds(1))) == QueryGate::Refusal::late);
  CHECK(gate.waiting() == 0);
}

TEST_CASE("who waits gets the next place, and a full queue is refused at once") {
  QueryGate gate(1, 1);
  auto held =
      std::make_unique<std::variant<QueryGate::Pass, QueryGate::Refusal>>(gate.enter(hours(1)));
  std::atomic<bool> got{false};
  std::thread waiter([&] { got = entered(gate.enter(hours(1))); });
  while (gate.waiting() == 0) std::this_thread::yield();
  CHECK(std::get<QueryGate::Refusal>(gate.enter(hours(1))) == QueryGate::Refusal::full);
  CHECK_FALSE(got);
  held.reset();
  waiter.join();
  CHECK(got);
  CHECK(gate.running() == 0);
}

TEST_CASE("nobody overtakes who waits") {
  for (int round = 0; round < 50; ++round) {
    QueryGate gate(1, 4);
    auto held =
        std::make_unique<std::variant<QueryGate::Pass, QueryGate::Refusal>>(gate.enter(hours(1)));
    std::atomic<bool> leave{false};
    std::thread waiter([&] {
      const auto pass = gate.enter(hours(1));
      while (!leave) std::this_thread::yield();
    });
    while (gate.waiting() == 0) std::this_thread::yield();
    held.reset();
    // The place is the waiter's from now on, whether it has woken up or not.
    CHECK_FALSE(entered(gate.enter(milliseconds(0))));
    leave = true;
    waiter.join();
    CHECK(gate.running() == 0);
  }
}

TEST_CASE("who came first goes first") {
  QueryGate gate(1, 8);
  auto held =
      std::make_unique<std::variant<QueryGate::Pass, QueryGate::Refusal>>(gate.enter(hours(1)));
  std::mutex mutex;
  std::vector<std::size_t> order;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto pass = gate.enter(hours(1));
      const std::lock_guard lock(mutex);
      order.push_back(i);
    });
    while (gate.waiting() <= i) std::this_thread::yield();
  }
  held.reset();
  for (std::thread& thread : threads) thread.join();
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("never more run than may, and all come in") {
  QueryGate gate(3, 64);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        const auto pass = gate.enter(hours(1));
        if (!entered(pass)) return;
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --inside;
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == 16 * 200);
  CHECK(most <= 3);
  CHECK(gate.running() == 0);
  CHECK(gate.waiting() == 0);
}

}  // namespace volta::test
