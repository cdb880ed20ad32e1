#include "http/connection.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <poll.h>
#include <sys/socket.h>

#include "base/log.hpp"
#include "http/answer.hpp"
#include "http/head_parser.hpp"
#include "http/memory_lease.hpp"
#include "http/request_rules.hpp"
#include "http/stream_session.hpp"

namespace volta {
namespace {

using boost::system::error_code;

constexpr std::size_t kHeadRead = 4096;
constexpr std::size_t kBodyRead = 64U << 10U;
constexpr std::size_t kWritePiece = 256U << 10U;
constexpr std::size_t kMostLingering = 1U << 20U;
constexpr std::size_t kSmallAnswer = 64U << 10U;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

class Connection final : public Session, public std::enable_shared_from_this<Connection> {
 public:
  Connection(ServerState& state, Transport transport, Ends ends,
             std::unique_ptr<ConnectionSlot> slot)
      : state_(state),
        executor_(transport.get_executor()),
        ends_(std::move(ends)),
        slot_(std::move(slot)),
        parser_(state.options.most_head_bytes),
        timer_(executor_),
        transport_(std::move(transport)) {}

  void start() {
    state_.sessions.add(shared_from_this());
    boost::asio::post(executor_, [self = shared_from_this()] {
      self->head_begun_ = true;  // a new connection owes its first head right away
      self->arm(self->state_.options.head_deadline, &Connection::on_late_request);
      self->advance_head();
    });
  }

  void begin_stop() override {
    boost::asio::post(executor_, [self = shared_from_this()] {
      self->stopping_ = true;
      self->cancelled_ = true;
      if (self->between_requests_) self->end();
    });
  }
  void abandon() override { end(); }

 private:
  // Runs `late` on the strand unless armed anew or disarmed before.
  void arm(std::chrono::milliseconds patience, void (Connection::*late)()) {
    timer_.expires_after(patience);
    timer_.async_wait(
        [self = shared_from_this(), late, round = ++timer_round_](const error_code& error) {
          if (!error && round == self->timer_round_ && !self->ended_) ((*self).*late)();
        });
  }
  void disarm() {
    ++timer_round_;
    timer_.cancel();
  }

  // Reads at most `most` bytes to the end of buffer_, then calls `next`. An end of the connection
  // or a deadline that struck meanwhile ends the chain.
  void read_some(std::size_t most, void (Connection::*next)()) {
    const std::size_t before = buffer_.size();
    buffer_.resize(before + most);
    transport_.async_read_some(boost::asio::buffer(buffer_.data() + before, most),
                               [self = shared_from_this(), before, next, epoch = epoch_](
                                   const error_code& error, std::size_t got) {
                                 self->buffer_.resize(before + got);
                                 if (self->ended_ || epoch != self->epoch_) return;
                                 if (error) return self->end();
                                 ((*self).*next)();
                               });
  }

  void begin_head() {
    parser_ = HeadParser(state_.options.most_head_bytes);
    head_ = {};
    judged_ = {};
    request_ = {};
    head_begun_ = !buffer_.empty();
    if (!head_begun_) pipelined_ = 0;
    if (stopping_) return end();
    arm(head_begun_ ? state_.options.head_deadline : state_.options.idle_deadline,
        head_begun_ ? &Connection::on_late_request : &Connection::end);
    advance_head();
  }

  void advance_head() {
    if (!buffer_.empty()) {
      if (!head_begun_) {
        head_begun_ = true;
        arm(state_.options.head_deadline, &Connection::on_late_request);
      }
      switch (parser_.put(buffer_)) {
        case HeadParser::State::done:
          return on_head();
        case HeadParser::State::refused:
          return refuse(parser_.refusal());
        case HeadParser::State::need_more:
          break;
      }
    }
    between_requests_ = buffer_.empty();
    read_some(kHeadRead, &Connection::advance_head);
  }

  void on_head() {
    between_requests_ = false;
    head_ = parser_.head();
    buffer_.erase(0, parser_.consumed());
    request_.peer = ends_.peer;
    request_.method = head_.method;
    request_.headers = head_.headers;  // a copy: what is authenticated is what was judged
    request_.request_id = request_id_for(request_.header("x-request-id"));
    auto verdict = judge_head(head_, state_.options.rules, ends_.via);
    if (const auto* refusal = std::get_if<HeadRefusal>(&verdict)) return refuse(*refusal);
    judged_ = std::get<JudgedHead>(std::move(verdict));
    request_.path = judged_.path;
    request_.query = judged_.query;
    if (ends_.via.https_wanted) return send_to_https();
    if (judged_.content_length > most_body_bytes()) {
      return refuse({413, "body_too_large", "the body is longer than this server accepts"});
    }
    if (judged_.content_length > state_.options.most_body_bytes) return ask_for_large_body();
    begin_body();
  }

  // Only who asks to see something is sent on: a form or a key has been in the clear already.
  void send_to_https() {
    HttpResponse response = refusal_response(
        {400, "https_only", "this address speaks HTTPS: ask again with https:// in front"});
    if (head_.method == "GET" || head_.method == "HEAD") {
      response = refusal_response({308, "https_only", "this address speaks HTTPS"});
      response.headers.emplace_back(
          "Location", "https://" + std::string(request_.header("host")) + head_.target);
    }
    disarm();
    write(render_answer(std::move(response), answer_for(false)));
  }

  // Who promises a large body is looked at before any of it is received: the memory for it is set
  // aside at once, which nobody unknown may have done.
  void ask_for_large_body() {
    disarm();  // a worker reads request_ meanwhile
    const bool accepted = state_.workers.try_run([self = shared_from_this()] {
      auto refusal = std::make_shared<std::optional<HttpResponse>>(self->refusal_of_body());
      boost::asio::post(self->executor_, [self, refusal] {
        if (!self->ended_) self->on_large_body_judged(std::move(*refusal));
      });
    });
    if (!accepted) refuse({503, "busy", "too many requests are waiting"});
  }
  std::optional<HttpResponse> refusal_of_body() {
    try {
      return state_.handler.refuse_body(request_);
    } catch (const std::exception& failure) {
      return failed(failure);
    }
  }
  void on_large_body_judged(std::optional<HttpResponse> refusal) {
    if (refusal) return write(render_answer(std::move(*refusal), answer_for(false)));
    if (!hold_body(judged_.content_length)) return;
    begin_body();
  }

  void begin_body() {
    arm(state_.options.body_deadline, &Connection::on_late_request);
    if (judged_.expect_continue && buffer_.size() < judged_.content_length) {
      return send_continue();
    }
    advance_body();
  }

  // False: it was refused.
  bool hold_body(std::size_t bytes) {
    const bool large = judged_.content_length > state_.options.most_body_bytes;
    const std::size_t most = state_.options.most_bodies_bytes / 4 * (large ? 3 : 4);
    if (lease_.hold(state_.body_bytes, bytes, most)) return true;
    refuse({503, "busy", "too many bodies are being received"});
    return false;
  }

  [[nodiscard]] std::size_t most_body_bytes() const {
    for (const auto& [path, most] : state_.options.body_limits) {
      if (path == request_.path) return most;
    }
    return state_.options.most_body_bytes;
  }

  void send_continue() {
    boost::asio::async_write(
        transport_, boost::asio::buffer(kContinue),
        [self = shared_from_this(), epoch = epoch_](const error_code& error, std::size_t) {
          if (self->ended_ || epoch != self->epoch_) return;
          if (error) return self->end();
          self->advance_body();
        });
  }

  void advance_body() {
    const auto length = static_cast<std::size_t>(judged_.content_length);
    if (buffer_.size() < length) {
      // What has come and the next piece: a promise alone costs its maker nothing.
      const std::size_t piece =
          std::min({kBodyRead, length - buffer_.size(), std::max(kHeadRead, buffer_.size())});
      if (!hold_body(buffer_.size() + piece)) return;
      return read_some(piece, &Connection::advance_body);
    }
    if (buffer_.size() == length) {
      request_.body = std::move(buffer_);  // no second copy of a large one
      buffer_ = {};
    } else {
      request_.body = buffer_.substr(0, length);
      buffer_.erase(0, length);
    }
    disarm();
    dispatch();
  }

  void dispatch() {
    if (auto page = state_.assets.answer(request_)) {
      return write(render_answer(std::move(*page), answer_for(true)));
    }
    // A stream owns its connection: bytes that came before the upgrade was granted are not for it.
    early_bytes_ = !buffer_.empty();
    cancelled_ = stopping_;
    request_.cancelled = &cancelled_;
    const bool accepted = state_.workers.try_run([self = shared_from_this()] { self->work(); });
    if (!accepted) return refuse({503, "busy", "too many requests are waiting"}, true);
    watch_client();
  }

  // While a worker answers, a client that closes its side waits for nothing any more: what it asked
  // for may end early. What it sends meanwhile, a request ahead of its time, ends the watch.
  void watch_client() {
    transport_.socket().async_wait(
        StreamSocket::wait_read,
        [self = shared_from_this(), watch = ++watch_](const error_code& error) {
          if (error || self->ended_ || watch != self->watch_) return;
          char byte = 0;
          const auto got = ::recv(self->transport_.socket().native_handle(), &byte, sizeof byte,
                                  MSG_PEEK | MSG_DONTWAIT);
          if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
              (got > 0 && self->has_left()))
            self->cancelled_ = true;
        });
  }
  // Of an encrypted client, whose goodbye is bytes like any other: whether it has closed its side.
  [[nodiscard]] bool has_left() {
    if (!transport_.encrypted()) return false;
    pollfd state{transport_.socket().native_handle(), POLLRDHUP, 0};
    return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  }
  void unwatch_client() {
    ++watch_;
    error_code ignored;  // nothing to cancel does no harm
    transport_.socket().cancel(ignored);
  }

  // On a worker's thread. The strand leaves request_, head_ and judged_ alone until it is answered.
  void work() {
    try {
      const auto kind = request_.method == "GET" ? state_.handler.stream_kind(request_)
                                                 : std::optional<StreamKind>();
      if (kind) return open_stream(*kind);
      answer_from_worker(state_.handler.handle(request_));
    } catch (const std::exception& failure) {
      answer_from_worker(failed(failure));
    }
  }
  [[nodiscard]] HttpResponse failed(const std::exception& failure) const {
    log::error("a request could not be answered",
               {{"path", request_.path}, {"error", failure.what()}});
    Problem problem;
    problem.code = "internal";
    problem.title = reason_phrase(500);
    return problem_response(problem, request_.request_id);
  }

  void answer_from_worker(HttpResponse response) {
    auto answer =
        std::make_shared<WireAnswer>(render_answer(std::move(response), answer_for(true)));
    boost::asio::post(executor_, [self = shared_from_this(), answer] {
      if (self->ended_) return;
      self->unwatch_client();
      self->write(std::move(*answer));
    });
  }

  [[nodiscard]] std::optional<HeadRefusal> judge_stream(StreamKind kind) const {
    if (kind == StreamKind::server_sent_events) {
      return judge_event_stream_origin(head_, state_.options.rules, ends_.via);
    }
    if (!judged_.upgrade_web_socket) {
      return HeadRefusal{426, "upgrade_required", "this address speaks WebSocket only"};
    }
    if (judged_.content_length != 0 || early_bytes_) {
      return HeadRefusal{400, "early_bytes", "nothing may follow an upgrade before it is granted"};
    }
    return judge_web_socket(head_);
  }

  void open_stream(StreamKind kind) {
    if (const auto refusal = judge_stream(kind)) {
      HttpResponse response = refusal_response(*refusal);
      if (refusal->status == 426) {
        response.headers.emplace_back("Upgrade", "websocket");
        response.headers.emplace_back("Sec-WebSocket-Version", "13");
      }
      return answer_from_worker(std::move(response));
    }
    auto channel =
        std::make_shared<StreamChannel>(state_.options.most_stream_bytes, state_.counters);
    auto opened = state_.handler.open_stream(request_, channel);
    if (auto* response = std::get_if<HttpResponse>(&opened)) {
      return answer_from_worker(std::move(*response));
    }
    auto start = std::make_shared<StreamStart>();
    start->kind = kind;
    start->channel = std::move(channel);
    start->receiver = std::get<std::unique_ptr<StreamReceiver>>(std::move(opened));
    boost::asio::post(executor_, [self = shared_from_this(), start] {
      if (!self->ended_) self->become_stream(std::move(*start));
    });
  }

  void become_stream(StreamStart start) {
    const bool web_socket = start.kind == StreamKind::web_socket;
    state_.counters->count_request(web_socket ? 101 : 200);
    // What the kernel holds for a client is old news for it and memory for us.
    unwatch_client();
    error_code ignored;  // the default size does too
    transport_.socket().set_option(StreamSocket::send_buffer_size(128 << 10), ignored);
    slot_->become(web_socket ? ClientKind::web_socket : ClientKind::event_stream);
    start.slot = std::move(slot_);
    start.wire = web_socket
                     ? make_web_socket_wire(std::move(transport_), request_, state_.options)
                     : make_event_stream_wire(std::move(transport_), request_, state_.options);
    start_stream(state_, std::move(start));
    end();
  }

  [[nodiscard]] AnswerFor answer_for(bool may_keep_alive) const {
    AnswerFor answer;
    answer.head = head_.method == "HEAD";
    answer.keep_alive =
        may_keep_alive && judged_.keep_alive && pipelined_ + 1 < state_.options.most_pipelined;
    answer.accept_encoding = std::string(request_.header("accept-encoding"));
    answer.request_id = request_.request_id;
    return answer;
  }

  [[nodiscard]] HttpResponse refusal_response(const HeadRefusal& refusal) const {
    Problem problem;
    problem.status = refusal.status;
    problem.code = std::string(refusal.code);
    problem.title = reason_phrase(refusal.status);
    problem.detail = std::string(refusal.detail);
    HttpResponse response = problem_response(problem, request_.request_id);
    if (refusal.status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
  }

  // Answers and closes, unless what was refused is understood and only cannot be done now.
  void refuse(const HeadRefusal& refusal, bool keep = false) {
    disarm();
    ++epoch_;
    between_requests_ = false;
    if (request_.request_id.empty()) request_.request_id = request_id_for({});
    write(render_answer(refusal_response(refusal), answer_for(keep)));
  }

  void on_late_request() {
    transport_.socket().cancel();
    refuse({408, "too_late", "the request took too long to arrive"});
  }

  void write(WireAnswer answer) {
    lease_.release();
    request_.body = {};
    if (answer.body.size() > kSmallAnswer && !take_answer_room(answer.body.size())) {
      const bool keep = answer.keep_alive;
      answer = render_answer(
          refusal_response({503, "busy", "too many large answers are being sent; ask again"}),
          answer_for(keep));
    }
    state_.counters->count_request(answer.status);
    answer_ = std::move(answer);
    written_ = 0;
    answer_until_ = std::chrono::steady_clock::now() + state_.options.answer_deadline;
    write_piece(true);
  }

  bool take_answer_room(std::size_t bytes) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto give_way = [weak = weak_from_this(), answer = ++answers_] {
      const auto self = weak.lock();
      if (!self) return;
      boost::asio::post(self->executor_, [self, answer] {
        if (self->answer_place_ && answer == self->answers_) self->give_way();
      });
    };
    answer_place_ = state_.answer_room.take(bytes, now, give_way);
    return answer_place_ != nullptr;
  }
  void give_way() {
    log::info("an answer that is read slowly gave way to others",
              {{"path", request_.path}, {"client", ends_.peer.address}});
    end();
  }

  void write_piece(bool with_head) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        answer_until_ - std::chrono::steady_clock::now());
    if (left.count() < 0) return end();
    arm(std::min(state_.options.write_deadline, left), &Connection::end);
    const std::size_t size = std::min(kWritePiece, answer_.body.size() - written_);
    const std::array pieces = {
        boost::asio::buffer(answer_.head.data(), with_head ? answer_.head.size() : 0),
        boost::asio::buffer(answer_.body.data() + written_, size)};
    written_ += size;
    boost::asio::async_write(transport_, pieces,
                             [self = shared_from_this()](const error_code& error, std::size_t) {
                               if (self->ended_) return;
                               if (error) return self->end();
                               if (self->answer_place_) self->answer_place_->sent(self->written_);
                               if (self->written_ < self->answer_.body.size())
                                 return self->write_piece(false);
                               self->on_answered();
                             });
  }

  void on_answered() {
    answer_.body = {};
    answer_place_.reset();
    if (stopping_ && buffer_.empty()) return end();
    if (!answer_.keep_alive || stopping_) return linger();
    ++pipelined_;
    begin_head();
  }

  // Closing at once, with bytes unread, would make the kernel throw away the answer on its way.
  void linger() {
    ++epoch_;
    arm(state_.options.linger, &Connection::end);
    if (transport_.encrypted())
      return transport_.async_say_goodbye(
          [self = shared_from_this()](const error_code&) { self->end(); });
    error_code ignored;  // the peer may have closed first
    transport_.socket().shutdown(StreamSocket::shutdown_send, ignored);
    lingered_ = 0;
    buffer_.clear();
    read_some(kHeadRead, &Connection::on_lingering);
  }

  void on_lingering() {
    lingered_ += buffer_.size();
    buffer_.clear();
    if (lingered_ > kMostLingering) return end();
    read_some(kHeadRead, &Connection::on_lingering);
  }

  void end() {
    if (ended_) return;
    ended_ = true;
    disarm();
    error_code ignored;  // the peer may have closed first; a stream may have taken it over
    transport_.close(ignored);
    slot_.reset();
    lease_.release();
    answer_place_.reset();
    state_.sessions.remove(this);
  }

  ServerState& state_;
  const Executor executor_;
  const Ends ends_;
  std::unique_ptr<ConnectionSlot> slot_;
  std::string buffer_;  // received and not yet used; at most a head or a body, and one read more
  HeadParser parser_;
  RequestHead head_;
  JudgedHead judged_;
  HttpRequest request_;
  MemoryLease lease_;  // for the body
  WireAnswer answer_;
  std::unique_ptr<AnswerRoom::Place> answer_place_;  // of a large one
  std::uint64_t answers_ = 0;                        // large ones so far
  std::chrono::steady_clock::time_point answer_until_;
  std::size_t written_ = 0;  // of the body
  std::size_t lingered_ = 0;
  unsigned pipelined_ = 0;  // answered since the buffer was last empty
  std::uint64_t timer_round_ = 0;
  std::uint64_t epoch_ = 0;             // counts up when what is being read is given up
  std::uint64_t watch_ = 0;             // counts up when the client is watched, and no longer
  std::atomic<bool> cancelled_{false};  // of request_, for its worker
  bool head_begun_ = false;
  bool between_requests_ = true;
  bool early_bytes_ = false;
  bool stopping_ = false;
  bool ended_ = false;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    boost::asio::wait_traits<std::chrono::steady_clock>, Executor>
      timer_;
  Transport transport_;
};

}  // namespace

void start_connection(ServerState& state, Transport transport, Ends ends,
                      std::unique_ptr<ConnectionSlot> slot) {
  std::make_shared<Connection>(state, std::move(transport), std::move(ends), std::move(slot))
      ->start();
}

}  // namespace volta
