// The agent's end of the wire. It has no thread and, while closed, nothing but an eventfd: the
// event loop belongs to whoever calls open() and wait(), and is gone after close().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/tls.hpp"
#include "model/link.hpp"

namespace volta {

struct RpcAgentLinkOptions {
  std::string host;  // a name, an IPv4 or an IPv6 address
  std::uint16_t port = 8421;
  // Speak plaintext even if the server is another machine. Without it the token leaves this one
  // encrypted only.
  bool insecure_plaintext = false;
  std::chrono::milliseconds handshake_deadline{10'000};
  // How the server is known; null: there is only plaintext.
  TlsContext tls = nullptr;
  bool require_tls = false;  // on loopback too, and whatever insecure_plaintext says
};

// Threads as AgentLink says: open() to close() on one thread, the destructor after close() on any.
// A thread can have one open link at a time, since KJ allows one event loop a thread.
class RpcAgentLink final : public AgentLink {
 public:
  explicit RpcAgentLink(RpcAgentLinkOptions options);  // throws SystemFailure
  RpcAgentLink(const RpcAgentLink&) = delete;
  RpcAgentLink& operator=(const RpcAgentLink&) = delete;
  ~RpcAgentLink() override;

  std::variant<Welcome, Refusal> open(const Hello& hello) override;
  void close() override;
  // What sends does nothing once the link has broken; the batches count as unacknowledged.
  void define(std::span<const SeriesDef> series) override;
  void push(const EncodedBatch& batch) override;
  void open_backlog(const RunId& run, std::uint64_t last_seq) override;
  void push_backlog(const EncodedBatch& batch) override;
  void close_backlog() override;
  // Without a link it waits all the same, for the time-out or wake().
  std::optional<LinkEvent> wait(std::chrono::milliseconds patience) override;
  void wake() override;
  [[nodiscard]] std::uint64_t bytes_sent() const override;
  [[nodiscard]] std::uint64_t bytes_received() const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace volta
