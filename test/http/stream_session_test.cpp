#include "http/stream_session.hpp"

#include <thread>

#include <catch2/catch.hpp>

#include "fake_handler.hpp"
#include "http/server.hpp"
#include "raw_client.hpp"
#include "shared.hpp"
#include "support/self.hpp"

namespace volta {
namespace {

using Catch::Contains;
using std::chrono::milliseconds;
using test::FakeHandler;
using test::Frame;
using test::on_loopback;
using test::RawAnswer;
using test::RawClient;
using test::text;

constexpr int kText = 1;
constexpr int kBinary = 2;
constexpr int kClose = 8;
constexpr int kPing = 9;
constexpr int kPong = 10;

struct StreamServer {
  explicit StreamServer(HttpOptions options = on_loopback()) : server(std::move(options), handler) {
    server.start();
  }
  [[nodiscard]] const std::string& address() const { return server.addresses().front(); }
  FakeHandler handler;
  HttpServer server;
};

std::string payload_of(const std::optional<Frame>& frame) {
  return frame ? frame->payload : "(the connection ended)";
}

TEST_CASE("an upgrade is granted with our subprotocol, messages go both ways") {
  HttpOptions options = on_loopback();
  options.close_grace = milliseconds(50);  // this client says goodbye but never closes
  StreamServer live(options);
  RawClient client(live.address());
  const RawAnswer answer = client.upgrade(
      "/api/ws", "Sec-WebSocket-Protocol: other, volta.v1.json\r\nOrigin: http://localhost\r\n");
  CHECK(answer.status == 101);
  CHECK_THAT(answer.head, Contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  CHECK_THAT(answer.head, Contains("Sec-WebSocket-Protocol: volta.v1.json\r\n"));
  CHECK_THAT(answer.head, !Contains("Boost"));
  client.send_frame(kText, "hello");
  CHECK(payload_of(client.read_frame()) == "echo:hello");
  client.send_frame(kText, "in two ", false);
  client.send_frame(0, "pieces");
  CHECK(payload_of(client.read_frame()) == "echo:in two pieces");
  live.handler.sender()->send("", text(std::string(100'000, 'x')));
  const auto big = client.read_frame();
  REQUIRE(big);
  CHECK(big->fin);
  CHECK(big->payload.size() == 100'000);
  client.send_frame(kPing, "p");
  CHECK(client.read_frame()->opcode == kPong);
  client.send_frame(kClose, std::string("\x03\xe8", 2));
  CHECK(client.read_close_code() == 1000);
  CHECK(client.at_end());
  CHECK(live.handler.wait_for_open(0));
}

void check_upgrade_refused(const StreamServer& live, std::string_view request, int status) {
  INFO(request);
  RawClient client(live.address());
  client.send(std::string(request) + "\r\n");
  CHECK(client.read_answer().status == status);
}

TEST_CASE("what is no proper upgrade is answered, not upgraded") {
  StreamServer live;
  const std::string start = "GET /api/ws HTTP/1.1\r\nHost: localhost\r\n";
  const std::string upgrade = start + "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  check_upgrade_refused(live, start, 426);
  check_upgrade_refused(live, upgrade + key, 426);
  check_upgrade_refused(live, upgrade + key + "Sec-WebSocket-Version: 8\r\n", 426);
  check_upgrade_refused(live, upgrade + version, 400);
  check_upgrade_refused(live, upgrade + version + "Sec-WebSocket-Key: short\r\n", 400);
  check_upgrade_refused(live, upgrade + version + key + "Sec-WebSocket-Protocol: mqtt\r\n", 400);
  check_upgrade_refused(live, upgrade + version + key + "Origin: http://evil.example\r\n", 403);
  check_upgrade_refused(live, upgrade + version + key + "Content-Length: 1\r\n\r\nx", 400);
  check_upgrade_refused(live, upgrade + version + key + "\r\n\x81\x80zzzz", 400);
  CHECK(live.handler.open == 0);
  RawClient refused(live.address());
  CHECK(refused.upgrade("/api/ws?refuse").status == 401);
  RawClient plain(live.address());
  CHECK(plain.upgrade("/api/echo").status == 200);
}

TEST_CASE("a message that is too big, no text or one too many ends the socket") {
  StreamServer live;
  RawClient big(live.address());
  big.upgrade("/api/ws");
  big.send_frame(kText, std::string(64 << 10, 'x'));
  CHECK(big.read_frame()->payload.size() == (64 << 10) + 5);
  big.send_frame(kText, std::string((64 << 10) + 1, 'x'));
  CHECK(big.read_close_code() == 1009);
  RawClient binary(live.address());
  binary.upgrade("/api/ws");
  binary.send_frame(kBinary, "x");
  CHECK(binary.read_close_code() == 1003);
  RawClient broken(live.address());
  broken.upgrade("/api/ws");
  broken.send_frame(kText, "\xff");
  CHECK(broken.read_close_code() == 1007);
  RawClient throwing(live.address());
  throwing.upgrade("/api/ws");
  throwing.send_frame(kText, "throw");
  CHECK(throwing.read_close_code() == 1011);
  HttpOptions options = on_loopback();
  options.most_messages_per_second = 5;
  StreamServer strict(options);
  RawClient loud(strict.address());
  loud.upgrade("/api/ws");
  for (int i = 0; i < 20; ++i) loud.send_frame(kText, "x");
  CHECK(loud.read_close_code() == 1008);
}

TEST_CASE("api/ closes with its own code after what it has sent") {
  StreamServer live;
  RawClient client(live.address());
  client.upgrade("/api/ws");
  const auto sender = live.handler.sender();
  sender->send("", text("why"));
  sender->close(4401, "login needed");
  CHECK(payload_of(client.read_frame()) == "why");
  const auto frame = client.read_frame();
  REQUIRE(frame);
  CHECK(frame->close_code() == 4401);
  CHECK(frame->payload.substr(2) == "login needed");
  client.send_frame(kClose, frame->payload.substr(0, 2));
  CHECK(client.at_end());
  sender->send("", text("nobody hears this"));
}

TEST_CASE("who answers pings stays, who does not is let go") {
  HttpOptions options = on_loopback();
  options.ping_period = milliseconds(50);
  StreamServer live(options);
  RawClient good(live.address());
  good.upgrade("/api/ws");
  for (int i = 0; i < 6; ++i) {
    const auto ping = good.read_frame();
    REQUIRE(ping);
    CHECK(ping->opcode == kPing);
    good.send_frame(kPong, ping->payload);
  }
  RawClient silent(live.address());
  silent.upgrade("/api/ws");
  int pings = 0;
  while (const auto frame = silent.read_frame()) pings += frame->opcode == kPing ? 1 : 0;
  CHECK(pings == 2);
}

TEST_CASE("a stop closes streams with 1001") {
  StreamServer live;
  RawClient socket(live.address());
  socket.upgrade("/api/ws");
  RawClient events(live.address());
  events.send("GET /api/sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(events.read_answer().status == 200);
  std::thread stopper([&] { live.server.stop(); });
  CHECK(socket.read_close_code() == 1001);
  socket.send_frame(kClose, std::string("\x03\xe9", 2));
  CHECK_THAT(events.read_until("\n\nnever"), Contains(R"({"code":1001,"reason":"shutting down"})"));
  stopper.join();
  CHECK(live.handler.wait_for_open(0));
}

HttpOptions impatient() {
  HttpOptions options = on_loopback();
  options.blocked_limit = milliseconds(300);
  options.close_grace = milliseconds(10'000);
  return options;
}

TEST_CASE("a reader that stands still is closed with 1013 and told so when it reads again") {
  StreamServer live(impatient());
  RawClient client(live.address(), 4096);
  client.upgrade("/api/ws");
  const auto sender = live.handler.sender();
  for (int i = 0; i < 8; ++i) sender->send("", text(std::string(900'000, 'x')));
  CHECK(client.read_close_code() == 1013);
}

TEST_CASE("a blocked write closes with 1013 even if little is queued") {
  StreamServer live(impatient());
  RawClient client(live.address(), 4096);
  client.upgrade("/api/ws");
  const auto sender = live.handler.sender();
  const auto dropped = live.server.self_metrics();
  // One message larger than all buffers in between: its write stands until somebody reads.
  sender->send("", text(std::string(8'000'000, 'x')));
  sender->send("k", text("waits"));
  const auto count = [&] {
    std::vector<MetricFamily> families;
    dropped->append_to(families);
    return families.back().samples.front().value;
  };
  while (count() < 1) std::this_thread::yield();
  CHECK(client.read_frame()->payload.size() == 8'000'000);
  const auto next = client.read_frame();
  REQUIRE(next);
  CHECK(next->close_code() == 1013);
}

TEST_CASE("who never reads again is cut off after the grace period") {
  HttpOptions options = impatient();
  options.blocked_limit = milliseconds(50);
  options.close_grace = milliseconds(50);
  StreamServer live(options);
  RawClient client(live.address(), 4096);
  client.upgrade("/api/ws");
  live.handler.sender()->send("", text(std::string(8'000'000, 'x')));
  CHECK(live.handler.wait_for_open(0));
}

TEST_CASE("a slow reader gets the latest of each key") {
  HttpOptions options = impatient();
  options.blocked_limit = milliseconds(20'000);
  StreamServer live(options);
  RawClient client(live.address(), 4096);
  client.upgrade("/api/ws");
  const auto sender = live.handler.sender();
  sender->send("", text(std::string(8'000'000, 'x')));
  for (int i = 0; i < 1000; ++i) {
    for (const char* key : {"a", "b"}) sender->send(key, text(key + std::to_string(i)));
  }
  sender->close(1000, "done");
  CHECK(client.read_frame()->payload.size() == 8'000'000);
  std::vector<std::string> got;
  while (const auto frame = client.read_frame()) {
    if (frame->opcode == kClose) break;
    got.push_back(frame->payload);
  }
  // One of them may have been taken before the first write was known to block.
  REQUIRE(got.size() >= 2);
  CHECK(got.size() <= 4);
  CHECK(got[got.size() - 2] == "a999");
  CHECK(got.back() == "b999");
}

TEST_CASE("200 clients that stand still cost no memory and slow nobody down") {
  HttpOptions options = on_loopback();
  options.blocked_limit = milliseconds(20'000);
  StreamServer live(options);
  std::vector<std::unique_ptr<RawClient>> stalled;
  std::vector<std::shared_ptr<StreamSender>> senders;
  for (std::size_t i = 0; i < 200; ++i) {
    stalled.push_back(std::make_unique<RawClient>(live.address(), 4096));
    REQUIRE(stalled.back()->upgrade("/api/ws").status == 101);
    senders.push_back(live.handler.sender(i));
  }
  RawClient reader(live.address());
  reader.upgrade("/api/ws");
  const auto sender = live.handler.sender(200);
  const std::size_t before = test::resident_bytes();
  for (int round = 0; round < 100; ++round) {
    const auto message = text(std::string(50'000, 'm'));
    for (const auto& each : senders) each->send("data", message);
    sender->send("data", message);
    REQUIRE(reader.read_frame()->payload.size() == 50'000);
  }
  // 100 rounds to 200 clients were 1 GB; a client holds two messages that others hold too.
  const std::size_t after = test::resident_bytes();
  CHECK(after - std::min(before, after) < (64U << 20U));
}

TEST_CASE("server-sent events carry numbered messages") {
  HttpOptions options = on_loopback();
  options.heartbeat_period = milliseconds(50);
  StreamServer live(options);
  RawClient client(live.address());
  client.send("GET /api/sse HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n\r\n");
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 200);
  for (const char* line :
       {"Content-Type: text/event-stream\r\n", "Cache-Control: no-store\r\n",
        "X-Accel-Buffering: no\r\n", "Connection: close\r\n", "X-Content-Type-Options: nosniff"}) {
    CHECK_THAT(answer.head, Contains(line));
  }
  CHECK(client.read_until("\n\n") == "retry: 3000\n\n");
  CHECK(client.read_until("\n\n") == ": still here\n\n");
  const auto sender = live.handler.sender();
  sender->send("", text("{\"a\":1}"));
  CHECK_THAT(client.read_until("data: {\"a\":1}\n\n"), Contains("id: 1\ndata: {\"a\":1}\n\n"));
  sender->send("", text("two\nlines"));
  CHECK_THAT(client.read_until("lines\n\n"), Contains("id: 2\ndata: two\ndata: lines\n\n"));
  sender->close(1008, "not any more");
  CHECK_THAT(client.read_until("\n\nnever"),
             Contains("event: close\ndata: {\"code\":1008,\"reason\":\"not any more\"}\n\n"));
  CHECK(client.at_end());
  CHECK(live.handler.wait_for_open(0));
}

TEST_CASE("an event stream that its client leaves is over") {
  StreamServer live;
  {
    RawClient client(live.address());
    client.send("GET /api/sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(client.read_answer().status == 200);
    CHECK(live.handler.open == 1);
  }
  CHECK(live.handler.wait_for_open(0));
  RawClient foreign(live.address());
  foreign.send("GET /api/sse HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n");
  CHECK(foreign.read_answer().status == 403);
  RawClient refused(live.address());
  refused.send("GET /api/sse?refuse HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(refused.read_answer().status == 401);
}

TEST_CASE("a sender outlives its server") {
  std::shared_ptr<StreamSender> sender;
  FakeHandler handler;
  {
    HttpServer server(on_loopback(), handler);
    server.start();
    RawClient client(server.addresses().front());
    client.upgrade("/api/ws");
    sender = handler.sender();
  }
  sender->send("", text("nobody is there"));
  sender->close(1000, "");
  CHECK(handler.open == 0);
}

}  // namespace
}  // namespace volta
