#include "uplink/uplink.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/threads.hpp"

namespace volta {
namespace {

// The link ends a wait early whenever there is something to do, so this is only a bound.
constexpr std::chrono::milliseconds kLongWait{3'600'000};

std::unique_ptr<Spooler> make_spooler(Outbox& outbox, const Clock& clock,
                                      const UplinkOptions& options) {
  if (options.spool_bytes == 0) return nullptr;
  return std::make_unique<Spooler>(outbox, clock, options.spool_folder, options.spool_bytes);
}

}  // namespace

Uplink::Uplink(std::unique_ptr<AgentLink> link, const Clock& clock, UplinkOptions options)
    : link_(std::move(link)),
      clock_(clock),
      farewell_(options.farewell),
      outbox_(options.buffer),
      spooler_(make_spooler(outbox_, clock, options)),
      slots_(outbox_.series(0)),
      batcher_(outbox_, wishes_, options.flush),
      sender_(*link_, outbox_, wishes_, clock, std::move(options.identity)) {
  if (spooler_) sender_.restore(spooler_->runs(), spooler_->host_id());
}

void Uplink::start() {
  if (spooler_) spooler_->start();
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
  if (spooler_) spooler_->stop();
  if (outbox_.size() > 0) say_what_stays();
}

void Uplink::say_what_stays() const {
  if (spooler_ && spooler_->has_all()) {
    log::info("readings that no server has taken are kept and sent at the next start",
              {{"batches", outbox_.size()}, {"folder", spooler_->folder().string()}});
  } else {
    log::warning("readings that no server has taken end with this agent",
                 {{"batches", outbox_.size()}});
  }
}

void Uplink::on_tick(const Tick& tick) {
  if (batcher_.add(slots_.map(tick), clock_.monotonic())) link_->wake();
  if (spooler_) spooler_->wake();
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
