#include "http/server.hpp"

#include <thread>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fake_handler.hpp"
#include "raw_client.hpp"
#include "shared.hpp"
#include "support/root.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using Catch::Contains;
using std::chrono::milliseconds;
using test::FakeHandler;
using test::on_loopback;
using test::RawAnswer;
using test::RawClient;

// A server on a free port with a handler of its own.
struct LiveServer {
  explicit LiveServer(HttpOptions options = on_loopback()) : server(std::move(options), handler) {
    server.start();
  }
  [[nodiscard]] const std::string& address() const { return server.addresses().front(); }
  [[nodiscard]] double metric(std::string_view name, std::string_view label) const {
    std::vector<MetricFamily> families;
    server.self_metrics()->append_to(families);
    for (const auto& family : families) {
      for (const auto& sample : family.samples) {
        if (family.name == name && (sample.labels.empty() || sample.labels[0].second == label)) {
          return sample.value;
        }
      }
    }
    return 0;
  }

  FakeHandler handler;
  HttpServer server;
};

std::string get(std::string_view path, std::string_view headers = {}) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) +
         "\r\n";
}

TEST_CASE("a request arrives as plain values and its answer goes back") {
  LiveServer live;
  RawClient client(live.address());
  client.send("POST /api/a%2Decho HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n");
  CHECK(client.read_answer().status == 404);
  client.send(
      "POST /api/ec%68o?a=%20b HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: my-id\r\n"
      "Origin: http://localhost\r\nX-Thing:  two words \r\nContent-Length: 5\r\n\r\nhello");
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 200);
  CHECK_THAT(answer.body, Contains("POST /api/echo ?a=%20b\n"));
  CHECK_THAT(answer.body, Contains("body=hello\n"));
  CHECK_THAT(answer.body, Contains("peer=127.0.0.1 loopback\n"));
  CHECK_THAT(answer.body, Contains("id=my-id\n"));
  CHECK_THAT(answer.body, Contains("x-thing=two words\n"));
  CHECK_THAT(answer.head, Contains("X-Request-Id: my-id\r\n"));
  CHECK_THAT(answer.head, Contains("Connection: keep-alive\r\n"));
  CHECK_THAT(answer.head, Contains("X-Content-Type-Options: nosniff\r\n"));
  CHECK(live.metric("volta_http_requests_total", "200") == 1);
  CHECK(live.metric("volta_http_requests_total", "404") == 1);
  CHECK(live.metric("volta_http_clients", "http") == 1);
}

// What follows refused bytes must never be read as another request.
void check_refused(const LiveServer& live, std::string_view bytes, int status) {
  INFO(bytes);
  RawClient client(live.address());
  client.send(std::string(bytes) + get("/api/smuggled"));
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == status);
  CHECK_THAT(answer.head, Contains("Connection: close\r\n"));
  CHECK_THAT(answer.head, Contains("Content-Type: application/problem+json\r\n"));
  CHECK(client.at_end());
}

TEST_CASE("bad framing gets its status and the connection's end") {
  LiveServer live;
  const std::string post = "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n";
  check_refused(live, post + "Transfer-Encoding: identity\r\n\r\n", 501);
  check_refused(live, post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501);
  check_refused(live, post + "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 501);
  check_refused(live, post + "Content-Length: 5, 5\r\n\r\nhello", 400);
  check_refused(live, post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400);
  check_refused(live, post + "Content-Length: 9999999\r\n\r\n", 413);
  check_refused(live, post + "Content-Length: 9999999\r\nExpect: 100-continue\r\n\r\n", 413);
  check_refused(live, post + "X: a\r\n b\r\n\r\n", 400);
  check_refused(live, "GET / HTTP/1.1\r\n\r\n", 400);
  check_refused(live, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421);
  check_refused(live, "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400);
  check_refused(live, get("/a/../b"), 400);
  check_refused(live, get("/a%00"), 400);
  check_refused(live, get("/", "X: " + std::string(9000, 'x') + "\r\n"), 431);
  check_refused(live, "\x16\x03\x01\x02\r\n\r\n", 400);
  check_refused(live, "POST /api/echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\n\r\n",
                403);
  check_refused(live, "POST /api/echo HTTP/1.1\r\nHost: localhost\r\n\r\n", 403);
  CHECK(live.handler.handled == 0);
}

TEST_CASE("pipelined requests are answered in their order") {
  LiveServer live;
  RawClient client(live.address());
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += get("/api/echo?" + std::to_string(i));
  client.send(requests);
  for (int i = 0; i < 20; ++i) {
    CHECK_THAT(client.read_answer().body, Contains("?" + std::to_string(i) + "\n"));
  }
}

TEST_CASE("after 64 pipelined requests the connection ends") {
  LiveServer live;
  RawClient client(live.address());
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += get("/api/echo");
  client.send(requests);
  for (int i = 1; i < 64; ++i) {
    CHECK_THAT(client.read_answer().head, Contains("Connection: keep-alive"));
  }
  CHECK_THAT(client.read_answer().head, Contains("Connection: close"));
  CHECK(client.at_end());
  CHECK(live.handler.handled == 64);
}

TEST_CASE("one after the other, a connection serves more than 64 requests") {
  LiveServer live;
  RawClient client(live.address());
  for (int i = 0; i < 100; ++i) {
    client.send(get("/api/echo"));
    REQUIRE(client.read_answer().status == 200);
  }
}

TEST_CASE("who is slow or silent is let go") {
  HttpOptions options = on_loopback();
  options.head_deadline = milliseconds(100);
  options.body_deadline = milliseconds(100);
  options.idle_deadline = milliseconds(100);
  options.linger = milliseconds(100);
  LiveServer live(options);
  RawClient silent(live.address());
  RawClient slow_head(live.address());
  slow_head.send("GET / HTTP/1.1\r\nHost: loc");
  RawClient slow_body(live.address());
  slow_body.send(
      "POST /api/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n"
      "Content-Length: 5\r\n\r\nhel");
  RawClient idle(live.address());
  idle.send(get("/api/echo"));
  CHECK(idle.read_answer().status == 200);
  CHECK(idle.at_end());
  CHECK(slow_head.read_answer().status == 408);
  CHECK(slow_head.at_end());
  CHECK(slow_body.read_answer().status == 408);
  CHECK(slow_body.at_end());
  CHECK(silent.read_answer().status == 408);
  CHECK(silent.at_end());
}

TEST_CASE("a client that waits for 100 Continue gets it") {
  LiveServer live;
  RawClient client(live.address());
  client.send(
      "POST /api/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n"
      "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  CHECK_THAT(client.read_answer().body, Contains("body=hello\n"));
}

TEST_CASE("HEAD, compression and big answers") {
  LiveServer live;
  RawClient client(live.address());
  client.send("HEAD /api/big HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const RawAnswer head = client.read_answer(true);
  CHECK_THAT(head.head, Contains("Content-Length: 100000\r\n"));
  client.send(get("/api/big", "Accept-Encoding: gzip\r\n"));
  const RawAnswer packed = client.read_answer();
  CHECK_THAT(packed.head, Contains("Content-Encoding: gzip\r\n"));
  CHECK(packed.body.size() < 1000);
  client.send(get("/api/big"));
  CHECK(client.read_answer().body == std::string(100'000, 'b'));
  client.send(get("/api/huge", "Accept-Encoding: gzip\r\n"));
  CHECK(client.read_answer().body == std::string(3'000'000, 'h'));
  client.send(get("/api/echo", "Connection: close\r\n"));
  CHECK(client.read_answer().status == 200);
  CHECK(client.at_end());
}

TEST_CASE("the page is served beside the handler") {
  const test::TempDir page;
  page.write("index.html", "<html>");
  page.write("assets/a.js", "1");
  HttpOptions options = on_loopback();
  options.web_root = page.path();
  LiveServer live(options);
  RawClient client(live.address());
  client.send(get("/") + get("/hosts/x") + get("/assets/a.js") + get("/assets/b.js") +
              get("/api/echo"));
  CHECK(client.read_answer().body == "<html>");
  CHECK(client.read_answer().body == "<html>");
  CHECK_THAT(client.read_answer().head, Contains("Content-Type: text/javascript"));
  CHECK(client.read_answer().status == 404);
  CHECK_THAT(client.read_answer().body, Contains("GET /api/echo"));
}

TEST_CASE("a failing handler is a 500 and the connection goes on") {
  LiveServer live;
  RawClient client(live.address());
  client.send(get("/api/throw") + get("/api/echo"));
  const RawAnswer failed = client.read_answer();
  CHECK(failed.status == 500);
  CHECK_THAT(failed.body, !Contains("on purpose"));
  CHECK(client.read_answer().status == 200);
}

TEST_CASE("when workers and queue are full, more is refused at once") {
  HttpOptions options = on_loopback();
  options.worker_threads = 1;
  options.most_queued_requests = 1;
  LiveServer live(options);
  RawClient first(live.address());
  first.send(get("/api/wait"));
  while (live.handler.handled == 0) std::this_thread::yield();
  RawClient second(live.address());
  second.send(get("/api/wait"));
  // The second one waits in the queue or is still on its way there; one of the next two is too
  // many.
  RawClient third(live.address());
  third.send(get("/api/wait"));
  RawClient fourth(live.address());
  fourth.send(get("/api/wait"));
  const auto refused = [&] { return live.metric("volta_http_requests_total", "503"); };
  while (refused() < 2) std::this_thread::yield();
  live.handler.release();
  int answered = 0;
  for (RawClient* client : {&second, &third, &fourth}) {
    const RawAnswer answer = client->read_answer();
    answered += answer.status == 200 ? 1 : 0;
    if (answer.status == 503) CHECK_THAT(answer.head, Contains("Retry-After: 1\r\n"));
    if (answer.status == 503) CHECK_THAT(answer.head, Contains("Connection: keep-alive\r\n"));
  }
  CHECK(answered == 1);
  CHECK(first.read_answer().status == 200);
}

TEST_CASE("some paths take larger bodies than others") {
  HttpOptions options = on_loopback();
  options.most_body_bytes = 1000;
  options.most_bodies_bytes = 8000;
  options.body_limits = {{"/api/echo", 6000}, {"/api/small", 10}};
  LiveServer live(options);
  const auto check = [&](const std::string& path, std::size_t bytes, int status) {
    RawClient client(live.address());
    client.send("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n" +
                "Content-Length: " + std::to_string(bytes) + "\r\n\r\n" + std::string(bytes, 'x'));
    const RawAnswer answer = client.read_answer();
    INFO(path << ' ' << bytes);
    CHECK(answer.status == status);
    if (status == 200) CHECK_THAT(answer.body, Contains("body=" + std::string(bytes, 'x') + "\n"));
  };
  check("/api/echo", 1001, 200);
  check("/api/echo", 6000, 200);
  check("/api/echo", 6001, 413);
  check("/api/other", 1000, 404);
  check("/api/other", 1001, 413);
  check("/api/small", 10, 404);
  check("/api/small", 11, 413);
  // Large bodies that are still on their way leave room to small ones: 6000 of 8000 for them.
  RawClient slow(live.address());
  slow.send(
      "POST /api/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n"
      "Content-Length: 6000\r\nExpect: 100-continue\r\n\r\n");
  CHECK_THAT(slow.read_until("\r\n\r\n"), Contains("100 Continue"));
  check("/api/echo", 1001, 503);
  check("/api/echo", 1000, 200);
}

// True once `holds` does, within a deadline that only a failure sees.
template <typename Condition>
bool in_time(const Condition& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

std::string post_head(std::size_t bytes, std::string_view headers = {},
                      std::string_view key = "x") {
  return "POST /api/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + std::string(key) +
         "\r\nContent-Length: " + std::to_string(bytes) + "\r\n" + std::string(headers) + "\r\n";
}

TEST_CASE("a promised body takes no memory from others before it comes") {
  HttpOptions options = on_loopback();
  options.most_body_bytes = 100'000;
  options.most_bodies_bytes = 250'000;
  LiveServer live(options);
  std::vector<RawClient> silent;
  for (int i = 0; i < 4; ++i) {
    silent.emplace_back(live.address());
    silent.back().send(post_head(100'000, "Expect: 100-continue\r\n"));
    CHECK_THAT(silent.back().read_until("\r\n\r\n"), Contains("100 Continue"));
  }
  RawClient client(live.address());
  client.send(post_head(100'000) + std::string(100'000, 'x'));
  CHECK(client.read_answer().status == 200);
  // What has come counts.
  silent[0].send(std::string(90'000, 'x'));
  silent[1].send(std::string(90'000, 'x'));
  CHECK(in_time([&] {
    RawClient other(live.address());
    other.send(post_head(100'000) + std::string(100'000, 'x'));
    return other.read_answer().status == 503;
  }));
  silent[0].send(std::string(10'000, 'x'));
  CHECK(silent[0].read_answer().status == 200);
}

TEST_CASE("who may not send a long body is told before he does") {
  HttpOptions options = on_loopback();
  options.most_body_bytes = 1000;
  options.most_bodies_bytes = 80'000;
  options.body_limits = {{"/api/echo", 60'000}};
  LiveServer live(options);
  RawClient unknown(live.address());
  unknown.send(post_head(60'000, {}, "nobody"));
  const RawAnswer refused = unknown.read_answer();
  CHECK(refused.status == 401);
  CHECK_THAT(refused.head, Contains("Connection: close\r\n"));
  CHECK(live.handler.handled == 0);
  RawClient known(live.address());
  known.send(post_head(60'000) + std::string(60'000, 'x'));
  CHECK(known.read_answer().status == 200);
  RawClient small(live.address());
  small.send(post_head(1000, {}, "nobody") + std::string(1000, 'x'));
  CHECK(small.read_answer().status == 200);
}

TEST_CASE("large answers on their way are bounded together") {
  HttpOptions options = on_loopback();
  options.answers.most_bytes = 1'000'000;
  LiveServer live(options);
  auto slow = std::make_unique<RawClient>(live.address(), 4096);
  slow->send(get("/api/vast"));  // alone it may be larger
  CHECK(in_time([&] { return live.metric("volta_http_requests_total", "200") == 1; }));
  RawClient second(live.address());
  second.send(get("/api/huge"));
  const RawAnswer refused = second.read_answer();
  CHECK(refused.status == 503);
  CHECK_THAT(refused.head, Contains("Retry-After: 1\r\n"));
  second.send(get("/api/echo"));
  CHECK(second.read_answer().status == 200);
  slow.reset();
  CHECK(in_time([&] {
    second.send(get("/api/huge"));
    return second.read_answer().status == 200;
  }));
}

TEST_CASE("an answer that is read slowly gives way to others where there is no room for both") {
  HttpOptions options = on_loopback();
  options.answers = {1'000'000, milliseconds(50), milliseconds(20)};
  LiveServer live(options);
  RawClient slow(live.address(), 4096);
  slow.send(get("/api/vast"));
  CHECK(in_time([&] { return live.metric("volta_http_requests_total", "200") == 1; }));
  RawClient other(live.address());
  CHECK(in_time([&] {
    other.send(get("/api/huge"));
    return other.read_answer().status == 200;
  }));
  CHECK(in_time([&] { return live.metric("volta_http_clients", "http") == 1; }));
}

TEST_CASE("a request knows when its client has gone, or the server stops") {
  LiveServer live;
  {
    RawClient client(live.address());
    client.send(get("/api/until-cancelled"));
    while (live.handler.handled == 0) std::this_thread::yield();
    CHECK(live.handler.cancelled == 0);
  }
  CHECK(in_time([&] { return live.handler.cancelled == 1; }));
  // The next request ahead of its time is no end of anything.
  RawClient eager(live.address());
  eager.send(get("/api/wait") + get("/api/echo"));
  while (live.handler.handled < 2) std::this_thread::yield();
  live.handler.release();
  CHECK(eager.read_answer().status == 200);
  CHECK(eager.read_answer().status == 200);
  RawClient patient(live.address());
  patient.send(get("/api/until-cancelled"));
  while (live.handler.handled < 4) std::this_thread::yield();
  live.server.stop();
  CHECK(live.handler.cancelled == 2);
  CHECK(patient.read_answer().status == 503);
}

TEST_CASE("an answer that is not taken as a whole in time ends its connection") {
  HttpOptions options = on_loopback();
  options.write_deadline = std::chrono::hours(1);
  options.answer_deadline = milliseconds(100);
  LiveServer live(options);
  RawClient client(live.address(), 4096);
  client.send(get("/api/vast"));
  CHECK(in_time([&] { return live.metric("volta_http_requests_total", "200") == 1; }));
  CHECK(in_time([&] { return live.metric("volta_http_clients", "http") == 0; }));
}

TEST_CASE("connections are capped") {
  HttpOptions options = on_loopback();
  options.most_connections = 2;
  LiveServer live(options);
  RawClient first(live.address());
  RawClient second(live.address());
  for (RawClient* client : {&first, &second}) {
    client->send(get("/api/echo"));
    CHECK(client->read_answer().status == 200);
  }
  RawClient third(live.address());
  CHECK(third.read_answer().status == 503);
  CHECK(third.at_end());
}

TEST_CASE("the admin socket is for its owner, whatever the Host") {
  const test::TempDir folder;
  const auto path = folder.path() / "volta.sock";
  HttpOptions options = on_loopback();
  options.unix_socket = path;
  {
    LiveServer live(options);
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
    RawClient client(path);
    client.send("POST /api/echo HTTP/1.1\r\nHost: volta\r\n\r\n");
    CHECK_THAT(client.read_answer().body, Contains("peer=unix unix\n"));
    CHECK(live.metric("volta_http_clients", "admin") == 1);
    FakeHandler other;
    CHECK_THROWS_AS(HttpServer(options, other), ListenFailure);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("root leaves the admin socket to the owner of the directory") {
  if (test::skipped_if(!test::is_root(), "only root can give a socket away")) return;
  const test::TempDir folder;
  const auto path = folder.path() / "volta.sock";
  const UniqueFd socket = listen_unix(path, 65534);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_uid == 65534);
  CHECK((status.st_mode & 0777U) == 0600);
}

TEST_CASE("another user is refused on the admin socket") {
  if (test::skipped_if(!test::is_root(), "only root can become another user")) return;
  const test::TempDir folder;
  HttpOptions options;
  options.unix_socket = folder.path() / "volta.sock";
  LiveServer live(options);
  ::chmod(folder.path().c_str(), 0755);
  ::chmod(options.unix_socket.c_str(), 0666);
  bool ended = false;
  std::thread stranger([&] {
    // The bare system call changes this thread only.
    REQUIRE(::syscall(SYS_setresuid, -1, 65534, -1) == 0);
    RawClient client(options.unix_socket);
    ended = client.at_end();
  });
  stranger.join();
  CHECK(ended);
}

TEST_CASE("a stale socket is replaced, a file that is no socket is not") {
  const test::TempDir folder;
  const auto path = folder.path() / "volta.sock";
  listen_unix(path, ::geteuid()).reset();
  REQUIRE(std::filesystem::exists(path));
  CHECK(listen_unix(path, ::geteuid()));
  std::filesystem::remove(path);
  folder.write("volta.sock", "precious");
  CHECK_THROWS_AS(listen_unix(path, ::geteuid()), ListenFailure);
  CHECK(std::filesystem::file_size(path) == 8);
  CHECK_THROWS_AS(listen_unix(folder.path() / std::string(200, 'x'), ::geteuid()), ListenFailure);
}

TEST_CASE("a busy port and a wrong address are named") {
  LiveServer live;
  HttpOptions options;
  options.listen = {live.address()};
  FakeHandler other;
  try {
    HttpServer second(options, other);
    FAIL("bound twice");
  } catch (const ListenFailure& failure) {
    CHECK(failure.busy());
    CHECK(failure.address() == live.address());
    CHECK_THAT(failure.what(), Contains(live.address() + " is in use"));
  }
  for (const char* wrong : {"", "8420", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000",
                            "volta.example:1", "::1:8420", "[127.0.0.1]:1", "127.0.0.1:-1"}) {
    INFO(wrong);
    CHECK_THROWS_AS(listen_tcp(wrong), ListenFailure);
  }
}

TEST_CASE("a stop answers what is being handled and ends the rest") {
  LiveServer live;
  RawClient idle(live.address());
  idle.send(get("/api/echo"));
  CHECK(idle.read_answer().status == 200);
  RawClient busy(live.address());
  busy.send(get("/api/wait"));
  while (live.handler.handled < 2) std::this_thread::yield();
  std::thread stopper([&] { live.server.stop(); });
  CHECK(idle.at_end());
  live.handler.release();
  CHECK(busy.read_answer().status == 200);
  CHECK(busy.at_end());
  stopper.join();
  CHECK_THROWS(RawClient(live.address()));
}

TEST_CASE("several loop threads serve many clients") {
  HttpOptions options = on_loopback();
  options.io_threads = 3;
  options.worker_threads = 3;
  LiveServer live(options);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      RawClient client(live.address());
      for (int i = 0; i < 50; ++i) {
        client.send(get("/api/echo") + get("/api/nothing"));
        if (client.read_answer().status == 200 && client.read_answer().status == 404) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 400);
}

}  // namespace
}  // namespace volta
