// The two ways in which a stream speaks: WebSocket and server-sent events. One StreamSession drives
// one wire; all calls and callbacks come on the transport's strand, at most one send or beat and
// one receive at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/options.hpp"
#include "http/stream_channel.hpp"
#include "http/transport.hpp"
#include "model/http.hpp"

namespace volta {

struct Received {
  enum class What : std::uint8_t { text, binary, ended };
  What what = What::ended;
  std::string text;
};

class StreamWire {
 public:
  using Done = std::function<void(bool ok)>;

  virtual ~StreamWire() = default;
  virtual void open(Done done) = 0;
  virtual void send(std::shared_ptr<const std::string> message, Done done) = 0;
  // Shows the client that the connection lives, and asks whether the client does.
  virtual void beat(Done done) = 0;
  // How many beats the client has left unanswered; 0 where it cannot answer.
  [[nodiscard]] virtual int unanswered() const = 0;
  virtual void receive(std::function<void(Received)> done) = 0;
  // Says goodbye; `done` when the client has answered or cannot.
  virtual void close(const CloseReason& reason, Done done) = 0;
  // Closes the socket; what is in progress ends with ok = false.
  virtual void cut() = 0;
  virtual Executor executor() = 0;
};

std::unique_ptr<StreamWire> make_web_socket_wire(Transport transport, const HttpRequest& request,
                                                 const HttpOptions& options);
std::unique_ptr<StreamWire> make_event_stream_wire(Transport transport, const HttpRequest& request,
                                                   const HttpOptions& options);

}  // namespace volta
