// WebSocket (RFC 6455) by Beast. Uncompressed: live frames are small and compression costs each
// client 300 KB and the loop its time.
#include <chrono>
#include <memory>

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/websocket.hpp>

#include "http/request_rules.hpp"
#include "http/stream_wire.hpp"

namespace volta {

// How Beast ends a WebSocket's connection after both goodbyes: as TCP does. What they said is
// whole, so TLS's own goodbye would tell nothing more.
template <typename Handler>
void async_teardown(boost::beast::role_type role, Transport& transport, Handler&& handler) {
  using boost::beast::websocket::async_teardown;
  async_teardown(role, transport.socket(), std::forward<Handler>(handler));
}
// How Beast gives a connection up.
void beast_close_socket(Transport& transport) {
  boost::system::error_code ignored;  // the peer may have closed first
  transport.close(ignored);
}

namespace {

namespace websocket = boost::beast::websocket;
namespace beast_http = boost::beast::http;

constexpr const char* kSubprotocol = "volta.v1.json";
// More pings and pongs than this between two of our pings: somebody keeps the loop busy for
// nothing.
constexpr unsigned kMostControlFrames = 1000;

class WebSocketWire final : public StreamWire {
 public:
  WebSocketWire(Transport transport, const HttpRequest& request, const HttpOptions& options)
      : socket_(std::move(transport)),
        patience_(options.close_grace),
        farewell_(socket_.get_executor()) {
    handshake_.method(beast_http::verb::get);
    handshake_.target("/");
    handshake_.version(11);
    for (const auto& [name, value] : request.headers) handshake_.insert(name, value);
    const bool ours = has_token(request.header("sec-websocket-protocol"), kSubprotocol);
    socket_.set_option(websocket::stream_base::decorator(
        [ours, id = request.request_id](websocket::response_type& response) {
          response.set(beast_http::field::server, "volta");  // else Beast names itself
          response.set("X-Request-Id", id);
          if (ours) response.set(beast_http::field::sec_websocket_protocol, kSubprotocol);
        }));
    socket_.read_message_max(options.most_message_bytes);
    socket_.auto_fragment(false);
    socket_.text(true);
  }

  void open(Done done) override {
    // Set here, since the callback names this object. It runs inside reads, on the strand.
    socket_.control_callback([this](websocket::frame_type kind, boost::beast::string_view) {
      unanswered_ = 0;
      if (kind == websocket::frame_type::close) return expect_end();
      if (++control_frames_ > kMostControlFrames) cut();
    });
    socket_.async_accept(handshake_,
                         [done = std::move(done)](const boost::beast::error_code& e) { done(!e); });
  }

  void send(std::shared_ptr<const std::string> message, Done done) override {
    sending_ = std::move(message);
    socket_.async_write(
        boost::asio::buffer(*sending_),
        [this, done = std::move(done)](const boost::beast::error_code& error, std::size_t) {
          sending_.reset();
          done(!error);
        });
  }

  void beat(Done done) override {
    ++unanswered_;
    control_frames_ = 0;
    socket_.async_ping(
        {}, [done = std::move(done)](const boost::beast::error_code& error) { done(!error); });
  }

  [[nodiscard]] int unanswered() const override { return unanswered_; }

  void receive(std::function<void(Received)> done) override {
    socket_.async_read(buffer_, [this, done = std::move(done)](
                                    const boost::beast::error_code& error, std::size_t) {
      unanswered_ = 0;
      if (error) return done({});
      Received received;
      received.what = socket_.got_text() ? Received::What::text : Received::What::binary;
      received.text = boost::beast::buffers_to_string(buffer_.data());
      buffer_ = {};  // keeps no memory for a client that once sent much
      done(std::move(received));
    });
  }

  void close(const CloseReason& reason, Done done) override {
    // A close frame has 125 bytes, two of them for the code.
    const std::string_view text = std::string_view(reason.text).substr(0, 123);
    const websocket::close_reason goodbye(static_cast<websocket::close_code>(reason.code),
                                          boost::beast::string_view(text.data(), text.size()));
    socket_.async_close(
        goodbye, [done = std::move(done)](const boost::beast::error_code& error) { done(!error); });
  }

  void cut() override {
    boost::system::error_code ignored;  // the peer may have closed first
    boost::beast::get_lowest_layer(socket_).close(ignored);
  }

  Executor executor() override { return socket_.get_executor(); }

 private:
  // After the goodbyes Beast waits until the client closes its side; not for ever.
  void expect_end() {
    farewell_.expires_after(patience_);
    farewell_.async_wait(
        [this, alive = std::weak_ptr<bool>(alive_)](const boost::system::error_code& error) {
          if (!error && !alive.expired()) cut();
        });
  }

  websocket::stream<Transport, false> socket_;  // false: no permessage-deflate
  beast_http::request<beast_http::empty_body> handshake_;
  boost::beast::flat_buffer buffer_;
  std::shared_ptr<const std::string> sending_;
  std::chrono::milliseconds patience_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    boost::asio::wait_traits<std::chrono::steady_clock>, Executor>
      farewell_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  int unanswered_ = 0;
  unsigned control_frames_ = 0;
};

}  // namespace

std::unique_ptr<StreamWire> make_web_socket_wire(Transport transport, const HttpRequest& request,
                                                 const HttpOptions& options) {
  return std::make_unique<WebSocketWire>(std::move(transport), request, options);
}

}  // namespace volta
