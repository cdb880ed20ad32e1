// The one place that says what a connection's bytes go through: TCP or the unix socket, and TLS
// over it where the client speaks that. All handlers of one connection run on its strand.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/strand.hpp>

#include "base/tls.hpp"

namespace volta {

using Executor = boost::asio::strand<boost::asio::io_context::executor_type>;
using StreamSocket =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;

// A stream as Asio's and Beast's operations want one, of handlers only. One that was moved from may
// be closed and destroyed.
class Transport {
 public:
  using executor_type = Executor;

  explicit Transport(StreamSocket socket) : plain_(std::move(socket)) {}

  executor_type get_executor() { return socket().get_executor(); }
  // What lies below TLS: to wait, to set options and to close.
  StreamSocket& socket() { return tls_ ? tls_->next_layer() : *plain_; }
  [[nodiscard]] bool encrypted() const { return tls_ != nullptr; }
  // Of this session, for what to say of it. Null in plaintext.
  [[nodiscard]] ssl_st* session() { return tls_ ? tls_->native_handle() : nullptr; }

  // The server's side of the handshake, of what has not been read yet. handler(error).
  template <typename Handler>
  void async_encrypt(TlsSession session, Handler&& handler) {
    tls_ = std::make_unique<Tls>(*std::exchange(plain_, std::nullopt), session.release());
    tls_->async_handshake(Tls::server, std::forward<Handler>(handler));
  }
  // TLS's goodbye and the client's, which may never come. handler(error).
  template <typename Handler>
  void async_say_goodbye(Handler&& handler) {
    tls_->async_shutdown(std::forward<Handler>(handler));
  }

  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_read_some(buffers, std::forward<Handler>(handler));
    plain_->async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_write_some(buffers, std::forward<Handler>(handler));
    plain_->async_write_some(buffers, std::forward<Handler>(handler));
  }
  void close(boost::system::error_code& error) {
    if (tls_ || plain_) socket().close(error);
  }

 private:
  using Tls = boost::asio::ssl::stream<StreamSocket>;

  std::optional<StreamSocket> plain_;  // empty once it is part of tls_
  std::unique_ptr<Tls> tls_;
};

}  // namespace volta
