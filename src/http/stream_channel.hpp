// What waits to be sent to one WebSocket or SSE client: between api/'s threads, which send, and the
// connection, which takes. Bounded: a message with the key of a waiting one takes its place, and
// who falls too far behind is closed instead of being waited for.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "http/http_counters.hpp"
#include "model/http.hpp"

namespace volta {

struct CloseReason {
  std::uint16_t code = 1000;
  std::string text;
};

// Safe from any thread. May outlive the connection; sending then does nothing.
class StreamChannel final : public StreamSender {
 public:
  StreamChannel(std::size_t most_bytes, std::shared_ptr<HttpCounters> counters)
      : most_bytes_(most_bytes), counters_(std::move(counters)) {}

  // A replaced message leaves its place and the new one goes to the end: what was queued between
  // the two (an index that the new one counts on) is then read first. More than `most_bytes`
  // waiting closes with 1013; a single message may be larger.
  void send(std::string key, std::shared_ptr<const std::string> message) override;
  // After what is queued. The first close wins.
  void close(std::uint16_t code, std::string reason) override;
  // Drops what is queued; a close that waits behind messages keeps its reason.
  void close_now(std::uint16_t code, std::string reason);

  // `wake` is called, with the lock held, when there is something to take after take() gave
  // nothing. It must only post.
  void attach(std::function<void()> wake);
  // No wake is called any more once this has returned. Drops what is queued.
  void detach();

  struct Item {
    std::shared_ptr<const std::string> message;  // null: nothing waits
    std::optional<CloseReason> close;            // nothing comes after it
  };
  Item take();
  // True if take() would give a close: nothing waits before it.
  [[nodiscard]] bool close_waits() const;

 private:
  struct Waiting {
    std::string key;
    std::shared_ptr<const std::string> message;
  };
  [[nodiscard]] std::size_t weight(const std::string& message) const;
  // All with the lock held.
  void clear();
  void close_soon();
  void signal();

  const std::size_t most_bytes_;
  std::shared_ptr<HttpCounters> counters_;
  mutable std::mutex mutex_;
  // Protected by mutex_.
  std::function<void()> wake_;
  bool awake_ = false;
  bool closed_ = false;  // nothing more is accepted
  std::optional<CloseReason> close_;
  std::list<Waiting> queue_;
  std::unordered_map<std::string, std::list<Waiting>::iterator> by_key_;
  std::size_t bytes_ = 0;
};

}  // namespace volta
