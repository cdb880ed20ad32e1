// Peers that are broken, hostile or something else altogether, on both ends.
#include <functional>
#include <random>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>

#include "rpc/address.hpp"
#include "rpc/client.hpp"
#include "rpc/fake_sink.hpp"
#include "rpc/packing.hpp"
#include "rpc/preface.hpp"
#include "rpc/raw_socket.hpp"
#include "rpc/server.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;
using test::FakeSink;
using test::RawSocket;

template <typename Container>
std::string text_of(const Container& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const std::string kOurPreface = text_of(rpc::agent_preface());
const std::string kGoodAnswer = text_of(rpc::server_preface(rpc::PrefaceStatus::ok));

std::string packed(std::string plain) {
  plain.resize((plain.size() + 7) / 8 * 8);
  Bytes out;
  rpc::pack(std::as_bytes(std::span(plain)), out);
  return text_of(out);
}

// A server, and afterwards the proof that it still serves.
class ServerUnderFire {
 public:
  explicit ServerUnderFire(std::chrono::milliseconds deadline = 10s)
      : server_(options(deadline), sink_) {}
  ~ServerUnderFire() {
    RpcAgentLink link({"127.0.0.1", server_.port(), false, 10s});
    CHECK(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  }
  [[nodiscard]] RawSocket connect() const { return RawSocket::connect(server_.port()); }
  [[nodiscard]] RpcServerCounters counters() const { return server_.counters(); }

 private:
  static RpcServerOptions options(std::chrono::milliseconds deadline) {
    RpcServerOptions options;
    options.port = 0;
    options.handshake_deadline = deadline;
    return options;
  }
  FakeSink sink_;
  RpcServer server_;
};

TEST_CASE("a browser on the port for agents gets a sentence") {
  const ServerUnderFire server;
  const RawSocket browser = server.connect();
  REQUIRE(browser.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  browser.end_writing();
  const std::string answer = browser.read_all();
  CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 400 ") && Catch::Contains("port for agents"));
  CHECK(server.counters().strangers == 1);
}

TEST_CASE("other strangers get nothing") {
  const ServerUnderFire server;
  for (const std::string& bytes :
       {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", 10),
        std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string(64, '\xff')}) {
    const RawSocket stranger = server.connect();
    REQUIRE(stranger.send(bytes));
    stranger.end_writing();
    CHECK(stranger.read_all().empty());
  }
  CHECK(server.counters().strangers == 3);
}

TEST_CASE("an agent of another version is told the server's") {
  const ServerUnderFire server;
  const RawSocket agent = server.connect();
  REQUIRE(agent.send(text_of(rpc::agent_preface(7))));
  CHECK(agent.read_exactly(8) == text_of(rpc::server_preface(rpc::PrefaceStatus::wrong_version)));
  agent.end_writing();
  CHECK(agent.read_all().empty());
  CHECK(server.counters().refused_connections == 1);
}

TEST_CASE("hostile bytes after a right preface end that connection only") {
  std::string huge("\0\0\0\0\xff\xff\xff\x7f", 8);
  std::string large("\0\0\0\0\x00\x40\x00\x00", 8);  // 128 KiB, before any welcome
  std::string many("\x3f\0\0\0\x01\0\0\0", 8);
  for (const std::string& bytes :
       {std::string(64, '\xff'), packed(std::string(8, '\xff')), packed(huge), packed(large),
        packed(many), packed(std::string("\0\0\0\0\x01\0\0\0", 8)) + std::string("\x00\x05", 2),
        packed(std::string("\0\0\0\0\x01\0\0\0ABCDEFGH", 16))}) {
    const ServerUnderFire server;
    const RawSocket agent = server.connect();
    REQUIRE(agent.send(kOurPreface + bytes));
    CHECK(agent.read_exactly(8) == kGoodAnswer);
    agent.end_writing();
    (void)agent.read_all();
  }
}

TEST_CASE("declared sizes beyond the limit are refused although no more bytes come") {
  const ServerUnderFire server;
  const RawSocket agent = server.connect();
  REQUIRE(agent.send(kOurPreface + packed(std::string("\0\0\0\0\xff\xff\xff\x7f", 8))));
  CHECK(agent.read_exactly(8) == kGoodAnswer);
  (void)agent.read_all();  // closed by the server, although this side is still open
  CHECK(server.counters().broken_streams == 1);
}

TEST_CASE("random bytes after a right preface") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const ServerUnderFire server;
  for (int round = 0; round < 40; ++round) {
    const RawSocket agent = server.connect();
    std::string bytes = kOurPreface;
    for (auto i = random() % 300; i > 0; --i) bytes += static_cast<char>(random());
    if (!agent.send(bytes)) continue;
    agent.end_writing();
    (void)agent.read_all();
  }
}

TEST_CASE("a peer that never comes to the point is dropped at the deadline") {
  const ServerUnderFire server(300ms);
  const RawSocket silent = server.connect();
  const RawSocket slow = server.connect();
  const RawSocket no_hello = server.connect();
  REQUIRE(slow.send("VOL"));
  REQUIRE(no_hello.send(kOurPreface));
  CHECK(silent.read_all().empty());
  CHECK(slow.read_all().empty());
  CHECK(no_hello.read_all() == kGoodAnswer);
  CHECK(server.counters().strangers == 3);
}

TEST_CASE("a hello of one byte at a time does not stretch the deadline") {
  const ServerUnderFire server(200ms);
  const RawSocket agent = server.connect();
  REQUIRE(agent.send(kOurPreface));
  const auto begin = std::chrono::steady_clock::now();
  // The deadline ends this, not the test: each byte goes as soon as the one before is away.
  while (agent.send("\x01") && std::chrono::steady_clock::now() - begin < 15s) {
    std::this_thread::yield();
  }
  CHECK(std::chrono::steady_clock::now() - begin < 15s);
}

// Answers one connection as `serve` does, and tells how open() saw it.
Refusal refusal_by(const std::function<void(const RawSocket&)>& serve,
                   std::chrono::milliseconds deadline = 10s) {
  const UniqueFd listener = rpc::listen_on("127.0.0.1", 0);
  const int flags_cleared = ::fcntl(listener.get(), F_SETFL, 0);
  REQUIRE(flags_cleared == 0);
  std::thread server([&] {
    const RawSocket agent(UniqueFd(::accept(listener.get(), nullptr, nullptr)));
    serve(agent);
  });
  RpcAgentLink link({"127.0.0.1", rpc::bound_port(listener.get()), false, deadline});
  auto answer = link.open(test::some_hello());
  server.join();
  REQUIRE(std::holds_alternative<Refusal>(answer));
  return std::get<Refusal>(std::move(answer));
}

TEST_CASE("a server that is none has its own sentence") {
  const auto check = [](const std::string& bytes, RefusalReason reason, const std::string& part) {
    const Refusal refusal = refusal_by([&](const RawSocket& agent) {
      (void)agent.read_exactly(8);
      (void)agent.send(bytes);
    });
    CHECK(refusal.reason == reason);
    CHECK_THAT(refusal.text, Catch::Contains(part));
  };
  check("HTTP/1.1 400 Bad Request\r\n\r\n", RefusalReason::unreachable, "web server");
  check("", RefusalReason::unreachable, "without a word");
  check("220 mail ready\r\n", RefusalReason::unreachable, "not a volta server");
  check(text_of(rpc::server_preface(rpc::PrefaceStatus::wrong_version, 9)),
        RefusalReason::wrong_version, "version 9");
  check(text_of(rpc::server_preface(rpc::PrefaceStatus::tls_required)), RefusalReason::plaintext,
        "TLS");
  check(text_of(rpc::server_preface(rpc::PrefaceStatus::too_busy)), RefusalReason::too_busy,
        "connections");
  check(kGoodAnswer + std::string(64, '\xff'), RefusalReason::unreachable, "64 segments");
  check(kGoodAnswer, RefusalReason::unreachable, "");
}

TEST_CASE("a silent server is given up at the deadline") {
  const auto hold_until_closed = [](const RawSocket& agent) { (void)agent.read_all(); };
  CHECK_THAT(refusal_by(hold_until_closed, 200ms).text, Catch::Contains("says nothing"));
  const auto only_preface = [](const RawSocket& agent) {
    (void)agent.send(kGoodAnswer);
    (void)agent.read_all();
  };
  CHECK_THAT(refusal_by(only_preface, 200ms).text, Catch::Contains("did not answer the hello"));
}

}  // namespace
}  // namespace volta
