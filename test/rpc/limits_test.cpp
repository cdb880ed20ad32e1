// The bounds of the wire where an honest agent never comes: too many pushes, no file descriptor
// left, a peer that does not read, streams that are cut or bent at any byte.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <capnp/rpc-twoparty.h>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <kj/async-unix.h>
#include <sys/resource.h>

#include "rpc/address.hpp"
#include "rpc/any_port.hpp"
#include "rpc/client.hpp"
#include "rpc/fake_sink.hpp"
#include "rpc/guarded_stream.hpp"
#include "rpc/packing.hpp"
#include "rpc/preface.hpp"
#include "rpc/quiet_kj.hpp"
#include "rpc/raw_socket.hpp"
#include "rpc/server.hpp"
#include "rpc/wire.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;
using test::any_port;
using test::FakeSink;
using test::RawSocket;

// An agent that speaks the wire but keeps none of its rules. Its socket takes in little.
class RudeAgent {
 public:
  explicit RudeAgent(std::uint16_t port) : io_(kj::setupAsyncIo()) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int small = 4096;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    stream_ = io_.lowLevelProvider->wrapSocketFd(fd.release(),
                                                 kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
    rpc::Preface preface = rpc::agent_preface();
    stream_->write(preface.data(), preface.size()).wait(io_.waitScope);
    stream_->read(preface.data(), preface.size()).wait(io_.waitScope);
    guarded_ = kj::heap<rpc::GuardedStream>(*stream_, rpc::StreamLimits{});
    network_ = kj::heap<capnp::TwoPartyVatNetwork>(*guarded_, capnp::rpc::twoparty::Side::CLIENT);
    rpc_ = kj::heap(capnp::makeRpcClient(*network_));
    capnp::MallocMessageBuilder message;
    auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
    vat.setSide(capnp::rpc::twoparty::Side::SERVER);
    auto request = rpc_->bootstrap(vat).castAs<wire::Ingest>().openRequest();
    rpc::write_hello(test::some_hello(), request.initHello());
    request.setControl(kj::heap<Control>());
    session_ = request.send().wait(io_.waitScope).getAnswer().getWelcome().getSession();
  }

  kj::Promise<capnp::Response<wire::Session::PushResults>> push(wire::Session::Client session,
                                                                std::uint64_t seq) {
    auto request = session.pushRequest();
    rpc::write_batch(test::some_batch(seq), request);
    return request.send();
  }
  kj::Promise<capnp::Response<wire::Session::OpenRunResults>> open_run(std::size_t bytes) {
    auto request = session().openRunRequest();
    const std::vector<std::uint8_t> run(bytes, 3);
    request.setRun({run.data(), run.size()});
    return request.send();
  }
  [[nodiscard]] wire::Session::Client session() {
    KJ_IF_MAYBE (session, session_) return *session;
    throw std::runtime_error("no session");
  }
  // Why the call failed; "" if it did not.
  template <typename T>
  std::string problem(kj::Promise<T>&& call) {
    std::string text;
    call.then([](auto&&) {}, [&](kj::Exception&& e) { text = rpc::sentence_of(e); })
        .wait(io_.waitScope);
    return text;
  }
  kj::WaitScope& scope() { return io_.waitScope; }

 private:
  class Control final : public wire::AgentControl::Server {};

  kj::AsyncIoContext io_;
  kj::Own<kj::AsyncIoStream> stream_;
  kj::Own<rpc::GuardedStream> guarded_;
  kj::Own<capnp::TwoPartyVatNetwork> network_;
  kj::Own<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> rpc_;
  kj::Maybe<wire::Session::Client> session_;
};

TEST_CASE("a ninth unanswered push is refused, and nothing is taken after it") {
  FakeSink sink;
  sink.answer_at_once = false;
  RpcServer server(any_port(), sink);
  RudeAgent agent(server.port());
  std::vector<kj::Promise<capnp::Response<wire::Session::PushResults>>> open;
  for (std::uint64_t seq = 1; seq <= 8; ++seq) open.push_back(agent.push(agent.session(), seq));
  CHECK_THAT(agent.problem(agent.push(agent.session(), 9)), Catch::Contains("more than 8 batches"));
  REQUIRE(sink.wait_until([](FakeSink::Seen& seen) { return seen.unanswered.size() == 8; }));
  for (std::uint64_t seq = 1; seq <= 8; ++seq) sink.answer(test::durable(seq));
  for (auto& answer : open) CHECK(agent.problem(kj::mv(answer)).empty());
  CHECK_THAT(agent.problem(agent.push(agent.session(), 10)),
             Catch::Contains("more than 8 batches"));
  CHECK(sink.with([](FakeSink::Seen& seen) { return seen.batches.size(); }) == 8);
}

TEST_CASE("runs beside the first are few, and each has an id") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  {
    RudeAgent agent(server.port());
    std::vector<capnp::Response<wire::Session::OpenRunResults>> runs;
    for (int i = 0; i < 4; ++i) runs.push_back(agent.open_run(16).wait(agent.scope()));
    CHECK(sink.with([](FakeSink::Seen& seen) { return seen.sessions; }) == 5);
    CHECK(agent.problem(agent.push(runs[3].getAnswer().getWelcome().getSession(), 1)).empty());
    CHECK_THAT(agent.problem(agent.open_run(16)), Catch::Contains("too many runs"));
  }
  CHECK(sink.wait_until([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
  RudeAgent agent(server.port());
  CHECK_THAT(agent.problem(agent.open_run(15)), Catch::Contains("16 bytes"));
}

TEST_CASE("a peer that does not read is ended before it costs memory") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  {
    const RudeAgent deaf(server.port());
    const auto control = sink.with([](FakeSink::Seen& seen) { return seen.control; });
    std::atomic<bool> ended = false;
    std::thread watcher([&] {  // a page that is opened and closed over and over
      for (int i = 0; i < 100000 && !ended; ++i) control->live(i % 2 == 0);
    });
    CHECK(sink.wait_until([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
    ended = true;
    watcher.join();
  }
  const auto begin = std::chrono::steady_clock::now();
  while (server.counters().broken_streams == 0 && std::chrono::steady_clock::now() - begin < 20s) {
    std::this_thread::yield();  // it counts a moment after the session has gone
  }
  CHECK(server.counters().broken_streams == 1);
  RpcAgentLink other({"127.0.0.1", server.port(), false, 10s});
  CHECK(std::holds_alternative<Welcome>(other.open(test::some_hello())));
}

// Sockets of this process one end of which has this port.
std::vector<int> sockets_at(std::uint16_t port) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename().string());
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::getpeername(fd, generic, &length) != 0) continue;
    const bool to_it = ntohs(address.sin_port) == port;
    length = sizeof(address);
    if (::getsockname(fd, generic, &length) != 0) continue;
    if (to_it || ntohs(address.sin_port) == port) found.push_back(fd);
  }
  return found;
}

TEST_CASE("the kernel gives up a peer that vanishes, on both ends, within about a minute") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  RpcAgentLink link({"127.0.0.1", server.port(), false, 10s});
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  const auto sockets = sockets_at(server.port());
  CHECK(sockets.size() == 2);
  for (const int fd : sockets) {
    const auto option = [&](int level, int name) {
      int value = 0;
      socklen_t length = sizeof(value);
      CHECK(::getsockopt(fd, level, name, &value, &length) == 0);
      return value;
    };
    CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 60'000);
    CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) + 3 * option(IPPROTO_TCP, TCP_KEEPINTVL) <= 60);
  }
}

#ifndef __SANITIZE_ADDRESS__  // whose undefined-behaviour checks open a pipe to look at memory
// While it lives, this process can open no file.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit few = before_;
    few.rlim_cur = 256;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    for (;;) {
      UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!fd) break;
      taken_.push_back(std::move(fd));
    }
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
  std::vector<UniqueFd> taken_;
};

// Sends stderr into a file for as long as it lives.
class StderrInto {
 public:
  explicit StderrInto(const std::filesystem::path& path) : kept_(::dup(STDERR_FILENO)) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    REQUIRE(::dup2(file.get(), STDERR_FILENO) >= 0);
  }
  StderrInto(const StderrInto&) = delete;
  StderrInto& operator=(const StderrInto&) = delete;
  ~StderrInto() { ::dup2(kept_.get(), STDERR_FILENO); }

 private:
  UniqueFd kept_;
};

std::size_t count_in(const std::filesystem::path& path, const std::string& part) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);) count += line.find(part) != line.npos ? 1U : 0U;
  return count;
}

TEST_CASE("without a file descriptor left it accepts later, and serves those it has") {
  FakeSink sink;
  RpcServer server(any_port(), sink);
  RpcAgentLink link({"127.0.0.1", server.port(), false, 10s});
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const test::TempDir folder;
  const auto log = folder.path() / "log";
  {
    const StderrInto file(log);
    const NoDescriptors none;
    // The kernel takes the connection; the server cannot.
    REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t seq = 1; std::chrono::steady_clock::now() - begin < 600ms; ++seq) {
      link.push(test::some_batch(seq));
      const auto answer = link.wait(20s);
      REQUIRE(answer);
      REQUIRE(std::holds_alternative<Acknowledged>(*answer));
      CHECK_FALSE(link.wait(20ms));
    }
  }
  const RawSocket waiting(std::move(fd));
  const rpc::Preface preface = rpc::agent_preface();
  REQUIRE(waiting.send({reinterpret_cast<const char*>(preface.data()), preface.size()}));
  CHECK(waiting.read_exactly(rpc::kPrefaceBytes).size() == rpc::kPrefaceBytes);
  const std::size_t attempts = count_in(log, "cannot accept a connection");
  CHECK(attempts >= 2);
  CHECK(attempts <= 4);  // after 0, 100, 300 and 700 ms
}
#endif

// What an agent sends from its first byte until its batch is acknowledged.
std::string recorded_agent(RpcServer& server) {
  const UniqueFd listener = rpc::listen_on("127.0.0.1", 0);
  REQUIRE(::fcntl(listener.get(), F_SETFL, 0) == 0);
  std::string sent;
  std::thread relay([&] {
    const UniqueFd agent(::accept(listener.get(), nullptr, nullptr));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const UniqueFd onward(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(onward.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
      return;
    std::thread back([&] {
      char buffer[4096];
      while (true) {
        const ssize_t count = ::recv(onward.get(), buffer, sizeof(buffer), 0);
        if (count <= 0) return;
        ::send(agent.get(), buffer, static_cast<std::size_t>(count), MSG_NOSIGNAL);
      }
    });
    char buffer[4096];
    while (true) {
      const ssize_t count = ::recv(agent.get(), buffer, sizeof(buffer), 0);
      if (count <= 0) break;
      sent.append(buffer, static_cast<std::size_t>(count));
      ::send(onward.get(), buffer, static_cast<std::size_t>(count), MSG_NOSIGNAL);
    }
    ::shutdown(onward.get(), SHUT_WR);
    back.join();
  });
  RpcAgentLink link({"127.0.0.1", rpc::bound_port(listener.get()), false, 10s});
  REQUIRE(std::holds_alternative<Welcome>(link.open(test::some_hello())));
  link.define(std::vector{test::some_series("idle"), test::some_series("user")});
  link.push(test::some_batch(1));
  REQUIRE(link.wait(20s));
  link.close();
  relay.join();
  return sent;
}

struct Replay {
  Replay() {
    sent = recorded_agent(server);
    REQUIRE(sent.size() > 200);
    forget();
  }
  // One agent of which only these bytes come; then it goes.
  void play(std::string_view bytes) const {
    const RawSocket agent = RawSocket::connect(server.port());
    (void)agent.send(bytes);
    agent.end_writing();
    (void)agent.read_all();
  }
  std::size_t batches() {
    REQUIRE(sink.wait_until([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
    return sink.with([](FakeSink::Seen& seen) { return seen.batches.size(); });
  }
  void forget() {
    REQUIRE(sink.wait_until([](FakeSink::Seen& seen) { return seen.sessions == 0; }));
    sink.with([](FakeSink::Seen& seen) { seen.batches.clear(); });
  }
  FakeSink sink;
  RpcServer server{any_port(), sink};
  std::string sent;
};

TEST_CASE("a stream that is cut after any byte leaves nothing half taken") {
  Replay replay;
  for (std::size_t size = 0; size < replay.sent.size(); ++size) {
    CAPTURE(size);
    replay.play(std::string_view(replay.sent).substr(0, size));
    REQUIRE(replay.batches() == 0);
  }
  CHECK(replay.server.counters().strangers == rpc::kPrefaceBytes);
  CHECK(replay.server.counters().broken_streams > replay.sent.size() / 2);
  replay.play(replay.sent);
  CHECK(replay.batches() == 1);
}

TEST_CASE("a stream that is bent at any byte ends that connection at most") {
  Replay replay;
  for (const char bits : {'\x01', '\x80', '\xff'}) {
    for (std::size_t at = 0; at < replay.sent.size(); ++at) {
      CAPTURE(at);
      std::string bent = replay.sent;
      bent[at] = static_cast<char>(bent[at] ^ bits);
      replay.play(bent);
    }
  }
  replay.forget();
  replay.play(replay.sent);
  CHECK(replay.batches() == 1);
}

TEST_CASE("after the welcome a message may be large, but not larger than the limit") {
  Replay replay;
  const auto header = [](std::uint32_t words) {
    Bytes plain(8);
    for (unsigned i = 0; i < 4; ++i) plain[4 + i] = static_cast<std::byte>(words >> 8U * i);
    Bytes packed;
    rpc::pack(plain, packed);
    return std::string(reinterpret_cast<const char*>(packed.data()), packed.size());
  };
  constexpr auto kMost = static_cast<std::uint32_t>(rpc::kLargestMessageBytes / 8);
  const auto before = replay.server.counters().broken_streams;
  const RawSocket agent = RawSocket::connect(replay.server.port());
  REQUIRE(agent.send(replay.sent + header(kMost + 1)));
  (void)agent.read_all();  // closed by the server, although this side is still open
  CHECK(replay.server.counters().broken_streams == before + 1);
  const RawSocket patient = RawSocket::connect(replay.server.port());
  REQUIRE(patient.send(replay.sent + header(kMost)));
  REQUIRE(replay.sink.wait_until([](FakeSink::Seen& seen) { return seen.batches.size() == 2; }));
  CHECK(replay.server.counters().links == 1);  // it waits for the rest
}

}  // namespace
}  // namespace volta
