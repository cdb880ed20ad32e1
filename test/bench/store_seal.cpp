// A probe to look at, not a test: what sealing costs a store of a thousand hosts, where nothing is
// due and where an hour is over, and how long commits wait meanwhile.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"

namespace {

using namespace volta;  // NOLINT: a probe

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kBegin = test::kStart / kHourMs * kHourMs;

double cpu_ms(clockid_t which) {
  timespec now{};
  ::clock_gettime(which, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

class Fleet {
 public:
  Fleet(Store& store, int hosts, int series) : store_(store) {
    for (int i = 0; i < hosts; ++i) {
      const auto host =
          store.hosts()
              .add("h" + std::to_string(i),
                   Sha256{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8), 1})
              .value()
              .id;
      agents_.push_back(std::make_unique<test::Agent>(store.journal(), host, test::run_id(1)));
      for (int slot = 0; slot < series; ++slot) {
        agents_.back()->define(test::gauge("m" + std::to_string(slot)));
      }
      readings_.resize(static_cast<std::size_t>(series));
    }
  }
  // `ticks` of each agent, as a batch; the longest that a commit took, ms.
  double send(std::int64_t time_ms, int ticks) {
    double longest = 0;
    std::vector<std::future<CommitState>> answers;
    const auto start = std::chrono::steady_clock::now();
    for (auto& agent : agents_) {
      for (int tick = 0; tick < ticks; ++tick) {
        for (std::size_t slot = 0; slot < readings_.size(); ++slot) {
          readings_[slot] = {static_cast<Slot>(slot), number_++ * 7919 % 1000};
        }
        agent->tick(time_ms + tick * 1000, readings_);
      }
      auto answer = std::make_shared<std::promise<CommitState>>();
      answers.push_back(answer->get_future());
      JournalEntry entry = agent->finish();
      entry.done = [answer](CommitState state) { answer->set_value(state); };
      while (!store_.journal().append(entry)) std::this_thread::yield();
    }
    for (auto& answer : answers) {
      if (answer.get() != CommitState::committed) std::printf("a batch was not committed\n");
    }
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    longest = std::max(longest, took.count());
    return longest;
  }

 private:
  Store& store_;
  std::vector<std::unique_ptr<test::Agent>> agents_;
  std::vector<Reading> readings_;
  std::uint64_t number_ = 1;
};

void run(const std::filesystem::path& directory, int hosts, int series) {
  StoreOptions options;
  options.directory = directory;
  options.raw_age = std::chrono::milliseconds(0);
  options.size_bytes = 0;
  options.seal_in_background = false;
  test::FakeClock clock(kBegin);
  Store store(options, clock);
  Fleet fleet(store, hosts, series);
  const auto advance_to = [&](std::int64_t ms) {
    clock.advance(std::chrono::milliseconds(ms - clock.wall_ms()));
  };
  for (int minute = 0; minute < 58; ++minute) {
    advance_to(kBegin + minute * 60'000);
    fleet.send(clock.wall_ms() + 1000, 10);
  }
  store.seal_due();
  double least = 1e9;
  double sum = 0;
  constexpr int kLooks = 20;
  for (int look = 0; look < kLooks; ++look) {  // nothing is due
    advance_to(kBegin + 58 * 60'000 + look * 5000);
    fleet.send(clock.wall_ms() + 1000, 1);
    const double before = cpu_ms(CLOCK_THREAD_CPUTIME_ID);
    store.seal_due();
    const double used = cpu_ms(CLOCK_THREAD_CPUTIME_ID) - before;
    least = std::min(least, used);
    sum += used;
  }
  std::printf("%d hosts, nothing due: %.2f ms CPU a look, at least %.2f\n", hosts, sum / kLooks,
              least);
  // The hour is over, while all go on.
  advance_to(kBegin + kHourMs + 300'000);
  std::atomic<bool> done{false};
  double longest = 0;
  int rounds = 0;
  std::thread load([&] {
    for (std::int64_t time = clock.wall_ms(); !done; time += 1000, ++rounds) {
      longest = std::max(longest, fleet.send(time, 1));
    }
  });
  const double before = cpu_ms(CLOCK_THREAD_CPUTIME_ID);
  const auto start = std::chrono::steady_clock::now();
  store.seal_due();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const double used = cpu_ms(CLOCK_THREAD_CPUTIME_ID) - before;
  done = true;
  load.join();
  const double samples = 580.0 * hosts * series;
  std::printf("an hour of all of them: %.2f s wall, %.0f samples per CPU-s of the sealer's\n",
              wall.count(), samples / used * 1e3);
  std::printf("meanwhile %d rounds of commits of all hosts, the longest %.0f ms\n", rounds,
              longest);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("store_seal DIRECTORY [HOSTS SERIES]\n", stderr);
    return 2;
  }
  run(argv[1], argc > 2 ? std::atoi(argv[2]) : 1000, argc > 3 ? std::atoi(argv[3]) : 50);
  return 0;
}
