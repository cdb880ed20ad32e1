#include "http/request_rules.hpp"

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "base/host_port.hpp"
#include "base/text.hpp"
#include "model/query_string.hpp"

namespace volta {
namespace {

// A second one of these means that two readers may believe different ones.
constexpr std::array<std::string_view, 11> kAtMostOnce = {"content-length",
                                                          "content-type",
                                                          "expect",
                                                          "origin",
                                                          "cookie",
                                                          "authorization",
                                                          "sec-fetch-site",
                                                          "sec-websocket-key",
                                                          "sec-websocket-version",
                                                          "x-request-id",
                                                          "last-event-id"};

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_word(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           more.find(c) != std::string_view::npos;
  });
}

std::size_t count(const RequestHead& head, std::string_view lower_name) {
  return static_cast<std::size_t>(
      std::count_if(head.headers.begin(), head.headers.end(),
                    [&](const auto& field) { return field.first == lower_name; }));
}

std::optional<std::string_view> value_of(const RequestHead& head, std::string_view lower_name) {
  for (const auto& [name, value] : head.headers) {
    if (name == lower_name) return value;
  }
  return std::nullopt;
}

bool header_has_token(const RequestHead& head, std::string_view name, std::string_view word) {
  return std::any_of(head.headers.begin(), head.headers.end(), [&](const auto& field) {
    return field.first == name && has_token(field.second, word);
  });
}

// "name", "name:8420", "[::1]:8420" -> the lower-case name without port and brackets.
std::optional<std::string> host_name(std::string_view host) {
  const bool has_port = !host.ends_with(']') && host.find(':') != std::string_view::npos;
  const auto address = parse_host_port(has_port ? std::string(host) : std::string(host) + ":80");
  if (!address || address->port == 0) return std::nullopt;
  return to_lower(address->host);
}

std::optional<HeadRefusal> judge_host(const RequestHead& head, const RequestRules& rules,
                                      const RequestPath& via) {
  if (count(head, "host") != 1) {
    return HeadRefusal{400, "bad_host", "a request must have exactly one Host header"};
  }
  const auto name = host_name(*value_of(head, "host"));
  if (!name) return HeadRefusal{400, "bad_host", "the Host header is not a host and port"};
  // The kernel has told who is at the other end of the unix socket; names mean nothing there.
  if (via.unix_socket) return std::nullopt;
  if (*name == "localhost" || *name == "127.0.0.1" || *name == "::1") return std::nullopt;
  if (!via.local_address.empty() && *name == via.local_address) return std::nullopt;
  if (std::find(rules.host_names.begin(), rules.host_names.end(), *name) !=
      rules.host_names.end()) {
    return std::nullopt;
  }
  return HeadRefusal{
      421, "unknown_host",
      "this server is not known by the name in the Host header; names other than the "
      "machine's own are told to it in [http] allowed_hosts"};
}

std::optional<HeadRefusal> judge_framing(const RequestHead& head) {
  if (head.version != 10 && head.version != 11) {
    return HeadRefusal{505, "bad_version", "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  }
  if (head.headers.size() > kMostHeaderFields) {
    return HeadRefusal{431, "too_many_headers", "a request may have at most 100 header fields"};
  }
  if (count(head, "transfer-encoding") != 0 || count(head, "trailer") != 0) {
    return HeadRefusal{501, "transfer_encoding",
                       "Transfer-Encoding is not supported; send Content-Length"};
  }
  for (const std::string_view name : kAtMostOnce) {
    if (count(head, name) > 1) {
      return HeadRefusal{400, "repeated_header",
                         "a header that may come once comes more than once"};
    }
  }
  const auto length = value_of(head, "content-length");
  if (length && (!is_digits(*length) || !parse_integer<std::uint64_t>(*length))) {
    return HeadRefusal{400, "bad_content_length", "Content-Length is not a number"};
  }
  const auto expect = value_of(head, "expect");
  if (expect && to_lower(*expect) != "100-continue") {
    return HeadRefusal{417, "bad_expect", "only Expect: 100-continue is supported"};
  }
  return std::nullopt;
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

bool is_clean_path(std::string_view path) {
  if (!path.starts_with('/') || path.starts_with("//") || has_dot_segment(path)) return false;
  while (!path.empty()) {
    const std::size_t length = utf8_length(path);
    const auto c = static_cast<unsigned char>(path.front());
    if (length == 0 || c < 0x20 || c == 0x7f || c == '\\') return false;
    path.remove_prefix(length);
  }
  return true;
}

std::optional<HeadRefusal> judge_target(const RequestHead& head, JudgedHead& out) {
  static constexpr HeadRefusal kBadTarget{400, "bad_target",
                                          "the request target is not a clean path"};
  const std::string_view target = head.target;
  if (target.size() > kMostTargetBytes) {
    return HeadRefusal{414, "target_too_long", "the request target is longer than 8 KiB"};
  }
  const bool visible = std::all_of(target.begin(), target.end(),
                                   [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  if (!visible || !target.starts_with('/')) return kBadTarget;
  const std::size_t question = std::min(target.find('?'), target.size());
  auto path = percent_decode(target.substr(0, question));
  if (!path || !is_clean_path(*path)) return kBadTarget;
  out.path = std::move(*path);
  out.query = std::string(target.substr(std::min(target.size(), question + 1)));
  return std::nullopt;
}

// Empty: no Origin header. Otherwise whether that page may use this server.
std::optional<bool> origin_is_ours(const RequestHead& head, const RequestRules& rules,
                                   const RequestPath& via) {
  const auto origin = value_of(head, "origin");
  if (!origin) return std::nullopt;
  const std::string lower = to_lower(*origin);
  const std::string own = (via.encrypted ? "https://" : "http://") +
                          to_lower(value_of(head, "host").value_or(std::string_view()));
  return lower == own ||
         std::find(rules.origins.begin(), rules.origins.end(), lower) != rules.origins.end();
}

// Browsers say where a request comes from; "none" is the person's own doing (address bar).
bool fetch_site_is_foreign(const RequestHead& head) {
  const auto site = value_of(head, "sec-fetch-site");
  return site && *site != "same-origin" && *site != "none";
}

constexpr HeadRefusal kForeignOrigin{403, "foreign_origin",
                                     "pages of other origins may not use this server"};

// By header, not by cookie: programs send these, and no browser by itself to another site's page
// without naming that page's origin.
bool brings_credential(const RequestHead& head) {
  const std::string lower =
      to_lower(value_of(head, "authorization").value_or(std::string_view()).substr(0, 7));
  return lower == "bearer " || lower.starts_with("basic ");
}

// Of the clean, decoded path: what was %2F in a segment is a slash by now, and ends it.
bool is_path_of(std::string_view pattern, std::string_view path) {
  constexpr std::string_view kSegment = "{id}";
  const std::size_t mark = pattern.find(kSegment);
  if (mark == std::string_view::npos) return pattern == path;
  const std::string_view before = pattern.substr(0, mark);
  const std::string_view after = pattern.substr(mark + kSegment.size());
  if (!path.starts_with(before)) return false;
  path.remove_prefix(before.size());
  const std::size_t length = std::min(path.find('/'), path.size());
  return length > 0 && path.substr(length) == after;
}

bool only_asks(const RequestHead& head, const RequestRules& rules, std::string_view path) {
  return head.method == "POST" &&
         std::any_of(rules.asking_posts.begin(), rules.asking_posts.end(),
                     [&](const std::string& pattern) { return is_path_of(pattern, path); });
}

std::optional<HeadRefusal> judge_origin(const RequestHead& head, const RequestRules& rules,
                                        const RequestPath& via, const JudgedHead& judged) {
  const auto ours = origin_is_ours(head, rules, via);
  if (ours) return *ours ? std::nullopt : std::optional<HeadRefusal>(kForeignOrigin);
  if (fetch_site_is_foreign(head)) return kForeignOrigin;
  if (via.unix_socket || value_of(head, "sec-fetch-site")) return std::nullopt;
  // No browser leaves both out of what is judged here, so nobody's cookie is being abused; still
  // only those go on who bring a credential that browsers never add by themselves.
  if (brings_credential(head)) return std::nullopt;
  if (judged.upgrade_web_socket && via.loopback) return std::nullopt;
  if (only_asks(head, rules, judged.path)) return std::nullopt;
  if (head.method == "POST" && judged.path.starts_with("/api/v1/query")) {
    return HeadRefusal{403, "origin_needed", "Prometheus' API is at /prometheus, not here"};
  }
  return HeadRefusal{403, "origin_needed",
                     "send an Origin header or authenticate with a Bearer key"};
}

bool wants_web_socket(const RequestHead& head) {
  return head.method == "GET" && head.version == 11 &&
         header_has_token(head, "connection", "upgrade") &&
         header_has_token(head, "upgrade", "websocket");
}

}  // namespace

std::variant<JudgedHead, HeadRefusal> judge_head(const RequestHead& head, const RequestRules& rules,
                                                 const RequestPath& via) {
  JudgedHead judged;
  if (const auto refusal = judge_framing(head)) return *refusal;
  if (const auto refusal = judge_host(head, rules, via)) return *refusal;
  if (head.method == "CONNECT" || head.method == "TRACE") {
    return HeadRefusal{501, "bad_method", "CONNECT and TRACE are not supported"};
  }
  if (const auto refusal = judge_target(head, judged)) return *refusal;
  judged.upgrade_web_socket = wants_web_socket(head);
  if (judged.upgrade_web_socket || (head.method != "GET" && head.method != "HEAD")) {
    if (const auto refusal = judge_origin(head, rules, via, judged)) return *refusal;
  }
  if (const auto length = value_of(head, "content-length")) {
    judged.content_length = *parse_integer<std::uint64_t>(*length);
  }
  judged.keep_alive = head.version == 11 && !header_has_token(head, "connection", "close");
  judged.expect_continue = head.version == 11 && value_of(head, "expect").has_value();
  return judged;
}

std::optional<HeadRefusal> judge_event_stream_origin(const RequestHead& head,
                                                     const RequestRules& rules,
                                                     const RequestPath& via) {
  const auto ours = origin_is_ours(head, rules, via);
  if (ours) return *ours ? std::nullopt : std::optional<HeadRefusal>(kForeignOrigin);
  if (fetch_site_is_foreign(head)) return kForeignOrigin;
  return std::nullopt;
}

std::optional<HeadRefusal> judge_web_socket(const RequestHead& head) {
  if (value_of(head, "sec-websocket-version") != "13") {
    return HeadRefusal{426, "bad_web_socket_version", "only WebSocket version 13 is spoken here"};
  }
  // 16 bytes in base64.
  const auto key = value_of(head, "sec-websocket-key");
  if (!key || key->size() != 24 || !key->ends_with("==") || !is_word(key->substr(0, 22), "+/")) {
    return HeadRefusal{400, "bad_web_socket_key", "Sec-WebSocket-Key is not a WebSocket key"};
  }
  if (count(head, "sec-websocket-protocol") != 0 &&
      !header_has_token(head, "sec-websocket-protocol", "volta.v1.json")) {
    return HeadRefusal{400, "unknown_subprotocol",
                       "only the subprotocol volta.v1.json is spoken here"};
  }
  return std::nullopt;
}

bool has_folded_line(std::string_view head_bytes) {
  return head_bytes.find("\r\n ") != std::string_view::npos ||
         head_bytes.find("\r\n\t") != std::string_view::npos;
}

std::string request_id_for(std::string_view offered) {
  if (offered.size() <= 64 && is_word(offered, "._-")) return std::string(offered);
  std::array<std::uint8_t, 12> bytes{};
  random_bytes(bytes);
  return base64url(bytes);
}

bool has_token(std::string_view list, std::string_view lower_word) {
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    if (to_lower(trim(item.substr(0, item.find(';')))) == lower_word) return true;
  }
  return false;
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace volta
