#include "query/helpers.hpp"

#include <atomic>
#include <stdexcept>
#include <string>

#include <catch2/catch.hpp>

namespace volta::promql {
namespace {

// Until so many are here; false after a deadline that only a failure sees.
class Meeting {
 public:
  bool wait_for(int count) {
    std::unique_lock lock(mutex_);
    ++here_;
    changed_.notify_all();
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return here_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int here_ = 0;
};

TEST_CASE("each part is done once, whoever does it") {
  for (const unsigned cores : {0U, 1U, 2U, 4U}) {
    Helpers helpers(cores);
    for (const std::size_t parts : {0U, 1U, 2U, 3U, 100U}) {
      std::vector<std::atomic<int>> done(parts);
      const Helpers::Asking asking(helpers);
      helpers.run(parts, [&](std::size_t part) { ++done[part]; });
      for (const auto& times : done) CHECK(times == 1);
    }
  }
}

TEST_CASE("parts run at the same time where cores are idle") {
  Helpers helpers(3);
  const Helpers::Asking asking(helpers);
  CHECK(helpers.idle() == 2);
  Meeting meeting;
  std::atomic<int> met{0};
  helpers.run(3, [&](std::size_t) { met += meeting.wait_for(3) ? 1 : 0; });
  CHECK(met == 3);
}

TEST_CASE("where no core is idle nobody helps") {
  Helpers helpers(2);
  const Helpers::Asking one(helpers);
  const Helpers::Asking another(helpers);
  CHECK(helpers.idle() == 0);
  const auto self = std::this_thread::get_id();
  std::atomic<int> elsewhere{0};
  helpers.run(50, [&](std::size_t) { elsewhere += std::this_thread::get_id() == self ? 0 : 1; });
  CHECK(elsewhere == 0);
}

TEST_CASE("the first failure is the answer, after all parts ended that were begun") {
  Helpers helpers(4);
  const Helpers::Asking asking(helpers);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    std::atomic<bool> failed{false};
    std::string text;
    try {
      helpers.run(1000, [&](std::size_t part) {
        ++begun;
        if (part >= 3 && !failed.exchange(true)) {
          ++ended;
          throw std::runtime_error("first");
        }
        std::this_thread::yield();
        ++ended;
      });
    } catch (const std::runtime_error& failure) {
      text = failure.what();
    }
    CHECK(text == "first");
    CHECK(begun == ended);
  }
}

TEST_CASE("many ask at once") {
  Helpers helpers(3);
  std::atomic<std::size_t> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const Helpers::Asking asking(helpers);
        helpers.run(5, [&](std::size_t part) { sum += part; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(sum == 6U * 50U * 10U);
  CHECK(helpers.idle() == 3);
}

}  // namespace
}  // namespace volta::promql
