// The one place that says what a connection's bytes go through: TCP or the unix socket, and TLS
// over it where the client speaks that. All handlers of one connection run on its strand.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include "base/tls.hpp"

namespace volta {

using Executor = boost::asio::strand<boost::asio::io_context::executor_type>;
using StreamSocket =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;

// A stream as Asio's and Beast's operations want one, of handlers only. These are made for it once
// and not once for each kind of socket, whose operations below see no types of theirs: that is half
// of what a WebSocket costs in the binary. One that was moved from may be closed and destroyed.
class Transport {
 public:
  using executor_type = Executor;
  using Shaken = std::function<void(const boost::system::error_code&)>;

  explicit Transport(StreamSocket socket);
  Transport(Transport&& other) noexcept;
  Transport& operator=(Transport&& other) noexcept;
  ~Transport();

  executor_type get_executor() { return socket().get_executor(); }
  // What lies below TLS: to wait, to set options and to shut down.
  StreamSocket& socket();
  [[nodiscard]] bool encrypted() const;
  // Of this connection, for what to say of it. Null in plaintext.
  [[nodiscard]] const ssl_st* session();

  // The server's side of the handshake, of which nothing has been read yet. Once.
  void async_encrypt(TlsSession session, Shaken done);
  // TLS's goodbye and the client's, which may never come.
  void async_say_goodbye(Shaken done);
  void close(boost::system::error_code& error);

  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    read_some(Pieces<boost::asio::mutable_buffer>(buffers), own(std::forward<Handler>(handler)));
  }
  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    write_some(Pieces<boost::asio::const_buffer>(buffers), own(std::forward<Handler>(handler)));
  }

 private:
  struct Layers;

  // The first of a sequence of buffers: more need not be read or written at once.
  template <typename Buffer>
  class Pieces {
   public:
    using value_type = Buffer;
    using const_iterator = const Buffer*;
    template <typename Buffers>
    explicit Pieces(const Buffers& buffers) {
      const auto end = boost::asio::buffer_sequence_end(buffers);
      for (auto at = boost::asio::buffer_sequence_begin(buffers);
           at != end && count_ < pieces_.size(); ++at) {
        pieces_[count_++] = Buffer(*at);
      }
    }
    [[nodiscard]] const_iterator begin() const { return pieces_.data(); }
    [[nodiscard]] const_iterator end() const { return pieces_.data() + count_; }

   private:
    std::array<Buffer, 8> pieces_;
    std::size_t count_ = 0;
  };

  // Whoever is to hear of the end of an operation. Called once at most.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void call(const boost::system::error_code& error, std::size_t size) = 0;
  };
  using HandlerPtr = std::unique_ptr<Handler>;
  template <typename Callable>
  static HandlerPtr own(Callable&& callable) {
    using Kept = std::decay_t<Callable>;
    class Owner final : public Handler {
     public:
      explicit Owner(Callable&& given) : kept_(std::forward<Callable>(given)) {}
      void call(const boost::system::error_code& error, std::size_t size) override {
        std::move(kept_)(error, size);
      }

     private:
      Kept kept_;
    };
    return std::make_unique<Owner>(std::forward<Callable>(callable));
  }

  void read_some(const Pieces<boost::asio::mutable_buffer>& buffers, HandlerPtr handler);
  void write_some(const Pieces<boost::asio::const_buffer>& buffers, HandlerPtr handler);

  std::unique_ptr<Layers> layers_;  // null: moved from
};

}  // namespace volta
