#include "http/server.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/log.hpp"
#include "base/threads.hpp"
#include "http/opening.hpp"
#include "http/server_state.hpp"
#include "http/transport.hpp"

namespace volta {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

// How often it is said that connections cannot be accepted, which is tried ten times a second.
constexpr std::chrono::minutes kBetweenWords{1};

// Accepts on one socket until closed. On its strand.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, Executor>;

  Listener(asio::io_context& loop, ServerState& state, UniqueFd fd, bool unix_socket)
      : loop_(loop),
        state_(state),
        unix_socket_(unix_socket),
        strand_(asio::make_strand(loop)),
        acceptor_(strand_),
        pause_(strand_) {
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    static_cast<void>(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &length));
    acceptor_.assign(asio::generic::stream_protocol(local.ss_family, 0), fd.release());
  }

  void accept() {
    acceptor_.async_accept(
        asio::make_strand(loop_),
        [self = shared_from_this()](const error_code& error, StreamSocket socket) {
          self->on_accept(error, std::move(socket));
        });
  }

  void close() {
    asio::post(strand_, [self = shared_from_this()] { self->close_now(); });
  }
  // On the strand, or after the network's threads have ended.
  void close_now() {
    closed_ = true;
    error_code ignored;  // closing twice does no harm
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  void on_accept(const error_code& error, StreamSocket socket) {
    if (closed_) return;
    if (!error) {
      take(std::move(socket));
      return accept();
    }
    if (error == asio::error::connection_aborted) return accept();
    // Out of descriptors or memory: trying again at once would only spin.
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_word_) {
      log::warning("cannot accept connections", {{"error", error.message()}});
      next_word_ = now + kBetweenWords;
    }
    pause_.expires_after(std::chrono::milliseconds(100));
    pause_.async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled && !self->closed_) self->accept();
    });
  }

  void take(StreamSocket socket) {
    Ends ends;
    try {
      ends = ends_of(socket.native_handle(), unix_socket_);
    } catch (const SystemFailure& gone) {
      return log::debug("a client left at once", {{"error", gone.what()}});
    }
    if (unix_socket_ &&
        !peer_is_owner(socket.native_handle(), state_.options.unix_owner.value_or(::geteuid()))) {
      return log::warning("refused another user on the admin socket");
    }
    auto slot = state_.limits.admit(ends.limit_key, unix_socket_);
    if (!slot) {
      // As much as the socket takes without waiting; the client sees that it is not its fault.
      static_cast<void>(
          ::send(socket.native_handle(), kFull.data(), kFull.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
      state_.counters->count_request(503);
      return;
    }
    if (!unix_socket_) {
      const int on = 1;  // frames are whole messages: waiting for more only delays them
      static_cast<void>(
          ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    }
    open_connection(state_, std::move(socket), std::move(ends), std::move(slot));
  }

  asio::io_context& loop_;
  ServerState& state_;
  const bool unix_socket_;
  Executor strand_;
  Acceptor acceptor_;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      pause_;
  std::chrono::steady_clock::time_point next_word_{};  // of connections that cannot be accepted
  bool closed_ = false;
};

}  // namespace

struct HttpServer::Impl {
  Impl(HttpOptions options, HttpHandler& handler) : state(std::move(options), handler) {
    for (const std::string& address : state.options.listen) {
      UniqueFd fd = listen_tcp(address);
      addresses.push_back(bound_address(fd.get()));
      listeners.push_back(std::make_shared<Listener>(loop, state, std::move(fd), false));
    }
    if (!state.options.unix_socket.empty()) {
      listeners.push_back(std::make_shared<Listener>(
          loop, state,
          listen_unix(state.options.unix_socket, state.options.unix_owner.value_or(::geteuid())),
          true));
    }
  }

  // Until all connections are gone, at most for the grace period.
  void wait_for_clients() {
    const auto deadline = std::chrono::steady_clock::now() + state.options.stop_grace;
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    while (state.limits.open() > 0 && std::chrono::steady_clock::now() < deadline) {
      never.wait_for(lock, std::chrono::milliseconds(5));
    }
  }

  ServerState state;
  std::vector<std::string> addresses;
  // Destroyed before the state, since what is pending in it refers to the state.
  asio::io_context loop;
  asio::executor_work_guard<asio::io_context::executor_type> work{loop.get_executor()};
  std::vector<std::shared_ptr<Listener>> listeners;
  std::vector<std::thread> threads;
  bool stopped = false;
};

HttpServer::HttpServer(HttpOptions options, HttpHandler& handler)
    : impl_(std::make_unique<Impl>(std::move(options), handler)) {}

HttpServer::~HttpServer() { stop(); }

const std::vector<std::string>& HttpServer::addresses() const { return impl_->addresses; }

void HttpServer::start() {
  for (const auto& listener : impl_->listeners) listener->accept();
  for (unsigned i = 0; i < std::max(1U, impl_->state.options.io_threads); ++i) {
    impl_->threads.push_back(start_thread("serve HTTP", [this] { impl_->loop.run(); }));
  }
}

void HttpServer::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  for (const auto& listener : impl_->listeners) listener->close();
  impl_->state.sessions.begin_stop();
  if (!impl_->threads.empty()) impl_->wait_for_clients();
  impl_->state.workers.stop();
  impl_->loop.stop();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
  for (const auto& listener : impl_->listeners) listener->close_now();
  impl_->state.sessions.abandon();
  if (!impl_->state.options.unix_socket.empty()) {
    std::error_code ignored;  // somebody may have removed it
    std::filesystem::remove(impl_->state.options.unix_socket, ignored);
  }
}

std::shared_ptr<const SelfMetrics> HttpServer::self_metrics() const {
  return impl_->state.counters;
}

}  // namespace volta
