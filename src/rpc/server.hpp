// The server's end of the wire: listens, lets agents in, and hands what they send to a BatchSink.
//
// One thread of its own runs the event loop with all connections; the sink is called there and must
// not block for long. An agent's outcome may come from any thread and is on the socket within a
// millisecond. A peer that goes silent is noticed by TCP keepalive within about a minute.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/tls.hpp"
#include "model/link.hpp"

namespace volta {

struct RpcServerOptions {
  std::string address = "127.0.0.1";  // or a host name
  std::uint16_t port = 8421;          // 0: any free one
  // Agents may use TLS with this, on the same port: the first byte tells. Null: none does.
  TlsContext tls = nullptr;
  bool require_tls = false;  // on loopback too
  // Agents of other machines may speak plaintext. Without it they are told to use TLS.
  bool insecure_plaintext = false;
  std::size_t most_connections = 20'000;
  std::size_t most_per_address = 64;
  // For the preface and the hello together.
  std::chrono::milliseconds handshake_deadline{10'000};
};

// Since the start, but for `links`.
struct RpcServerCounters {
  std::uint64_t links = 0;        // agents connected now, past their hello
  std::uint64_t connections = 0;  // accepted
  std::uint64_t welcomes = 0;
  std::uint64_t refused_hellos = 0;       // by the sink, or not valid
  std::uint64_t refused_connections = 0;  // caps, versions, plaintext
  std::uint64_t strangers = 0;            // not agents at all, or too slow to say so
  std::uint64_t broken_streams = 0;       // ended for breaking the rules of the wire
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
};

class RpcServer {
 public:
  // Listens and starts the thread. Throws SystemFailure or Failure where it cannot. `sink` must
  // outlive the server.
  RpcServer(RpcServerOptions options, BatchSink& sink);
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;
  ~RpcServer();  // stop()

  [[nodiscard]] std::uint16_t port() const;
  // Closes the listener and all links, ends the thread; all sessions are destroyed when it returns.
  // Late outcomes are ignored. A second call does nothing.
  void stop();
  // From any thread.
  [[nodiscard]] RpcServerCounters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace volta
