#include "http/opening.hpp"

#include <cerrno>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/socket.h>

#include "base/log.hpp"
#include "http/connection.hpp"

namespace volta {
namespace {

using boost::system::error_code;

constexpr unsigned char kTlsHandshake = 22;  // RFC 8446 5.1: ContentType handshake

class Opening final : public Session, public std::enable_shared_from_this<Opening> {
 public:
  Opening(ServerState& state, StreamSocket socket, Ends ends, std::unique_ptr<ConnectionSlot> slot)
      : state_(state),
        executor_(socket.get_executor()),
        ends_(std::move(ends)),
        slot_(std::move(slot)),
        deadline_(executor_),
        transport_(std::move(socket)) {}

  void start() {
    state_.sessions.add(shared_from_this());
    boost::asio::post(executor_, [self = shared_from_this()] {
      self->deadline_.expires_after(self->state_.options.head_deadline);
      self->deadline_.async_wait([self](const error_code& error) {
        if (!error) self->end();
      });
      self->look_for_tls();
    });
  }

  void begin_stop() override {
    boost::asio::post(executor_, [self = shared_from_this()] { self->end(); });
  }
  void abandon() override { end(); }

 private:
  void look_for_tls() {
    const auto look = [self = shared_from_this()](const error_code& error) {
      if (!self->ended_) self->on_first_byte(error);
    };
    transport_.socket().async_wait(StreamSocket::wait_read, look);
  }

  // It tells, and is left where it is.
  void on_first_byte(const error_code& error) {
    if (error) return end();
    unsigned char first = 0;
    const auto got =
        ::recv(transport_.socket().native_handle(), &first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return look_for_tls();
    if (got <= 0) return end();
    if (first == kTlsHandshake) return shake_hands();
    const HttpOptions& options = state_.options;
    ends_.via.https_wanted = !options.insecure && (options.require_tls || !ends_.via.loopback);
    hand_on();
  }

  void shake_hands() {
    const auto shaken = [self = shared_from_this()](const error_code& error) {
      if (!self->ended_) self->on_handshake(error);
    };
    transport_.async_encrypt(new_tls_server(state_.options.tls()), shaken);
  }

  // Browsers break off whenever they have not been told to trust a certificate: no warning.
  void on_handshake(const error_code& error) {
    if (error) {
      log::debug("a TLS handshake came to nothing",
                 {{"client", ends_.peer.address}, {"reason", tls_problem(transport_.session())}});
      return end();
    }
    ends_.via.encrypted = ends_.peer.encrypted = true;
    hand_on();
  }

  void hand_on() {
    ended_ = true;
    deadline_.cancel();
    start_connection(state_, std::move(transport_), std::move(ends_), std::move(slot_));
    state_.sessions.remove(this);
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    deadline_.cancel();
    error_code ignored;  // the peer may have closed first
    transport_.close(ignored);
    slot_.reset();
    state_.sessions.remove(this);
  }

  ServerState& state_;
  const Executor executor_;
  Ends ends_;
  std::unique_ptr<ConnectionSlot> slot_;
  bool ended_ = false;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    boost::asio::wait_traits<std::chrono::steady_clock>, Executor>
      deadline_;
  Transport transport_;
};

}  // namespace

void open_connection(ServerState& state, StreamSocket socket, Ends ends,
                     std::unique_ptr<ConnectionSlot> slot) {
  if (!state.options.tls || ends.via.unix_socket)
    return start_connection(state, Transport(std::move(socket)), std::move(ends), std::move(slot));
  std::make_shared<Opening>(state, std::move(socket), std::move(ends), std::move(slot))->start();
}

}  // namespace volta
