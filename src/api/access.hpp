// Who asks and what they may. One function, may(), decides for REST, WebSocket and SSE alike.
//
// The ways to be somebody: the admin socket (the kernel vouches), `volta local` on loopback, the
// access key as Bearer or as the password of Basic (for programs that know nothing else; the user's
// name is not looked at), or a session cookie that was got for the access key. Nobody is ever
// challenged for Basic, so no browser keeps a key by itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "api/attempt_limiter.hpp"
#include "api/reply.hpp"
#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/guarded.hpp"
#include "base/result.hpp"
#include "model/series.hpp"

namespace volta {

enum class Role : std::uint8_t { none, viewer, fleet_operator, admin };
enum class How : std::uint8_t { nothing, loopback, unix_socket, access_key, session };
std::string_view to_text(Role role);
std::string_view to_text(How how);

struct Who {
  Role role = Role::none;
  How how = How::nothing;
  std::optional<Sha256> session;  // hash of the session's id, where how == session
};

// write: samples that no agent sends (remote write).
enum class Action : std::uint8_t { open, read, write, administer };

// `host`: the one it concerns, if any. Every role sees every host as yet.
bool may(const Who& who, Action action, std::optional<HostId> host = std::nullopt);

// The text in DIR/access-key. Only its hash is kept here.
class AccessKey {
 public:
  // Refuses fewer than 32 characters and any outside [A-Za-z0-9_-]; white space around it is cut.
  static Result<AccessKey> parse(std::string_view text);
  // 256 random bits as text, for the app to write into the file.
  static std::string generate();
  [[nodiscard]] bool matches(std::string_view given) const;

 private:
  explicit AccessKey(const Sha256& hash) : hash_(hash) {}
  Sha256 hash_;
};

struct AccessSettings {
  // Loopback peers are viewers without login. Only where every HTTP address is a loopback one:
  // behind a proxy on this machine everybody comes from loopback.
  bool loopback_viewer = false;
  std::optional<AccessKey> key;  // empty: only the admin socket (and loopback_viewer) gets in
};

// Thread-safe.
class Access {
 public:
  Access(const AccessSettings& settings, const Clock& clock);

  // Refuses a wrong key (401, after 10 in a minute 429); nobody in particular is role none.
  std::variant<Who, Declined> identify(const HttpRequest& request);

  struct NewSession {
    Who who;
    std::string cookie;  // value of Set-Cookie
  };
  std::variant<NewSession, Declined> log_in(const HttpRequest& request, std::string_view key);
  // Ends the session, if it is one. Answers the Set-Cookie that makes the browser forget it.
  std::string log_out(const HttpRequest& request, const Who& who);
  // For open streams: false once the session has ended. Being watched counts as use.
  bool still_valid(const Who& who);
  [[nodiscard]] bool login_possible() const { return settings_.key.has_value(); }

  static constexpr std::chrono::hours kLongestSession{12};
  static constexpr std::chrono::hours kLongestIdle{1};
  static constexpr std::size_t kMostSessions = 1024;  // when full the longest unused one ends

 private:
  struct Session {
    std::chrono::nanoseconds created{};
    std::chrono::nanoseconds used{};
  };
  using Sessions = std::map<Sha256, Session>;

  std::optional<Declined> check_key(const HttpRequest& request, std::string_view given);
  bool touch(const Sha256& session);

  const AccessSettings settings_;
  const Clock* clock_;
  AttemptLimiter limiter_;
  Guarded<Sessions> sessions_;
};

// Refuses what another site may have made the browser send: a change by cookie without the header
// `X-Volta-Request: 1`, which no form and no simple request can carry (http/ has checked Origin).
std::optional<Declined> cross_site_refusal(const HttpRequest& request, const Who& who);

Declined login_needed();

}  // namespace volta
