// How much one host may send, over all its links.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "model/series.hpp"

namespace volta {

struct IngestOptions {
  // Different series of one host since the server started; batches that need more are refused.
  std::size_t most_series = 20'000;
  // Per host. An agent sends one batch a second at most, but may have some minutes to make up for.
  double batches_per_second = 100;
  double batch_burst = 400;
};

// Safe from any thread.
class HostLimits {
 public:
  HostLimits(const IngestOptions& options, const Clock& clock);
  // 0: go on. Else the batch is too much now; how long to wait.
  std::chrono::milliseconds take_batch();
  // False: this series would be one too many.
  bool admit(const SeriesDef& series);

 private:
  const IngestOptions options_;
  const Clock& clock_;
  std::mutex mutex_;  // guards all below
  double tokens_;
  std::chrono::nanoseconds filled_at_;
  std::vector<std::uint64_t> series_;  // hashes, sorted; at most most_series
};

}  // namespace volta
