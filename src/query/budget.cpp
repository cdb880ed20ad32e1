#include "query/budget.hpp"

#include "base/assert.hpp"

namespace volta::promql {

void Budget::check() const {
  if (ended_.load(std::memory_order_relaxed)) throw Stop("the query has failed");
  if (cancel_ != nullptr && cancel_->load(std::memory_order_relaxed)) {
    throw Stop("query was canceled in expression evaluation", QueryFailure::Kind::canceled);
  }
  if (std::chrono::steady_clock::now() >= deadline_) {
    throw Stop(
        "query timed out in expression evaluation after " +
            std::to_string(limits_.timeout.count()) +
            " ms; narrow it: a shorter range, a longer step, or matchers that select fewer series",
        QueryFailure::Kind::timeout);
  }
}

void Budget::end(std::exception_ptr why) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(why);
  }
  ended_ = true;
}

std::exception_ptr Budget::failure() const {
  const std::lock_guard lock(mutex_);
  VOLTA_ASSERT(failure_ != nullptr);
  return failure_;
}

void Budget::read_samples(std::size_t count) {
  if (samples_.fetch_add(count) + count <= limits_.most_samples) return;
  throw Stop(
      "query processing would load too many samples into memory in query execution: more than " +
      std::to_string(limits_.most_samples) +
      "; narrow it: a shorter range, or matchers that select fewer series");
}

void Budget::take_bytes(std::size_t bytes) {
  const std::size_t most = limits_.most_bytes;
  if (bytes > most || ledger_->fetch_add(bytes) > most - bytes) {
    if (bytes <= most) give_bytes(bytes);
    throw Stop("query needs more than " + std::to_string(limits_.most_bytes >> 20U) +
               " MiB for its intermediate results; narrow it: a longer step, a shorter range, or "
               "matchers that select fewer series");
  }
}

}  // namespace volta::promql
