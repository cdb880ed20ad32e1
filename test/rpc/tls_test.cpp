// Links through TLS, over real sockets: what is the same, who is turned away, and a wire that
// breaks anywhere.
#include "base/tls.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>
#include <poll.h>

#include "rpc/address.hpp"
#include "rpc/any_port.hpp"
#include "rpc/client.hpp"
#include "rpc/fake_sink.hpp"
#include "rpc/preface.hpp"
#include "rpc/raw_socket.hpp"
#include "rpc/server.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;
using test::FakeSink;
using test::RawSocket;

// A server with a key of its own.
struct EncryptedServer {
  explicit EncryptedServer(bool required = true, std::chrono::milliseconds deadline = 10s)
      : pair(make_tls_key_pair("volta")), server(options(pair, required, deadline), sink) {}

  static RpcServerOptions options(const TlsKeyPair& pair, bool required,
                                  std::chrono::milliseconds deadline) {
    RpcServerOptions options = test::any_port();
    options.tls = *tls_server_context(pair);
    options.require_tls = required;
    options.handshake_deadline = deadline;
    return options;
  }
  [[nodiscard]] RpcAgentLinkOptions to(std::uint16_t port) const {
    RpcAgentLinkOptions options{"127.0.0.1", port, false, 10s};
    options.tls = *tls_client_context({*pin_of(pair.chain_pem), ""});
    options.require_tls = true;
    return options;
  }
  [[nodiscard]] RpcAgentLinkOptions to() const { return to(server.port()); }

  const TlsKeyPair pair;
  FakeSink sink;
  RpcServer server;
};

RefusalReason reason_of(const std::variant<Welcome, Refusal>& answer) {
  REQUIRE(std::holds_alternative<Refusal>(answer));
  return std::get<Refusal>(answer).reason;
}

std::string text_of(const std::variant<Welcome, Refusal>& answer) {
  return std::holds_alternative<Refusal>(answer) ? std::get<Refusal>(answer).text : "";
}

// Passes bytes between one client and the server, and spoils them on the way.
class SpoilingProxy {
 public:
  // What becomes of the bytes [at, at + size) of what the client (true) or the server sends; false:
  // the connection is cut behind what is left of them.
  using Spoil = std::function<bool(bool from_client, std::size_t at, std::string& bytes)>;

  SpoilingProxy(std::uint16_t server, Spoil spoil)
      : server_(server),
        spoil_(std::move(spoil)),
        listener_(rpc::listen_on("127.0.0.1", 0)),
        thread_([this] { run(); }) {}
  ~SpoilingProxy() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return rpc::bound_port(listener_.get()); }

 private:
  void run() {
    while (!stop_) {
      pollfd waiting{listener_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (client) pass(client.get());
    }
  }

  void pass(int client) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
    std::size_t seen[2] = {0, 0};
    while (!stop_) {
      pollfd both[2] = {{client, POLLIN, 0}, {server.get(), POLLIN, 0}};
      ::poll(both, 2, 20);
      for (int side = 0; side < 2; ++side) {
        if ((both[side].revents & (POLLIN | POLLHUP)) == 0) continue;
        std::string bytes(16384, '\0');
        const ssize_t got = ::recv(both[side].fd, bytes.data(), bytes.size(), 0);
        if (got <= 0) return;
        bytes.resize(static_cast<std::size_t>(got));
        const bool open = spoil_(side == 0, seen[side], bytes);
        seen[side] += static_cast<std::size_t>(got);
        ::send(both[1 - side].fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (!open) return;
      }
    }
  }

  const std::uint16_t server_;
  const Spoil spoil_;
  const UniqueFd listener_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST_CASE("an encrypted link carries what a plain one does, the largest batch too") {
  EncryptedServer at;
  RpcAgentLink link(at.to());
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  CHECK_FALSE(at.sink.with([](FakeSink::Seen& seen) { return seen.control->plaintext(); }));
  const std::vector<SeriesDef> series = {test::some_series("idle"), test::some_series("user")};
  link.define(series);
  link.push(test::some_batch(1, 100));
  link.push(test::some_batch(2, kLargestBatchBytes));
  for (std::uint64_t seq = 1; seq <= 2; ++seq) {
    const auto event = link.wait(20s);
    REQUIRE((event && std::holds_alternative<Acknowledged>(*event)));
    CHECK(std::get<Acknowledged>(*event).durable_seq == seq);
  }
  at.sink.with([&](FakeSink::Seen& seen) {
    CHECK(seen.series == series);
    CHECK(seen.batches.at(1).payload == test::some_batch(2, kLargestBatchBytes).payload);
    CHECK(seen.hellos.at(0).token == test::some_hello().token);
  });
  CHECK(link.bytes_sent() > kLargestBatchBytes);  // as on the wire, encryption included
  CHECK(at.server.counters().bytes_received == link.bytes_sent());
  link.close();
  CHECK(at.sink.wait_until([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
}

TEST_CASE("nothing of a hello can be read on the wire") {
  EncryptedServer at;
  std::string wire;
  SpoilingProxy proxy(at.server.port(), [&](bool, std::size_t, std::string& bytes) {
    wire += bytes;
    return true;
  });
  {
    RpcAgentLink link(at.to(proxy.port()));
    REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  }
  CHECK(at.sink.wait_until([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
  const Hello hello = test::some_hello();
  const std::string token(reinterpret_cast<const char*>(hello.token.data()), hello.token.size());
  CHECK(wire.find(token) == std::string::npos);
  CHECK(wire.find(hello.host_name) == std::string::npos);
  CHECK(wire.find("VOLTA") == std::string::npos);
  CHECK(wire.size() > 500);
}

TEST_CASE("each kind of stranger gets its own sentence") {
  EncryptedServer at;
  EncryptedServer other;
  SECTION("another key than the pinned one") {
    RpcAgentLinkOptions options = at.to();
    options.tls = *tls_client_context({*pin_of(other.pair.chain_pem), ""});
    RpcAgentLink link(options);
    const auto answer = link.open(test::some_hello());
    CHECK(reason_of(answer) == RefusalReason::distrusted);
    CHECK_THAT(text_of(answer), Catch::Contains("not the one that is pinned"));
  }
  SECTION("plaintext where TLS is wanted") {
    RpcAgentLink link({"127.0.0.1", at.server.port(), false, 10s});
    const auto answer = link.open(test::some_hello());
    CHECK(reason_of(answer) == RefusalReason::plaintext);
    CHECK_THAT(text_of(answer), Catch::Contains("over TLS only"));
  }
  SECTION("TLS where there is none") {
    FakeSink sink;
    RpcServer plain(test::any_port(), sink);
    RpcAgentLink link(at.to(plain.port()));
    const auto answer = link.open(test::some_hello());
    CHECK(reason_of(answer) == RefusalReason::unreachable);
    CHECK_THAT(text_of(answer), Catch::Contains("closed the connection within the TLS handshake"));
    CHECK(plain.counters().strangers == 1);
  }
  at.sink.with([](FakeSink::Seen& seen) { CHECK(seen.hellos.empty()); });
}

TEST_CASE("plaintext on loopback goes on beside TLS where nobody wants it away") {
  EncryptedServer at(false);
  RpcAgentLink plain({"127.0.0.1", at.server.port(), false, 10s});
  CHECK(std::holds_alternative<Welcome>(plain.open(test::some_hello())));
  plain.close();
  RpcAgentLink link(at.to());
  CHECK(std::holds_alternative<Welcome>(link.open(test::some_hello())));
}

TEST_CASE("a handshake that stalls ends with its deadline, on both sides") {
  EncryptedServer at(true, 300ms);
  const RawSocket silent = RawSocket::connect(at.server.port());
  REQUIRE(silent.send(std::string("\x16\x03\x01\x02\x00\x01", 6)));
  CHECK(silent.read_all().empty());
  CHECK(at.server.counters().strangers == 1);

  SpoilingProxy deaf(at.server.port(), [](bool from_client, std::size_t, std::string& bytes) {
    if (from_client) bytes.clear();
    return true;
  });
  RpcAgentLinkOptions options = at.to(deaf.port());
  options.handshake_deadline = 300ms;
  RpcAgentLink link(options);
  CHECK(reason_of(link.open(test::some_hello())) == RefusalReason::unreachable);
}

TEST_CASE("a link cut behind any byte of its opening is only unreachable, and the next one works") {
  EncryptedServer at;
  for (const bool of_client : {true, false}) {
    bool welcomed = false;
    for (std::size_t cut = 1; !welcomed; cut += 37) {
      REQUIRE(cut < 20'000);
      SpoilingProxy proxy(at.server.port(),
                          [&](bool from_client, std::size_t from, std::string& bytes) {
                            if (from_client != of_client || from + bytes.size() <= cut) return true;
                            bytes.resize(cut - from);
                            return false;
                          });
      RpcAgentLink link(at.to(proxy.port()));
      const auto answer = link.open(test::some_hello());
      welcomed = std::holds_alternative<Welcome>(answer);
      CAPTURE(of_client, cut, text_of(answer));
      if (!welcomed) CHECK(reason_of(answer) == RefusalReason::unreachable);
    }
  }
  RpcAgentLink link(at.to());
  CHECK(std::holds_alternative<Welcome>(link.open(test::some_hello())));
}

TEST_CASE("a byte that is changed on the way never gets through") {
  EncryptedServer at;
  std::atomic<std::size_t> passed = 0;
  {
    SpoilingProxy proxy(at.server.port(), [&](bool from_client, std::size_t, std::string& bytes) {
      if (from_client) passed += bytes.size();
      return true;
    });
    RpcAgentLink link(at.to(proxy.port()));
    REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  }
  const std::size_t sessions =
      at.sink.with([](FakeSink::Seen& seen) { return seen.hellos.size(); });
  for (std::size_t place = 5; place < passed; place += 29) {
    SpoilingProxy proxy(at.server.port(),
                        [&](bool from_client, std::size_t from, std::string& bytes) {
                          if (from_client && place >= from && place < from + bytes.size()) {
                            bytes[place - from] = static_cast<char>(bytes[place - from] ^ 0x20);
                          }
                          return true;
                        });
    RpcAgentLinkOptions options = at.to(proxy.port());
    options.handshake_deadline = 2s;  // a length that was changed is waited for
    RpcAgentLink link(options);
    const auto answer = link.open(test::some_hello());
    CAPTURE(place, text_of(answer));
    CHECK(std::holds_alternative<Refusal>(answer));
  }
  at.sink.with([&](FakeSink::Seen& seen) { CHECK(seen.hellos.size() == sessions); });
}

}  // namespace
}  // namespace volta
