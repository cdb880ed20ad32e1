#include "api/access.hpp"

#include "api/fakes.hpp"

namespace volta::test {
namespace {

using namespace std::chrono_literals;

std::string session_cookie(const std::string& set_cookie) {
  return set_cookie.substr(0, set_cookie.find(';'));
}

HttpRequest far(HttpRequest base, const std::string& address = "192.0.2.7:4000") {
  base.peer = {address, false, false, true};
  return base;
}

Role role_of(Access& access, const HttpRequest& asked) {
  auto who = access.identify(asked);
  return std::holds_alternative<Who>(who) ? std::get<Who>(who).role : Role::none;
}

int status_of(Access& access, const HttpRequest& asked) {
  auto who = access.identify(asked);
  return std::holds_alternative<Who>(who) ? 200 : std::get<Declined>(who).problem.status;
}

}  // namespace

TEST_CASE("may: the whole table") {
  const auto check = [](Role role, bool open, bool read, bool write, bool administer) {
    const Who who{role, How::nothing, {}};
    CHECK(may(who, Action::open) == open);
    CHECK(may(who, Action::read) == read);
    CHECK(may(who, Action::read, HostId(7)) == read);
    CHECK(may(who, Action::write) == write);
    CHECK(may(who, Action::administer) == administer);
  };
  check(Role::none, true, false, false, false);
  check(Role::viewer, true, true, false, false);
  check(Role::fleet_operator, true, true, true, false);
  check(Role::admin, true, true, true, true);
}

TEST_CASE("access keys") {
  const auto check = [](std::string_view text, bool good) {
    CHECK(AccessKey::parse(text).has_value() == good);
  };
  check(kKey, true);
  check(std::string(kKey) + "\n", true);
  check(std::string(31, 'a'), false);
  check(std::string(32, 'a'), true);
  check(std::string(256, 'a'), true);
  check(std::string(257, 'a'), false);
  check(std::string(31, 'a') + "=", false);
  check("", false);
  const std::string made = AccessKey::generate();
  check(made, true);
  CHECK(made != AccessKey::generate());
  CHECK(AccessKey::parse(made)->matches(made));
  CHECK_FALSE(AccessKey::parse(made)->matches(made.substr(1)));
  CHECK_FALSE(AccessKey::parse(made)->matches(""));
}

TEST_CASE("who is who") {
  FakeClock clock;
  Access local({true, {}}, clock);
  Access server({false, *AccessKey::parse(kKey)}, clock);
  const auto get = request("GET", "/api/v1/hosts");
  const std::string bearer = "Bearer " + std::string(kKey);

  CHECK(role_of(local, get) == Role::viewer);
  CHECK(role_of(local, far(get)) == Role::none);
  CHECK(role_of(local, as_admin(get)) == Role::admin);
  CHECK(role_of(local, with(get, "authorization", "Bearer whatever")) == Role::viewer);

  CHECK(role_of(server, get) == Role::none);
  CHECK(role_of(server, as_admin(get)) == Role::admin);
  CHECK(role_of(server, with(get, "authorization", bearer)) == Role::admin);
  CHECK(role_of(server, with(get, "authorization", "bEaReR  " + std::string(kKey))) == Role::admin);
  CHECK(status_of(server, with(get, "authorization", bearer + "x")) == 401);
  CHECK(status_of(server, with(get, "authorization", "Basic YWRtaW46eA==")) == 401);
  CHECK(status_of(server, with(get, "authorization", "Bearer")) == 401);
  CHECK(status_of(server, with(get, "authorization", std::string(5000, 'a'))) == 401);
  CHECK(role_of(server, with(get, "cookie", "volta_session=guess")) == Role::none);
}

TEST_CASE("the key as the password of Basic, whatever the user's name") {
  FakeClock clock;
  Access server({false, *AccessKey::parse(kKey)}, clock);
  const auto check = [&](const std::string& authorization, int status) {
    INFO(authorization);
    clock.advance(60s);  // no row is slowed down for another
    const auto asked = with(request("GET", "/prometheus/x"), "authorization", authorization);
    CHECK(status_of(server, asked) == status);
    CHECK((role_of(server, asked) == Role::admin) == (status == 200));
  };
  // The pairs: any:KEY, :KEY, a:KEYx, a:, any, a:b:KEY
  check("Basic YW55OjAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ei1fQUI=", 200);
  check("Basic YW55OjAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ei1fQUI", 200);
  check("bASIC  YW55OjAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ei1fQUI=", 200);
  check("Basic OjAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ei1fQUI=", 200);
  check("Basic YTowMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXotX0FCeA==", 401);
  check("Basic YTo=", 401);
  check("Basic YW55", 401);
  check("Basic YTpiOjAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ei1fQUI=", 401);
  check("Basic", 401);
  check("Basic ", 401);
  check("Basic Y", 401);
  check("Basic YTp*", 401);
  check("Basic YW55OjAx MjM0", 401);
  check("Digest YW55OjAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ei1fQUI=", 401);
}

TEST_CASE("a wrong key is slowed down for its address only") {
  FakeClock clock;
  Access access({false, *AccessKey::parse(kKey)}, clock);
  const auto get = request("GET", "/api/v1/hosts");
  const auto wrong = far(with(get, "authorization", "Bearer nope"));
  const auto right = far(with(get, "authorization", "Bearer " + std::string(kKey)));
  for (int i = 0; i < 10; ++i) {
    CHECK(status_of(access, right) == 200);
    CHECK(status_of(access, wrong) == 401);
  }
  auto refused = std::get<Declined>(access.identify(wrong));
  CHECK(refused.problem.status == 429);
  CHECK(refused.headers[0] == std::pair<std::string, std::string>("Retry-After", "6"));
  CHECK(status_of(access, right) == 429);  // nobody learns more by guessing on
  auto other = wrong;
  other.peer.address = "192.0.2.8:4000";
  CHECK(status_of(access, other) == 401);
  clock.advance(6s);
  CHECK(status_of(access, right) == 200);
  CHECK(status_of(access, wrong) == 401);
  CHECK(status_of(access, wrong) == 429);
  clock.advance(60s);
  for (int i = 0; i < 10; ++i) CHECK(status_of(access, wrong) == 401);
  CHECK(status_of(access, wrong) == 429);
}

TEST_CASE("what counts as one address") {
  const auto check = [](std::string_view peer, std::string_view want) {
    CHECK(address_group(peer) == want);
  };
  check("192.0.2.7:4000", "192.0.2.7");
  check("192.0.2.7", "192.0.2.7");
  check("[2001:db8:1:2:3:4:5:6]:4000", "20010db800010002/64");
  check("2001:db8:1:2::9", "20010db800010002/64");
  check("[fe80::1]:80", "fe80000000000000/64");
  check("[::ffff:192.0.2.7]:80", "192.0.2.7");
  check("unix", "unix");
  check("[", "[");
  check("", "");
}

TEST_CASE("the limiter forgets the longest untouched when it is full") {
  FakeClock clock;
  AttemptLimiter limiter(clock);
  for (int i = 0; i < 10; ++i) CHECK(limiter.take("10.0.0.1:1").count() == 0);
  CHECK(limiter.take("10.0.0.1:1").count() > 0);
  for (std::size_t i = 0; i < AttemptLimiter::kMostAddresses; ++i) {
    clock.advance(std::chrono::milliseconds(1));
    limiter.take("x" + std::to_string(i));
  }
  CHECK(limiter.take("10.0.0.1:1").count() == 0);
}

TEST_CASE("sessions live and end") {
  FakeClock clock;
  Access access({false, *AccessKey::parse(kKey)}, clock);
  const auto get = request("GET", "/api/v1/hosts");
  const auto login = [&] { return std::get<Access::NewSession>(access.log_in(get, kKey)); };
  const auto role = [&](const std::string& set_cookie) {
    return role_of(access, with(get, "cookie", "a=b; " + session_cookie(set_cookie) + "; c=d"));
  };

  const auto first = login();
  CHECK(first.cookie.find("volta_session=") == 0);
  CHECK(first.cookie.find("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200") !=
        std::string::npos);
  CHECK(session_cookie(first.cookie).size() == std::string("volta_session=").size() + 43);
  CHECK(role(first.cookie) == Role::admin);
  CHECK(session_cookie(login().cookie) != session_cookie(first.cookie));

  SECTION("idle for an hour") {
    clock.advance(59min);
    CHECK(role(first.cookie) == Role::admin);
    clock.advance(59min);
    CHECK(role(first.cookie) == Role::admin);
    clock.advance(60min);
    CHECK(role(first.cookie) == Role::none);
  }
  SECTION("12 hours, however busy") {
    for (int i = 0; i < 23; ++i) {
      clock.advance(30min);
      CHECK(access.still_valid(first.who));
    }
    clock.advance(30min);
    CHECK_FALSE(access.still_valid(first.who));
    CHECK(role(first.cookie) == Role::none);
  }
  SECTION("logged out") {
    const std::string cookie = access.log_out(get, first.who);
    CHECK(cookie.find("volta_session=; ") == 0);
    CHECK(cookie.find("Max-Age=0") != std::string::npos);
    CHECK(role(first.cookie) == Role::none);
    CHECK_FALSE(access.still_valid(first.who));
  }
  SECTION("pushed out by many others") {
    for (std::size_t i = 0; i < Access::kMostSessions; ++i) {
      clock.advance(1ms);
      login();
    }
    CHECK(role(first.cookie) == Role::none);
  }
  SECTION("with TLS the cookie is bound to the host") {
    const auto secure = std::get<Access::NewSession>(access.log_in(far(get), kKey));
    CHECK(secure.cookie.find("__Host-volta_session=") == 0);
    CHECK(secure.cookie.find("; Secure") != std::string::npos);
    const auto cookie = session_cookie(secure.cookie);
    CHECK(role_of(access, far(with(get, "cookie", cookie))) == Role::admin);
    CHECK(role_of(access, far(with(get, "cookie", cookie.substr(7)))) == Role::none);
  }
  SECTION("wrong key") {
    CHECK(std::get<Declined>(access.log_in(get, "nope")).problem.status == 401);
    Access closed({true, {}}, clock);
    CHECK(std::get<Declined>(closed.log_in(get, kKey)).problem.status == 403);
  }
}

TEST_CASE("changes by cookie must come from the page itself") {
  const Who session{Role::admin, How::session, Sha256{}};
  const Who key{Role::admin, How::access_key, {}};
  const auto check = [](const HttpRequest& asked, const Who& who, bool refused) {
    CHECK(cross_site_refusal(asked, who).has_value() == refused);
  };
  const auto post = request("POST", "/api/v1/hosts");
  check(post, session, true);
  check(request("DELETE", "/x"), session, true);
  check(request("GET", "/x"), session, false);
  check(post, key, false);
  check(with(post, "x-volta-request", "1"), session, false);
  check(with(post, "x-volta-request", "0"), session, true);
  check(with(with(post, "x-volta-request", "1"), "sec-fetch-site", "same-origin"), session, false);
  check(with(with(post, "x-volta-request", "1"), "sec-fetch-site", "cross-site"), session, true);
}

}  // namespace volta::test
