// One connection to the server, from accept to its end: preface, hello, session. Lives on the event
// loop's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/timer.h>

#include "model/link.hpp"
#include "rpc/address.hpp"
#include "rpc/counted_stream.hpp"
#include "rpc/guarded_stream.hpp"
#include "rpc/mailbox.hpp"
#include "rpc/preface.hpp"
#include "rpc/server.hpp"
#include "rpc/tls_stream.hpp"
#include "rpc/volta.capnp.h"

namespace volta::rpc {

// Written by the loop, read by anybody.
struct AtomicCounters {
  std::atomic<std::uint64_t> links = 0, connections = 0, welcomes = 0, refused_hellos = 0,
                             refused_connections = 0, strangers = 0, broken_streams = 0;
  ByteCounts bytes;
};

// What all connections of a server share.
struct ServerContext {
  const RpcServerOptions& options;
  BatchSink& sink;
  AtomicCounters& counters;
  std::shared_ptr<Mailbox> mailbox;
  kj::Timer& timer;
  kj::TimePoint next_complaint;  // strangers may not fill the log: one line a second

  // A log line about a peer that was turned away.
  void complain(const Peer& peer, std::string_view why);
};

// Whether this peer may speak without encryption.
bool plaintext_allowed(const Peer& peer, const RpcServerOptions& options);

class Connection final : private kj::TaskSet::ErrorHandler {
 public:
  // `busy`: it is only to be told so. `context` must outlive it.
  Connection(ServerContext& context, ConnectionId id, kj::Own<kj::AsyncIoStream> stream, Peer peer,
             bool busy);
  KJ_DISALLOW_COPY(Connection);
  ~Connection() noexcept(false);

  // Resolves when the connection is to be destroyed. Called once.
  kj::Promise<void> run();
  void receive(Note note);
  [[nodiscard]] const Peer& peer() const { return peer_; }

 private:
  class IngestServer;
  class SessionServer;
  class Control;
  struct Run {
    std::unique_ptr<IngestSession> session;  // null: it is over
    bool first = false;                      // that of the hello: it ends with the connection
    std::size_t unanswered = 0;
  };

  using OpenContext = capnp::CallContext<wire::Ingest::OpenParams, wire::Ingest::OpenResults>;
  using DefineContext =
      capnp::CallContext<wire::Session::DefineParams, wire::Session::DefineResults>;
  using PushContext = capnp::CallContext<wire::Session::PushParams, wire::Session::PushResults>;

  kj::Promise<void> read_preface();
  [[nodiscard]] bool begins_tls() const;
  kj::Promise<void> encrypt();
  kj::Promise<void> answer_preface(PrefaceEnd end);
  [[nodiscard]] PrefaceStatus judge(std::uint16_t version);
  kj::Promise<void> send_and_linger(std::string bytes);
  kj::Promise<void> give_up_on_stranger();
  kj::Promise<void> serve();

  using OpenRunContext =
      capnp::CallContext<wire::Session::OpenRunParams, wire::Session::OpenRunResults>;

  void open(OpenContext context);
  std::variant<OpenedSession, Refusal> hear_hello(wire::Ingest::OpenParams::Reader params);
  template <typename Ask>
  std::variant<OpenedSession, Refusal> ask_sink(Ask&& ask);
  void define(const Run& run, DefineContext context);
  kj::Promise<void> push(const std::shared_ptr<Run>& run, PushContext context);
  void open_run(const Run& beside, OpenRunContext context);
  void welcome(OpenedSession opened, wire::Answer::Builder answer);
  void require_usable() const;
  void close(const std::string& reason);
  void taskFailed(kj::Exception&& exception) override;

  ServerContext& context_;
  const ConnectionId id_;
  const Peer peer_;
  const bool busy_;
  bool asked_ = false;    // a hello came
  bool opened_ = false;   // and was welcomed
  bool closing_ = false;  // the agent is being told
  std::string broken_;    // why this session takes nothing more; "" if it does
  std::size_t defined_ = 0;
  std::uint64_t last_push_ = 0;
  Preface received_{};
  std::size_t received_bytes_ = 0;
  enum class Encryption : std::uint8_t { none, beginning, on } encryption_ = Encryption::none;
  std::string outgoing_;  // before RPC

  kj::Own<kj::AsyncIoStream> stream_;
  kj::Own<GuardedStream> guarded_;
  kj::Own<capnp::TwoPartyVatNetwork> network_;
  std::vector<std::shared_ptr<Run>> runs_;  // few; those without a session are over
  kj::Own<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> rpc_;
  kj::Maybe<wire::AgentControl::Client> control_;
  std::unordered_map<std::uint64_t, kj::Own<kj::PromiseFulfiller<PushOutcome>>> waiting_;
  kj::Own<kj::PromiseFulfiller<void>> finish_;
  kj::TaskSet tasks_;
};

}  // namespace volta::rpc
