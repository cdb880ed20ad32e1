// What an answer to remote write means, and when to try again. Pure.
//   network, 5xx          again, with back-off; but for refuses_old_samples()
//   429                   again, not before Retry-After
//   2.0 and 415, or 2xx that says nothing of what was written (Prometheus before 2.50 answers 204
//   to what it does not understand)
//                         again at once as 1.0, and 1.0 from then on
//   2.0 and 400 from a receiver that never took 2.0
//                         again at once as 1.0; if that is taken, 1.0 from then on
//   2xx                   done
//   all else              never again: dropped and counted; but where may_take_parts(), in halves
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "model/http.hpp"
#include "prom/remote_write.hpp"

namespace volta {

enum class SendVerdict : std::uint8_t { done, again, as_version_1, try_version_1, dropped };

// `took_2`: this receiver has acknowledged a 2.0 request before.
SendVerdict judge_write_answer(const OutboundResponse& response, WriteVersion version, bool took_2);

// Whether what was dropped may hold samples that another request would bring through: the receiver
// refuses samples (400), a size (413) or what is too old, and does not say that it took the rest.
bool may_take_parts(const OutboundResponse& response);

// Prometheus answers 500 to a sample older than its out-of-order window ("too old sample", 2.39 to
// 3), where all else that it refuses in a sample is a 400. It refuses it every time.
bool refuses_old_samples(const OutboundResponse& response);

// Samples that the answer says were written; empty: it does not say.
std::optional<std::size_t> samples_written(const OutboundResponse& response);

// Retry-After as seconds or as an HTTP date; empty: none, or not to be understood. At most ten
// minutes, at least 0.
std::optional<std::chrono::milliseconds> retry_after(const OutboundResponse& response,
                                                     std::int64_t wall_ms);

// Doubling from 30 ms to 5 s, of which the upper half is random: many senders do not come back in
// one moment, and none comes back at once.
class SendBackoff {
 public:
  static constexpr std::chrono::milliseconds kFirst{30};
  static constexpr std::chrono::milliseconds kLast{5'000};

  // `random`: uniform in [0, 1).
  std::chrono::milliseconds next(double random) {
    const auto half = bound_ / 2;
    const auto wait = half + std::chrono::milliseconds(static_cast<std::int64_t>(
                                 random * static_cast<double>((bound_ - half).count() + 1)));
    bound_ = std::min(2 * bound_, kLast);
    return wait;
  }
  void reset() { bound_ = kFirst; }

 private:
  std::chrono::milliseconds bound_ = kFirst;
};

}  // namespace volta
