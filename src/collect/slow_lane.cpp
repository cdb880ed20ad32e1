#include "collect/slow_lane.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include <pthread.h>

#include "base/error.hpp"

namespace volta {

struct SlowLane::State {
  State(const Clock& its_clock, std::chrono::nanoseconds its_patience)
      : clock(&its_clock), patience(its_patience) {
    constexpr std::size_t kUsual = 64;  // tasks: so many wait without an allocation
    queue.reserve(kUsual);
    stuck.reserve(kMostAbandoned);
  }

  const Clock* const clock;
  const std::chrono::nanoseconds patience;

  std::mutex mutex;
  std::condition_variable changed;
  // All below is protected by mutex.
  std::vector<std::shared_ptr<SlowTask>> queue;
  std::vector<std::shared_ptr<SlowTask>> stuck;  // one per abandoned worker
  std::shared_ptr<SlowTask> running;             // what the current worker does
  std::chrono::nanoseconds running_since{};
  std::uint64_t worker = 0;  // number of the current worker; older ones are abandoned
  bool worker_alive = false;
  bool stop = false;
};

namespace {

struct WorkerStart {
  std::shared_ptr<void> state;
  std::uint64_t number;
};

}  // namespace

SlowLane::SlowLane(const Clock& clock, std::chrono::nanoseconds patience)
    : state_(std::make_shared<State>(clock, patience)) {}

SlowLane::~SlowLane() {
  std::unique_lock lock(state_->mutex);
  state_->stop = true;
  state_->queue.clear();
  state_->changed.notify_all();
  // An idle worker is gone at once; one inside a task is not waited for.
  constexpr std::chrono::milliseconds kFarewell(200);
  state_->changed.wait_for(lock, kFarewell,
                           [&] { return !state_->worker_alive || state_->running != nullptr; });
}

void* SlowLane::work(void* argument) {
  const std::unique_ptr<WorkerStart> start(static_cast<WorkerStart*>(argument));
  const auto state = std::static_pointer_cast<State>(start->state);
  std::unique_lock lock(state->mutex);
  const auto abandoned = [&] { return state->worker != start->number; };
  while (true) {
    state->changed.wait(lock, [&] { return state->stop || !state->queue.empty(); });
    if (state->stop) break;
    std::shared_ptr<SlowTask> task = std::move(state->queue.front());
    state->queue.erase(state->queue.begin());
    state->running = task;
    state->running_since = state->clock->boottime();
    lock.unlock();
    task->run();
    lock.lock();
    if (abandoned()) {
      std::erase(state->stuck, task);
      state->changed.notify_all();
      return nullptr;
    }
    state->running.reset();
    state->changed.notify_all();
  }
  state->worker_alive = false;
  state->changed.notify_all();
  return nullptr;
}

// Requires the lock.
void SlowLane::start_worker() {
  auto start = std::make_unique<WorkerStart>(WorkerStart{state_, ++state_->worker});
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  constexpr std::size_t kStack = 256U << 10U;  // a task makes a few system calls
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_t thread{};
  const int error = pthread_create(&thread, &attributes, &SlowLane::work, start.get());
  pthread_attr_destroy(&attributes);
  state_->worker_alive = error == 0;
  if (error != 0) throw SystemFailure("start", "a thread for slow reads", error);
  start.release();  // the worker's now; NOLINT(bugprone-unused-return-value)
}

bool SlowLane::submit(const std::shared_ptr<SlowTask>& task) {
  const std::lock_guard lock(state_->mutex);
  const auto has = [&](const auto& tasks) {
    return std::find(tasks.begin(), tasks.end(), task) != tasks.end();
  };
  if (state_->running == task || has(state_->queue) || has(state_->stuck)) return false;
  if (state_->queue.size() >= kMostQueued) return false;
  if (!state_->worker_alive) start_worker();
  state_->queue.push_back(task);
  state_->changed.notify_all();
  return true;
}

void SlowLane::watch() {
  const std::lock_guard lock(state_->mutex);
  if (!state_->running || state_->clock->boottime() - state_->running_since < state_->patience) {
    return;
  }
  if (state_->stuck.size() >= kMostAbandoned) return;
  state_->stuck.push_back(std::move(state_->running));
  state_->running.reset();
  start_worker();
}

bool SlowLane::stuck(const SlowTask& task) const {
  const std::lock_guard lock(state_->mutex);
  if (state_->running.get() == &task) {
    return state_->clock->boottime() - state_->running_since >= state_->patience;
  }
  return std::any_of(state_->stuck.begin(), state_->stuck.end(),
                     [&](const auto& one) { return one.get() == &task; });
}

bool SlowLane::wait_idle(std::chrono::milliseconds longest) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(
      lock, longest, [&] { return state_->queue.empty() && state_->running == nullptr; });
}

std::size_t SlowLane::abandoned() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stuck.size();
}

}  // namespace volta
