#include "uplink/uplink.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/threads.hpp"

namespace volta {
namespace {

// The link ends a wait early whenever there is something to do, so this is only a bound.
constexpr std::chrono::milliseconds kLongWait{3'600'000};

}  // namespace

Uplink::Uplink(std::unique_ptr<AgentLink> link, const Clock& clock, UplinkOptions options)
    : link_(std::move(link)),
      clock_(clock),
      farewell_(options.farewell),
      outbox_(options.buffer),
      batcher_(outbox_, wishes_, options.flush),
      sender_(*link_, outbox_, wishes_, clock, std::move(options.identity)) {}

void Uplink::start() {
  thread_ = start_thread("send to the server", [this] { run(); });
}

void Uplink::stop() {
  if (!thread_.joinable()) return;
  batcher_.flush(clock_.monotonic());
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  link_->wake();
  thread_.join();
  if (outbox_.size() > 0) {
    log::warning("readings that no server has taken end with this agent",
                 {{"batches", outbox_.size()}});
  }
}

void Uplink::on_tick(const Tick& tick) {
  if (batcher_.add(tick, clock_.monotonic())) link_->wake();
}

UplinkCounters Uplink::counters() const {
  return {outbox_.size(), outbox_.dropped() + sender_.refused_batches(), sent_bytes_.load()};
}

void Uplink::run() {
  std::optional<std::chrono::nanoseconds> deadline;
  std::unique_lock lock(mutex_);
  for (;;) {
    auto patience = kLongWait;
    if (stopping_) {
      if (!deadline) {
        deadline = clock_.monotonic() + farewell_;
        sender_.hurry();
      }
      patience = std::chrono::ceil<std::chrono::milliseconds>(*deadline - clock_.monotonic());
      if (patience.count() <= 0 || outbox_.size() == 0) break;
    }
    lock.unlock();
    const auto away = sender_.step(patience);
    sent_bytes_ = link_->bytes_sent();
    lock.lock();
    if (away.count() == 0) continue;
    if (stopping_ && away >= patience) break;
    changed_.wait_for(lock, std::min(away, patience), [&] { return stopping_ && !deadline; });
  }
  lock.unlock();
  sender_.close();
}

}  // namespace volta
