// Joins an agent to an ingest in the same process: `volta local` without sockets. The same two
// ends, the same rules of delivery, another wire.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "model/link.hpp"

namespace volta {

// Threads as AgentLink says; what the server's side calls back may come from any.
class DirectLink final : public AgentLink {
 public:
  // `sink` must live longer.
  explicit DirectLink(BatchSink& sink) : sink_(sink) {}
  DirectLink(const DirectLink&) = delete;
  DirectLink& operator=(const DirectLink&) = delete;
  ~DirectLink() override { close(); }

  std::variant<Welcome, Refusal> open(const Hello& hello) override;
  void close() override;
  void define(std::span<const SeriesDef> series) override;
  void push(const EncodedBatch& batch) override;
  void open_backlog(const RunId& run, std::uint64_t last_seq) override;
  void push_backlog(const EncodedBatch& batch) override;
  void close_backlog() override { backlog_.reset(); }
  std::optional<LinkEvent> wait(std::chrono::milliseconds patience) override;
  void wake() override;
  [[nodiscard]] std::uint64_t bytes_sent() const override { return 0; }
  [[nodiscard]] std::uint64_t bytes_received() const override { return 0; }

 private:
  // Events on their way to the agent. One for each link that was opened, shared with the server's
  // side, whose late answers must go nowhere. Bounded: one answer for each of at most 8 pushes into
  // each run, the newest `live`, one closing.
  class Mailbox;
  class Control;

  void push_into(IngestSession& session, Lane lane, const EncodedBatch& batch);

  // Outlives the mailboxes: wake() comes from any thread at any time.
  struct Bell {
    std::mutex mutex;
    std::condition_variable rang;
    bool wake = false;
  };

  BatchSink& sink_;
  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  std::shared_ptr<Mailbox> mailbox_;  // null: closed
  std::unique_ptr<IngestSession> session_;
  std::unique_ptr<IngestSession> backlog_;  // an older run beside it; null: none
};

}  // namespace volta
