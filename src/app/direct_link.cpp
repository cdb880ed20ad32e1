#include "app/direct_link.hpp"

#include <utility>

#include "base/assert.hpp"

namespace volta {
namespace {

LinkEvent event_of(std::uint64_t seq, Lane lane, PushOutcome outcome) {
  if (outcome.refused) return BatchRefused{seq, *outcome.refused, std::move(outcome.text), lane};
  if (outcome.new_run) return NewRunWanted{std::move(outcome.text), lane};
  if (outcome.retry_after.count() > 0) return RetryAfter{outcome.retry_after, seq, lane};
  return Acknowledged{outcome.durable_seq, lane};
}

}  // namespace

class DirectLink::Mailbox {
 public:
  explicit Mailbox(std::shared_ptr<Bell> bell) : bell_(std::move(bell)) {}

  // From any thread. After a LinkClosed nothing more is taken.
  void post(LinkEvent event) {
    {
      const std::lock_guard lock(bell_->mutex);
      if (closed_) return;
      closed_ = std::holds_alternative<LinkClosed>(event);
      if (std::holds_alternative<LiveWanted>(event)) {
        std::erase_if(events_,
                      [](const LinkEvent& e) { return std::holds_alternative<LiveWanted>(e); });
      }
      events_.push_back(std::move(event));
    }
    bell_->rang.notify_all();
  }

  // Requires the bell's lock.
  [[nodiscard]] bool empty() const { return events_.empty(); }
  LinkEvent take() {
    LinkEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

 private:
  const std::shared_ptr<Bell> bell_;
  std::deque<LinkEvent> events_;  // guarded by the bell's lock
  bool closed_ = false;           // likewise
};

class DirectLink::Control final : public AgentControl {
 public:
  explicit Control(std::weak_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) {}
  void live(bool on) override { post(LiveWanted{on}); }
  void retry_after(std::chrono::milliseconds pause) override { post(RetryAfter{pause}); }
  void close(const std::string& reason) override { post(LinkClosed{reason}); }

 private:
  void post(LinkEvent event) {
    if (const auto mailbox = mailbox_.lock()) mailbox->post(std::move(event));
  }
  const std::weak_ptr<Mailbox> mailbox_;
};

std::variant<Welcome, Refusal> DirectLink::open(const Hello& hello) {
  close();
  auto mailbox = std::make_shared<Mailbox>(bell_);
  auto answer = sink_.open(hello, "local", std::make_shared<Control>(mailbox));
  if (auto* refusal = std::get_if<Refusal>(&answer)) return std::move(*refusal);
  auto& opened = std::get<OpenedSession>(answer);
  mailbox_ = std::move(mailbox);
  session_ = std::move(opened.session);
  return std::move(opened.welcome);
}

void DirectLink::close() {
  // The session first: while it goes it may still answer what it has.
  backlog_.reset();
  session_.reset();
  mailbox_.reset();
}

void DirectLink::define(std::span<const SeriesDef> series) {
  if (!session_) return;
  const Result<void> defined = session_->define({series.begin(), series.end()});
  if (!defined) mailbox_->post(LinkClosed{defined.error().text});
}

void DirectLink::push(const EncodedBatch& batch) {
  if (session_) push_into(*session_, Lane::now, batch);
}

void DirectLink::push_backlog(const EncodedBatch& batch) {
  if (backlog_) push_into(*backlog_, Lane::backlog, batch);
}

void DirectLink::push_into(IngestSession& session, Lane lane, const EncodedBatch& batch) {
  session.push(batch,
               [mailbox = std::weak_ptr(mailbox_), seq = batch.seq, lane](PushOutcome outcome) {
                 if (const auto box = mailbox.lock())
                   box->post(event_of(seq, lane, std::move(outcome)));
               });
}

void DirectLink::open_backlog(const RunId& run, std::uint64_t /*last_seq*/) {
  if (!session_) return;
  auto answer = session_->open_run(run);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) {
    mailbox_->post(RetryAfter{refusal->retry_after, 0, Lane::backlog});
    return;
  }
  auto& opened = std::get<OpenedSession>(answer);
  backlog_ = std::move(opened.session);
  mailbox_->post(BacklogOpened{opened.welcome.durable_seq});
}

std::optional<LinkEvent> DirectLink::wait(std::chrono::milliseconds patience) {
  std::unique_lock lock(bell_->mutex);
  const auto something = [&] { return bell_->wake || (mailbox_ && !mailbox_->empty()); };
  bell_->rang.wait_for(lock, patience, something);
  bell_->wake = false;
  if (!mailbox_ || mailbox_->empty()) return std::nullopt;
  return mailbox_->take();
}

void DirectLink::wake() {
  {
    const std::lock_guard lock(bell_->mutex);
    bell_->wake = true;
  }
  bell_->rang.notify_all();
}

}  // namespace volta
