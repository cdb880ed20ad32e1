#include "api/access.hpp"

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

constexpr std::size_t kShortestKey = 32;
constexpr std::size_t kLongestKey = 256;
constexpr std::string_view kChallenge = R"(Bearer realm="volta")";

// The `__Host-` prefix makes browsers refuse the cookie from other hosts and without TLS.
std::string_view cookie_name(const HttpRequest& request) {
  return request.peer.encrypted ? "__Host-volta_session" : "volta_session";
}

std::string cookie(const HttpRequest& request, std::string_view value, std::int64_t seconds) {
  std::string out(cookie_name(request));
  out += '=';
  out += value;
  out += "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds);
  if (request.peer.encrypted) out += "; Secure";
  return out;
}

std::optional<std::string_view> sent_cookie(const HttpRequest& request) {
  std::string_view rest = request.header("cookie");
  const std::string_view name = cookie_name(request);
  while (!rest.empty()) {
    const auto semicolon = rest.find(';');
    const std::string_view pair = trim(rest.substr(0, semicolon));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
    if (semicolon == std::string_view::npos) break;
    rest.remove_prefix(semicolon + 1);
  }
  return std::nullopt;
}

bool is_scheme(std::string_view given, std::string_view lower) {
  return given.size() == lower.size() &&
         std::equal(given.begin(), given.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

// RFC 4648 section 4, padding optional; empty if anything else stands there.
std::optional<std::string> decode_base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  unsigned bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U | static_cast<unsigned>(digit)) & 0xffffU;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xffU);
  }
  return out;
}

// The key that an Authorization header carries; empty if it carries none.
std::optional<std::string> sent_key(std::string_view authorization) {
  const auto blank = authorization.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const std::string_view rest = trim(authorization.substr(blank));
  if (is_scheme(authorization.substr(0, blank), "bearer")) return std::string(rest);
  if (!is_scheme(authorization.substr(0, blank), "basic")) return std::nullopt;
  const auto pair = decode_base64(rest);
  const auto colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return std::nullopt;
  return pair->substr(colon + 1);
}

Declined wrong_key(std::string detail) {
  Declined declined = decline(401, "wrong_key", std::move(detail));
  declined.headers.emplace_back("WWW-Authenticate",
                                std::string(kChallenge) + R"(, error="invalid_token")");
  return declined;
}

std::string_view as_text(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

std::string_view to_text(Role role) {
  switch (role) {
    case Role::none:
      return "none";
    case Role::viewer:
      return "viewer";
    case Role::fleet_operator:
      return "operator";
    case Role::admin:
      return "admin";
  }
  return "";
}

std::string_view to_text(How how) {
  switch (how) {
    case How::nothing:
      return "nothing";
    case How::loopback:
      return "loopback";
    case How::unix_socket:
      return "unix_socket";
    case How::access_key:
      return "access_key";
    case How::session:
      return "session";
  }
  return "";
}

bool may(const Who& who, Action action, std::optional<HostId> /*host*/) {
  switch (action) {
    case Action::open:
      return true;
    case Action::read:
      return who.role >= Role::viewer;
    case Action::write:
      return who.role >= Role::fleet_operator;
    case Action::administer:
      return who.role == Role::admin;
  }
  return false;
}

Result<AccessKey> AccessKey::parse(std::string_view text) {
  text = trim(text);
  const bool url_safe = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
  if (!url_safe || text.size() < kShortestKey || text.size() > kLongestKey) {
    return Error{"an access key has 32 to 256 characters out of A-Z, a-z, 0-9, '-' and '_'"};
  }
  return AccessKey(sha256(text));
}

std::string AccessKey::generate() {
  std::array<std::uint8_t, 32> bits{};
  random_bytes(bits);
  return base64url(bits);
}

bool AccessKey::matches(std::string_view given) const {
  const Sha256 hash = sha256(given);  // hashes compare in a time that tells nothing of the key
  return equal_constant_time(as_text(hash), as_text(hash_));
}

Access::Access(const AccessSettings& settings, const Clock& clock)
    : settings_(settings), clock_(&clock), limiter_(clock) {}

std::optional<Declined> Access::check_key(const HttpRequest& request, std::string_view given) {
  const auto wait = limiter_.take(request.peer.address);
  if (wait.count() > 0) {
    Declined declined = decline(429, "too_many_attempts",
                                "too many wrong keys from this address; try again in " +
                                    std::to_string(wait.count()) + " s");
    declined.headers.emplace_back("Retry-After", std::to_string(wait.count()));
    return declined;
  }
  if (given.size() <= kLongestKey && settings_.key->matches(given)) {
    limiter_.give_back(request.peer.address);
    return std::nullopt;
  }
  log::warning("wrong access key", {{"peer", request.peer.address}});
  return wrong_key("the access key is wrong; it stands in access-key in the data directory");
}

std::variant<Who, Declined> Access::identify(const HttpRequest& request) {
  if (request.peer.unix_socket) return Who{Role::admin, How::unix_socket, {}};
  const std::string_view authorization = trim(request.header("authorization"));
  if (settings_.key && !authorization.empty()) {
    const auto key = sent_key(authorization);
    if (!key) {
      return wrong_key(
          "give the access key as 'Authorization: Bearer KEY' or as the password of Basic");
    }
    if (auto declined = check_key(request, *key)) return *declined;
    return Who{Role::admin, How::access_key, {}};
  }
  if (const auto id = sent_cookie(request); id && settings_.key) {
    const Sha256 session = sha256(*id);
    if (touch(session)) return Who{Role::admin, How::session, session};
  }
  if (settings_.loopback_viewer && request.peer.loopback) {
    return Who{Role::viewer, How::loopback, {}};
  }
  return Who{};
}

std::variant<Access::NewSession, Declined> Access::log_in(const HttpRequest& request,
                                                          std::string_view key) {
  if (!settings_.key) {
    return decline(403, "no_login", "there is no access key here; use the admin socket");
  }
  if (auto declined = check_key(request, key)) return *declined;
  std::array<std::uint8_t, 32> bits{};
  random_bytes(bits);
  const std::string id = base64url(bits);
  const Sha256 hash = sha256(id);
  const auto now = clock_->boottime();
  sessions_.with([&](Sessions& sessions) {
    std::erase_if(sessions, [&](const auto& held) {
      return now - held.second.created >= kLongestSession || now - held.second.used >= kLongestIdle;
    });
    if (sessions.size() >= kMostSessions) {
      sessions.erase(std::min_element(
          sessions.begin(), sessions.end(),
          [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
    }
    sessions[hash] = {now, now};
  });
  return NewSession{{Role::admin, How::session, hash},
                    cookie(request, id, std::chrono::seconds(kLongestSession).count())};
}

std::string Access::log_out(const HttpRequest& request, const Who& who) {
  if (who.session) {
    sessions_.with([&](Sessions& sessions) { sessions.erase(*who.session); });
  }
  return cookie(request, "", 0);
}

bool Access::touch(const Sha256& session) {
  const auto now = clock_->boottime();
  return sessions_.with([&](Sessions& sessions) {
    const auto found = sessions.find(session);
    if (found == sessions.end()) return false;
    if (now - found->second.created >= kLongestSession ||
        now - found->second.used >= kLongestIdle) {
      sessions.erase(found);
      return false;
    }
    found->second.used = now;
    return true;
  });
}

bool Access::still_valid(const Who& who) { return !who.session || touch(*who.session); }

std::optional<Declined> cross_site_refusal(const HttpRequest& request, const Who& who) {
  if (who.how != How::session || request.method == "GET" || request.method == "HEAD" ||
      request.method == "OPTIONS") {
    return std::nullopt;
  }
  const std::string_view site = request.header("sec-fetch-site");
  if (request.header("x-volta-request") == "1" && (site.empty() || site == "same-origin")) {
    return std::nullopt;
  }
  return decline(403, "cross_site",
                 "a change by cookie needs the header 'X-Volta-Request: 1' from the same origin");
}

Declined login_needed() {
  Declined declined = decline(401, "login_needed",
                              "give the access key as 'Authorization: Bearer KEY' or log in at "
                              "/api/v1/session");
  declined.headers.emplace_back("WWW-Authenticate", std::string(kChallenge));
  return declined;
}

}  // namespace volta
