// Judges the head of a request before anything else looks at it. Beast 1.81 accepts framing that
// others read differently (Transfer-Encoding without chunked, trailers merged into the head, folded
// lines); what two readers may understand differently is refused here, so that nobody smuggles.
// Pure: no sockets, no Beast, no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace volta {

inline constexpr std::size_t kMostTargetBytes = 8192;
inline constexpr std::size_t kMostHeaderFields = 100;

// As parsed, before it is believed.
struct RequestHead {
  std::string method;
  std::string target;
  int version = 11;                                          // 10 or 11
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, values trimmed
};

// Whom the request came through. Addresses without port and brackets; "" for the unix socket.
struct RequestPath {
  std::string local_address;  // where it was accepted
  bool loopback = false;      // both ends are on this machine
  bool unix_socket = false;
  bool encrypted = false;
  bool https_wanted = false;  // plaintext, where only TLS will do
};

struct RequestRules {
  // Host names (without port) by which this server may be called beside loopback's names and the
  // address that the connection was accepted on. Lower case.
  std::vector<std::string> host_names;
  // Origins beside its own whose pages may change things and open sockets: "https://volta.example".
  std::vector<std::string> origins;
  // Paths whose POSTs only ask, as Prometheus' clients do with long queries. Such a one needs no
  // Origin and no credential for that reason alone, as a GET does not; a foreign Origin is refused
  // all the same. "{id}" in one stands for one whole segment that is not empty; at most one.
  std::vector<std::string> asking_posts;
};

// Answered and closed. `code` is a stable word, `detail` a sentence without a full stop.
struct HeadRefusal {
  int status = 400;
  std::string_view code;
  std::string_view detail;
};

struct JudgedHead {
  std::string path;   // percent-decoded once
  std::string query;  // as it came
  std::uint64_t content_length = 0;
  bool keep_alive = false;
  bool expect_continue = false;
  bool upgrade_web_socket = false;
};

// Framing, Host, target, and Origin where it must be checked before the path is known: for
// everything that may change something and for WebSocket upgrades.
std::variant<JudgedHead, HeadRefusal> judge_head(const RequestHead& head, const RequestRules& rules,
                                                 const RequestPath& via);

// For server-sent events, which are plain GETs: a browser names the page where it is another
// site's; who names nothing is our own page or no browser.
std::optional<HeadRefusal> judge_event_stream_origin(const RequestHead& head,
                                                     const RequestRules& rules,
                                                     const RequestPath& via);

// Version, key and subprotocol of an upgrade (RFC 6455 4.2.1). No subprotocol is accepted, ours is
// granted; who asks for others only would not understand us.
std::optional<HeadRefusal> judge_web_socket(const RequestHead& head);

// True if a folded line (RFC 9112 5.2) stands in the head's bytes; Beast would join it silently.
bool has_folded_line(std::string_view head_bytes);

// The client's id if it is one word of at most 64 letters, digits, '.', '_' and '-'; else a random
// one.
std::string request_id_for(std::string_view offered);

// True if `list` ("a, b;q=1") holds this word, without regard to case.
bool has_token(std::string_view list, std::string_view lower_word);

std::string to_lower(std::string_view text);

}  // namespace volta
