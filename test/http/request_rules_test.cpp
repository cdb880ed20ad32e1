#include "http/request_rules.hpp"

#include <catch2/catch.hpp>

#include "http/head_parser.hpp"

namespace volta {
namespace {

const RequestPath kLoopback{"127.0.0.1", true, false, false};
const RequestPath kLan{"192.168.7.9", false, false, false};
const RequestPath kUnix{"", false, true, false};
const RequestPath kTls{"192.168.7.9", false, false, true};

const RequestRules kRules{
    {"volta.example", "box"}, {"https://panel.example:8443"}, {"/api/ask", "/api/of/{id}/ask"}};

// The status that the bytes are refused with; 0: accepted.
int status_of(std::string_view bytes, const RequestPath& via) {
  HeadParser parser(8192);
  switch (parser.put(bytes)) {
    case HeadParser::State::need_more:
      return -1;
    case HeadParser::State::refused:
      return parser.refusal().status;
    case HeadParser::State::done:
      break;
  }
  const auto verdict = judge_head(parser.head(), kRules, via);
  const auto* refusal = std::get_if<HeadRefusal>(&verdict);
  return refusal == nullptr ? 0 : refusal->status;
}

void check(std::string_view bytes, int want, const RequestPath& via = kLoopback) {
  INFO(bytes);
  CHECK(status_of(bytes, via) == want);
}

std::string post(std::string_view headers) {
  return "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n" +
         std::string(headers) + "\r\n";
}

// Each row of the table in which Beast 1.81's behaviour was measured; what Beast accepts and others
// read differently must be refused by us.
TEST_CASE("framing that two readers may understand differently is refused") {
  check(post("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"), 501);
  check(post("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n"), 400);
  for (const char* coding : {"identity", "gzip", "xchunked", "chunked, identity", "chunked", ""}) {
    check(post("Transfer-Encoding: " + std::string(coding) + "\r\n"), 501);
  }
  check(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
  check(post("Trailer: Authorization\r\nContent-Length: 5\r\n"), 501);
  // Beast itself refuses the two together.
  check(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400);
  check(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400);
  check("POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 501);
  check(post("Content-Length: 5, 5\r\n"), 400);
  check(post("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
  check(post("Content-Length: 5\r\nContent-Length: 6\r\n"), 400);
  for (const char* length : {"-5", "+5", "0x5", "5a", "18446744073709551621", "", "5 5"}) {
    check(post("Content-Length: " + std::string(length) + "\r\n"), 400);
  }
  check(post("Content-Length: 5\r\n"), 0);
  check(post("X-Folded: a\r\n b\r\n"), 400);
  check(post("X-Folded: a\r\n\tb\r\n"), 400);
  check(post("Content-Length : 5\r\n"), 400);
  check(post(std::string_view("X: a\0b\r\n", 8)), 400);
  check(post("Expect: 200-ok\r\n"), 417);
  check(post("Expect: 100-Continue\r\nContent-Length: 1\r\n"), 0);
  check(post("Authorization: Bearer y\r\n"), 400);
}

TEST_CASE("lines must end in CR LF and versions must be known") {
  check("GET / HTTP/1.1\nHost: localhost\n\n", 400);
  check("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 0);
  check("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", 0);
  check("GET / HTTP/1.2\r\nHost: localhost\r\n\r\n", 400);
  check("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 400);
  check("GET /\r\n", 400);
  check("\r\nGET / HTTP/1.1\r\n", 400);
  check("G ET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400);
  check("\x16\x03\x01\x02", 400);
}

TEST_CASE("a head is at most 8 KiB, however it arrives") {
  std::string big = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  while (big.size() < 9000) big += "X-Filler: 0123456789012345678901234567890123456789\r\n";
  big += "\r\n";
  check(big, 431);
  HeadParser parser(8192);
  std::size_t fed = 0;
  HeadParser::State state = HeadParser::State::need_more;
  while (state == HeadParser::State::need_more && fed < big.size()) {
    state = parser.put(std::string_view(big).substr(0, ++fed));
  }
  CHECK(state == HeadParser::State::refused);
  CHECK(parser.refusal().status == 431);
  CHECK(fed <= 8192);
  check("GET /" + std::string(9000, 'a'), 431);
  std::string many = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 101; ++i) many += "A: 1\r\n";
  check(many + "\r\n", 431);
}

TEST_CASE("a head arriving byte by byte is the same head") {
  const std::string bytes = "GET /a?b=1 HTTP/1.1\r\nHost: localhost\r\nX-A:  b \r\n\r\nGET /next";
  HeadParser parser(8192);
  std::size_t fed = 0;
  while (fed < bytes.size() &&
         parser.put(std::string_view(bytes).substr(0, ++fed)) == HeadParser::State::need_more) {
  }
  CHECK(parser.consumed() == bytes.find("GET /next"));
  const RequestHead head = parser.head();
  CHECK(head.method == "GET");
  CHECK(head.target == "/a?b=1");
  REQUIRE(head.headers.size() == 2);
  CHECK(head.headers[1] == std::pair<std::string, std::string>("x-a", "b"));
}

void check_host(std::string_view host, int want, const RequestPath& via) {
  check("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", want, via);
}

TEST_CASE("exactly one Host, and one that this server is known by") {
  check("GET / HTTP/1.1\r\n\r\n", 400);
  check("GET / HTTP/1.0\r\n\r\n", 400);
  check("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400);
  for (const char* host : {"localhost", "LOCALHOST:8420", "127.0.0.1", "127.0.0.1:9", "[::1]",
                           "[::1]:8420", "volta.example", "Box:8420"}) {
    check_host(host, 0, kLoopback);
    check_host(host, 0, kLan);
  }
  check_host("192.168.7.9:8420", 0, kLan);
  check_host("192.168.7.9:8420", 421, kLoopback);
  for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.2", "localhost.",
                           "volta.example.", "[::2]"}) {
    check_host(host, 421, kLoopback);
    check_host(host, 0, kUnix);
  }
  for (const char* host :
       {"", ":8420", "localhost:", "localhost:0", "localhost:99999", "localhost:8420:1",
        "local host", "a@localhost", "localhost/x", "::1", "[localhost]", "[::1", "[]:80",
        "[::1]8420", "[::1]:0", "localhost:+1", "localhost, evil"}) {
    check_host(host, 400, kLoopback);
    check_host(host, 400, kUnix);
  }
}

void check_target(const std::string& target, int want, std::string_view path = {}) {
  INFO(target);
  RequestHead head{"GET", target, 11, {{"host", "localhost"}}};
  const auto verdict = judge_head(head, kRules, kLoopback);
  const auto* refusal = std::get_if<HeadRefusal>(&verdict);
  CHECK((refusal == nullptr ? 0 : refusal->status) == want);
  if (want == 0 && refusal == nullptr) CHECK(std::get<JudgedHead>(verdict).path == path);
}

TEST_CASE("targets are clean paths, decoded once") {
  check_target("/", 0, "/");
  check_target("/api/v1/hosts?x=%00", 0, "/api/v1/hosts");
  check_target("/a%20b", 0, "/a b");
  check_target("/a%2525", 0, "/a%25");
  check_target("/a..b/.c", 0, "/a..b/.c");
  check_target("/%c3%a4", 0, "/ä");
  for (const char* target : {"http://evil/",
                             "*",
                             "",
                             "a",
                             "//evil",
                             "/%2f",
                             "/%2Fevil",
                             "/static/../../etc/passwd",
                             "/..",
                             "/.",
                             "/a/%2e%2e/b",
                             "/%2e",
                             "/a%00b",
                             "/a%0ab",
                             "/a%7f",
                             "/a%5cb",
                             "/a\\b",
                             "/a%",
                             "/a%2",
                             "/a%zz",
                             "/%ff",
                             "/a#b",
                             "/a b",
                             "/\xc3\xa4",
                             "/a\tb"}) {
    check_target(target, 400);
  }
  check_target("/" + std::string(8192, 'a'), 414);
  check("CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 501);
  check("TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501);
  check("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n", 400);
}

struct OriginCase {
  std::string_view headers;
  int post;
  int web_socket;
  int event_stream;
};

void check_origin(const OriginCase& row, const RequestPath& via) {
  const std::string host = "Host: box:8420\r\n" + std::string(row.headers) + "\r\n";
  check("POST / HTTP/1.1\r\n" + host, row.post, via);
  check("GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" + host,
        row.web_socket, via);
  check("GET / HTTP/1.1\r\n" + host, 0, via);  // plain reads are guarded by the browser itself
  HeadParser parser(8192);
  const std::string get = "GET / HTTP/1.1\r\n" + host;
  REQUIRE(parser.put(get) == HeadParser::State::done);
  INFO(get);
  CHECK(judge_event_stream_origin(parser.head(), kRules, via).has_value() ==
        (row.event_stream != 0));
}

TEST_CASE("only our own page, allowed origins and programs may change things or open sockets") {
  const OriginCase own{"Origin: http://box:8420\r\n", 0, 0, 0};
  const OriginCase own_tls{"Origin: https://box:8420\r\n", 0, 0, 0};
  const OriginCase foreign_scheme{"Origin: https://box:8420\r\n", 403, 403, 403};
  const OriginCase allowed{"Origin: https://panel.example:8443\r\nSec-Fetch-Site: cross-site\r\n",
                           0, 0, 0};
  const OriginCase evil{"Origin: http://evil.example\r\n", 403, 403, 403};
  const OriginCase evil_bearer{"Origin: http://evil.example\r\nAuthorization: Bearer x\r\n", 403,
                               403, 403};
  const OriginCase null_origin{"Origin: null\r\n", 403, 403, 403};
  const OriginCase other_port{"Origin: http://box:8421\r\n", 403, 403, 403};
  const OriginCase prefix{"Origin: http://box:8420.evil.example\r\n", 403, 403, 403};
  const OriginCase cross_site{"Sec-Fetch-Site: cross-site\r\n", 403, 403, 403};
  const OriginCase same_site{"Sec-Fetch-Site: same-site\r\n", 403, 403, 403};
  const OriginCase same_origin{"Sec-Fetch-Site: same-origin\r\n", 0, 0, 0};
  const OriginCase bearer{"Authorization: Bearer x\r\n", 0, 0, 0};
  for (const auto& via : {kLoopback, kLan, kUnix}) {
    for (const auto& row : {own, foreign_scheme, allowed, evil, evil_bearer, null_origin,
                            other_port, prefix, cross_site, same_site, same_origin, bearer}) {
      check_origin(row, via);
    }
  }
  check_origin(own_tls, kTls);
  check_origin({"", 403, 0, 0}, kLoopback);
  check_origin({"", 403, 403, 0}, kLan);
  check_origin({"", 0, 0, 0}, kUnix);
  check_origin({"Authorization: Basic x\r\n", 0, 0, 0}, kLan);
  check_origin({"Authorization: Digest x\r\n", 403, 403, 0}, kLan);
  check_origin({"Authorization: Basic\r\n", 403, 403, 0}, kLan);
}

TEST_CASE("a connection is kept only where both sides mean it") {
  const auto keeps = [](int version, std::string_view connection) {
    RequestHead head{
        "GET", "/", version, {{"host", "box"}, {"connection", std::string(connection)}}};
    const auto verdict = judge_head(head, kRules, kLan);
    return std::get<JudgedHead>(verdict).keep_alive;
  };
  CHECK(keeps(11, ""));
  CHECK(keeps(11, "keep-alive"));
  CHECK_FALSE(keeps(11, "x, Close"));
  CHECK_FALSE(keeps(10, "keep-alive"));
}

TEST_CASE("a sane request id is taken over, another replaced") {
  CHECK(request_id_for("abc-1.2_X") == "abc-1.2_X");
  for (const std::string& odd : {std::string(), std::string("a b"), std::string("a\r\nb"),
                                 std::string(65, 'a'), std::string("<x>")}) {
    CHECK(request_id_for(odd) != odd);
    CHECK(request_id_for(odd).size() == 16);
  }
  CHECK(request_id_for("") != request_id_for(""));
}

TEST_CASE("a POST that only asks is judged as a GET, but for foreign pages") {
  const auto ask = [](std::string_view path, std::string_view headers) {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: box:8420\r\n" + std::string(headers) +
           "\r\n";
  };
  for (const RequestPath& via : {kLoopback, kLan, kTls}) {
    check(ask("/api/ask", ""), 0, via);
    check(ask("/api/ask?x=1", ""), 0, via);
    check(ask("/api/%61sk", ""), 0, via);
    check(ask("/api/ask/", ""), 403, via);
    check(ask("/api/change", ""), 403, via);
    for (const char* path :
         {"/api/of/a/ask", "/api/of/__name__/ask?x=1", "/api/of/%3Ca%3E/ask", "/api/of/{id}/ask"}) {
      check(ask(path, ""), 0, via);
      check(ask(path, "Origin: http://evil.example\r\n"), 403, via);
      check(ask(path, "Sec-Fetch-Site: cross-site\r\n"), 403, via);
    }
    for (const char* path : {"/api/of//ask", "/api/of/ask", "/api/of/a/b/ask", "/api/of/a%2fb/ask",
                             "/api/of/a/ask/", "/api/of/a/asks", "/api/of/a/ask/b", "/api/of/a",
                             "/api/of/a/", "/api/ofa/ask", "/x/api/of/a/ask", "/api/OF/a/ask"}) {
      check(ask(path, ""), 403, via);
    }
    for (const char* path : {"/api/of/../ask", "/api/of/%2e%2e/ask", "/api/of/./ask"}) {
      check(ask(path, ""), 400, via);
    }
    check(ask("/api/ask", "Origin: http://evil.example\r\n"), 403, via);
    check(ask("/api/ask", "Sec-Fetch-Site: cross-site\r\n"), 403, via);
  }
  const auto said = [&](std::string_view path) {
    HeadParser parser(8192);
    REQUIRE(parser.put(ask(path, "")) == HeadParser::State::done);
    return std::string(std::get<HeadRefusal>(judge_head(parser.head(), kRules, kLan)).detail);
  };
  for (const char* path : {"/api/v1/query", "/api/v1/query_range"}) {
    CHECK(said(path) == "Prometheus' API is at /prometheus, not here");
    check(ask(path, ""), 403, kLan);
  }
  CHECK(said("/api/change") == "send an Origin header or authenticate with a Bearer key");
  check("PUT /api/ask HTTP/1.1\r\nHost: box:8420\r\n\r\n", 403, kLan);
}

}  // namespace
}  // namespace volta
