// Server-sent events (WHATWG HTML 9.2): one endless answer, a message an event. Ends with the
// connection, since the length is not known and chunks are not spoken here.
#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/json_writer.hpp"
#include "http/answer.hpp"
#include "http/stream_wire.hpp"

namespace volta {
namespace {

class EventStreamWire final : public StreamWire {
 public:
  EventStreamWire(Transport transport, const HttpRequest& request)
      : transport_(std::move(transport)), request_id_(request.request_id) {}

  void open(Done done) override {
    text_ = "HTTP/1.1 200 OK\r\n" + header_line("Date", http_date(system_clock().wall_ms()));
    text_ += security_headers();
    text_ += header_line("X-Request-Id", request_id_);
    text_ +=
        "Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
        "Connection: close\r\n\r\nretry: 3000\n\n";
    write(std::move(done));
  }

  void send(std::shared_ptr<const std::string> message, Done done) override {
    text_ = fmt::format("id: {}\n", ++sequence_);
    std::string_view rest = *message;
    // A line break would end the field, so each line is a field of its own; clients join them.
    do {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      text_ += "data: ";
      text_ += line;
      text_ += '\n';
    } while (!rest.empty());
    text_ += '\n';
    write(std::move(done));
  }

  void beat(Done done) override {
    text_ = ": still here\n\n";
    write(std::move(done));
  }

  [[nodiscard]] int unanswered() const override { return 0; }

  // Clients have nothing to say here; reading only notices that they went away.
  void receive(std::function<void(Received)> done) override {
    transport_.async_read_some(
        boost::asio::buffer(ignored_),
        [this, done = std::move(done)](const boost::system::error_code& error, std::size_t) {
          if (error) return done({});
          receive(done);
        });
  }

  void close(const CloseReason& reason, Done done) override {
    text_ = "event: close\ndata: ";
    JsonWriter(text_)
        .begin_object()
        .member("code", static_cast<int>(reason.code))
        .member("reason", reason.text)
        .end_object();
    text_ += "\n\n";
    write(std::move(done));
  }

  void cut() override {
    boost::system::error_code ignored;  // the peer may have closed first
    transport_.socket().shutdown(StreamSocket::shutdown_send, ignored);
    transport_.close(ignored);
  }

  Executor executor() override { return transport_.get_executor(); }

 private:
  void write(Done done) {
    boost::asio::async_write(transport_, boost::asio::buffer(text_),
                             [done = std::move(done)](const boost::system::error_code& error,
                                                      std::size_t) { done(!error); });
  }

  Transport transport_;
  std::string request_id_;
  std::string text_;  // what is being written
  std::uint64_t sequence_ = 0;
  std::array<char, 512> ignored_{};
};

}  // namespace

std::unique_ptr<StreamWire> make_event_stream_wire(Transport transport, const HttpRequest& request,
                                                   const HttpOptions& /*options*/) {
  return std::make_unique<EventStreamWire>(std::move(transport), request);
}

}  // namespace volta
