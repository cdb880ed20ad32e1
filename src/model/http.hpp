// HTTP as plain values: http/ speaks it on the wire, api/ says what each route does.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/tls.hpp"

namespace volta {

struct HttpPeer {
  std::string address;  // "127.0.0.1:50123", "unix"
  bool loopback = false;
  bool unix_socket = false;  // the admin socket: the kernel has checked the peer's credentials
  bool encrypted = false;
};

// Frozen before it is handed over. The wrapper has already checked framing, sizes, Host and Origin.
struct HttpRequest {
  std::string method;  // GET, HEAD, POST ...
  std::string path;    // percent-decoded once, begins with '/', no dot segments, no NUL
  std::string query;   // as it came, without '?'
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  HttpPeer peer;
  std::string request_id;
  // True once nobody waits for the answer: the client went away, or the server stops. Null: nobody
  // can tell. Lives as long as the call that the request is handed to.
  const std::atomic<bool>* cancelled = nullptr;

  [[nodiscard]] std::string_view header(
      std::string_view lower_name) const;  // "" if absent; the first if several
};

struct HttpResponse {
  int status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  bool compressible = true;  // http/ may gzip the body
};

// A key to at most one value. Percent- and plus-decoded; a repeated or malformed pair is an Error.
struct QueryParameters {
  std::vector<std::pair<std::string, std::string>> items;
  [[nodiscard]] std::optional<std::string_view> get(std::string_view key) const;
};

// As in RFC 9110: "Not Found"; "" for unusual ones.
std::string_view reason_phrase(int status);

// RFC 9457 of the type about:blank, whose title is the status's phrase. `code` is a stable
// snake_case word for programs.
struct Problem {
  int status = 500;
  std::string code;
  std::string title;
  std::string detail;
  std::vector<std::pair<std::string, std::string>>
      errors;  // JSON pointer or parameter, what is wrong
};
std::string problem_json(const Problem& problem, std::string_view request_id);
HttpResponse problem_response(const Problem& problem, std::string_view request_id);

// One WebSocket or SSE client, as api/ sees it. From any thread; does nothing once closed.
class StreamSender {
 public:
  virtual ~StreamSender() = default;
  // Queues a text message (SSE: an event's data). A queued message with the same non-empty `key` is
  // replaced: the latest wins. Too far behind (1 MiB or 5 s): the client is closed with 1013.
  virtual void send(std::string key, std::shared_ptr<const std::string> message) = 0;
  virtual void close(std::uint16_t code, std::string reason) = 0;
};

// What api/ does with what such a client says. Destroyed when the connection is gone.
class StreamReceiver {
 public:
  virtual ~StreamReceiver() = default;
  virtual void on_message(std::string_view text) = 0;  // WebSocket only, one thread at a time
};

enum class StreamKind : std::uint8_t { web_socket, server_sent_events };

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Any thread of http/'s pool, many at once. May block on the store. Must not throw.
  virtual HttpResponse handle(const HttpRequest& request) = 0;
  // Asked on such a thread before a long body (HttpOptions::most_body_bytes) is received: an answer
  // refuses it, none lets it come. The request has no body yet.
  virtual std::optional<HttpResponse> refuse_body(const HttpRequest& /*head*/) {
    return std::nullopt;
  }
  // True if this path is a stream of that kind (the request is then given to open_stream).
  virtual std::optional<StreamKind> stream_kind(const HttpRequest& request) = 0;
  // A refusal is answered in place of the upgrade.
  virtual std::variant<std::unique_ptr<StreamReceiver>, HttpResponse> open_stream(
      const HttpRequest& request, std::shared_ptr<StreamSender> sender) = 0;
};

// A request to another machine (or to volta's own admin socket). Implemented by outbound/.
struct OutboundRequest {
  std::string method = "GET";
  std::string url;          // http or https, without user or password
  std::string unix_socket;  // path; the URL's host is then only a name
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // At most one of these two. They are sent to the URL's host alone: redirects are not followed.
  std::string basic_user, basic_password;
  std::string bearer_token;
  std::string ca_file;                // trusted in place of the system's certificates
  std::optional<KeyPin> pin = {};     // whoever has this key is believed, and nobody else
  bool insecure_skip_verify = false;  // whoever answers is believed
  int timeout_ms = 10'000;            // from the first look-up to the last byte
  int connect_timeout_ms = 5'000;
  std::size_t most_bytes = 4U << 20U;  // of the answer's body, after gzip
  bool cut_body = false;               // a longer body is cut there instead of being a Failure
  bool as_sent = false;  // the body as it came, whatever its Content-Encoding; none is asked for
  const std::atomic<bool>* cancel =
      nullptr;  // true ends the request with a Failure within a second
};
struct OutboundResponse {
  int status = 0;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  [[nodiscard]] std::string_view header(std::string_view lower_name) const;  // as HttpRequest's
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Blocks. Throws Failure when there was no answer.
  virtual OutboundResponse perform(const OutboundRequest& request) = 0;
};

}  // namespace volta
