#include "http/stream_session.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.hpp"

namespace volta {
namespace {

using std::chrono::steady_clock;

// Lets through so many a second, and as many at once.
class RateLimit {
 public:
  explicit RateLimit(unsigned per_second) : per_second_(per_second), left_(per_second) {}
  bool allow(steady_clock::time_point now) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    left_ = std::min(per_second_, left_ + seconds * per_second_);
    last_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double per_second_;
  double left_;
  steady_clock::time_point last_ = steady_clock::now();
};

class StreamSession final : public Session, public std::enable_shared_from_this<StreamSession> {
 public:
  StreamSession(ServerState& state, StreamStart start)
      : state_(state),
        kind_(start.kind),
        executor_(start.wire->executor()),
        slot_(std::move(start.slot)),
        channel_(std::move(start.channel)),
        receiver_(std::move(start.receiver)),
        rate_(state.options.most_messages_per_second),
        stuck_timer_(executor_),
        beat_timer_(executor_),
        retry_timer_(executor_),
        wire_(std::move(start.wire)) {}

  void start() {
    state_.sessions.add(shared_from_this());
    await_progress(state_.options.blocked_limit);
    busy_ = true;
    wire_->open([self = shared_from_this()](bool ok) { self->on_open(ok); });
  }

  void begin_stop() override { channel_->close_now(1001, "shutting down"); }
  void abandon() override { end(); }

 private:
  void on_open(bool ok) {
    if (ended_) return;
    if (!ok) return end();
    open_ = true;
    channel_->attach([weak = weak_from_this(), executor = executor_] {
      boost::asio::post(executor, [weak] {
        if (const auto self = weak.lock()) self->pump();
      });
    });
    schedule_beat();
    receive();
    on_written(true);
  }

  // Sends the next thing unless something is being sent.
  void pump() {
    if (ended_ || closing_) return;
    if (busy_) {
      // Stuck behind a write that may never end: from here on the client has only the grace period.
      if (channel_->close_waits()) await_progress(state_.options.close_grace);
      return;
    }
    StreamChannel::Item item = channel_->take();
    if (item.close) return say_goodbye(*item.close);
    if (item.message) return write(std::move(item.message));
    if (beat_due_) return beat();
  }

  void write(std::shared_ptr<const std::string> message) {
    busy_ = true;
    await_progress(state_.options.blocked_limit);
    wire_->send(std::move(message), [self = shared_from_this()](bool ok) { self->on_written(ok); });
  }

  void on_written(bool ok) {
    if (ended_) return;
    busy_ = false;
    stuck_timer_.cancel();
    ++stuck_round_;
    if (!ok) return end();
    pump();
  }

  void beat() {
    beat_due_ = false;
    if (wire_->unanswered() >= 2) return end();
    busy_ = true;
    await_progress(state_.options.blocked_limit);
    wire_->beat([self = shared_from_this()](bool ok) { self->on_written(ok); });
  }

  void schedule_beat() {
    beat_timer_.expires_after(kind_ == StreamKind::web_socket ? state_.options.ping_period
                                                              : state_.options.heartbeat_period);
    beat_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || self->ended_) return;
      self->beat_due_ = true;
      self->schedule_beat();
      if (!self->busy_ && !self->closing_) self->beat();
    });
  }

  // The client has this long to take what is being sent. The first time it fails it is told that it
  // is too slow, should it begin to read; the second time it is cut off.
  void await_progress(std::chrono::milliseconds patience) {
    stuck_timer_.expires_after(patience);
    stuck_timer_.async_wait([self = shared_from_this(),
                             round = ++stuck_round_](const boost::system::error_code& error) {
      if (error || self->ended_ || round != self->stuck_round_) return;
      if (!self->open_ || self->closing_ || self->channel_->close_waits()) return self->end();
      self->channel_->close_now(1013, "too slow");
    });
  }

  void say_goodbye(const CloseReason& reason) {
    closing_ = true;
    await_progress(state_.options.close_grace);
    wire_->close(reason, [self = shared_from_this()](bool) { self->end(); });
  }

  void receive() {
    wire_->receive([self = shared_from_this()](Received received) {
      if (!self->ended_) self->on_received(std::move(received));
    });
  }

  void on_received(Received received) {
    // While closing the goodbye itself reads on until the client has answered.
    if (closing_) return;
    if (received.what == Received::What::ended) return end();
    if (received.what == Received::What::binary) {
      return channel_->close_now(1003, "text messages only");
    }
    if (!rate_.allow(steady_clock::now())) return channel_->close_now(1008, "too many messages");
    hand_over(std::make_shared<std::string>(std::move(received.text)));
  }

  // The next message is read after api/ is done with this one, so a client cannot pile up work.
  void hand_over(const std::shared_ptr<std::string>& text) {
    const auto job = [self = shared_from_this(), receiver = receiver_, text]() mutable {
      try {
        receiver->on_message(*text);
      } catch (const std::exception& failure) {
        log::error("a live message could not be handled", {{"error", failure.what()}});
        self->channel_->close_now(1011, "internal error");
      }
      receiver.reset();
      boost::asio::post(self->executor_, [self] {
        if (!self->ended_ && !self->closing_) self->receive();
      });
    };
    if (ended_ || state_.workers.try_run(job)) return;
    retry_timer_.expires_after(std::chrono::milliseconds(100));
    retry_timer_.async_wait(
        [self = shared_from_this(), text](const boost::system::error_code& error) {
          if (!error) self->hand_over(text);
        });
  }

  void end() {
    if (ended_) return;
    ended_ = true;
    channel_->detach();
    receiver_.reset();
    stuck_timer_.cancel();
    beat_timer_.cancel();
    retry_timer_.cancel();
    wire_->cut();
    slot_.reset();
    state_.sessions.remove(this);
  }

  ServerState& state_;
  const StreamKind kind_;
  Executor executor_;
  std::unique_ptr<ConnectionSlot> slot_;
  std::shared_ptr<StreamChannel> channel_;
  std::shared_ptr<StreamReceiver> receiver_;  // shared with the job that is in it
  RateLimit rate_;
  boost::asio::basic_waitable_timer<steady_clock, boost::asio::wait_traits<steady_clock>, Executor>
      stuck_timer_, beat_timer_, retry_timer_;
  std::uint64_t stuck_round_ = 0;
  bool open_ = false;
  bool busy_ = false;  // something is being written
  bool beat_due_ = false;
  bool closing_ = false;  // the goodbye is being said
  bool ended_ = false;
  std::unique_ptr<StreamWire> wire_;  // last: its pending callbacks hold this session
};

}  // namespace

void start_stream(ServerState& state, StreamStart start) {
  std::make_shared<StreamSession>(state, std::move(start))->start();
}

}  // namespace volta
