// What agent and server say to each other, as plain values, and the two ends they say it through.
// The Cap'n Proto form is schema/volta.capnp; `volta local` joins the two ends directly.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/crypto.hpp"
#include "model/batch.hpp"

namespace volta {

// Raised by one whenever an older peer would misunderstand. Checked before the first RPC byte.
constexpr std::uint16_t kProtocolVersion = 1;

// 256 random bits that make an agent its host. Shown as 64 hex digits; the server keeps the SHA-256
// of the raw bytes.
using HostToken = std::array<std::uint8_t, 32>;

struct Hello {
  HostToken token{};
  RunId run{};
  std::string host_name;  // only a hint: the server knows the host by its token
  std::string agent_version;
  std::int64_t clock_ms = 0;   // the agent's wall clock as it speaks
  std::string facts_json;      // host facts: one JSON object, at most 64 KiB
  std::uint64_t last_seq = 0;  // the newest batch of this run that the agent has made
};

struct Welcome {
  std::string host_id;
  std::uint64_t durable_seq = 0;  // highest committed batch of this run; 0: none
  std::int64_t clock_ms = 0;      // the server's wall clock
};

enum class RefusalReason : std::uint8_t {
  wrong_token,  // no such host
  disabled_host,
  wrong_version,  // protocol versions differ
  plaintext,      // the server wants TLS on this address
  too_busy,       // come back after retry_after
  bad_hello,
  unreachable,  // no connection, or it broke (never sent, made by the link itself)
  distrusted,   // not the server that is meant, or it cannot prove it (never sent, as before)
};

struct Refusal {
  RefusalReason reason = RefusalReason::unreachable;
  std::string text;
  std::chrono::milliseconds retry_after{};  // 0: the agent's own back-off
};

// How a batch failed for good: that batch only, the link goes on.
enum class BatchFault : std::uint8_t { malformed, too_large, too_many_series, unknown_keyframe };

// Which run of a link is meant: that of the hello, for what happens now, or an older one that is
// drained beside it.
enum class Lane : std::uint8_t { now, backlog };

// What an agent may hear after the welcome. Each push is answered by one of Acknowledged (which may
// answer several at once), BatchRefused, RetryAfter and NewRunWanted of its lane.
struct Acknowledged {
  std::uint64_t durable_seq;  // committed up to and including this one
  Lane lane = Lane::now;
};
// Somebody watches this host: flush every tick.
struct LiveWanted {
  bool on;
};
// Keep batches this long; the link stays open.
struct RetryAfter {
  std::chrono::milliseconds pause;
  // The push that this answers. 0: none; the server asks for a pause of its own accord, or (in the
  // backlog's lane) does not open that run now.
  std::uint64_t seq = 0;
  Lane lane = Lane::now;
};
struct BatchRefused {
  std::uint64_t seq;
  BatchFault fault;
  std::string text;
  Lane lane = Lane::now;
};
// Clone or rollback noticed: begin a new run.
struct NewRunWanted {
  std::string text;
  Lane lane = Lane::now;
};
// The backlog's run may be pushed now.
struct BacklogOpened {
  std::uint64_t durable_seq;
};
struct LinkClosed {
  std::string text;
};
using LinkEvent = std::variant<Acknowledged, LiveWanted, RetryAfter, BatchRefused, NewRunWanted,
                               BacklogOpened, LinkClosed>;

// Agent side of the wire. All but wake() belong to one thread, which also turns the wheels: nothing
// is sent or received but inside open() and wait().
class AgentLink {
 public:
  virtual ~AgentLink() = default;
  // Connects and says hello; blocks up to the handshake deadline (10 s). Again after LinkClosed.
  virtual std::variant<Welcome, Refusal> open(const Hello& hello) = 0;
  virtual void close() = 0;
  // Names the next slots, in order, before the first batch that uses them.
  virtual void define(std::span<const SeriesDef> series) = 0;
  // Queues the batch; at most 8 may be unacknowledged.
  virtual void push(const EncodedBatch& batch) = 0;
  // Opens an older run beside that of the hello; the slots are the same. BacklogOpened or
  // RetryAfter answers. Requires that none is open, or being opened.
  virtual void open_backlog(const RunId& run, std::uint64_t last_seq) = 0;
  // As push(), into the run that BacklogOpened told of, with a count of its own.
  virtual void push_backlog(const EncodedBatch& batch) = 0;
  // Nothing is heard of it any more. Another one may be opened.
  virtual void close_backlog() = 0;
  // The next event, or empty when `patience` is over or wake() was called.
  virtual std::optional<LinkEvent> wait(std::chrono::milliseconds patience) = 0;
  // Ends a wait() early. From any thread.
  virtual void wake() = 0;
  // Bytes written to and read from the socket since the start, 0 where there is none.
  [[nodiscard]] virtual std::uint64_t bytes_sent() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_received() const = 0;
};

// Server side: what it may ask of one connected agent. From any thread; a closed link ignores it.
class AgentControl {
 public:
  virtual ~AgentControl() = default;
  virtual void live(bool on) = 0;
  virtual void retry_after(std::chrono::milliseconds pause) = 0;
  virtual void close(const std::string& reason) = 0;
  // The link is neither encrypted nor on loopback: the page warns of it.
  [[nodiscard]] virtual bool plaintext() const { return false; }
};

// What became of a pushed batch. `refused` empty: it is durable up to durable_seq.
struct PushOutcome {
  std::uint64_t durable_seq = 0;
  std::optional<BatchFault> refused;
  std::string text;
  bool new_run = false;                     // the agent is to begin a new run
  std::chrono::milliseconds retry_after{};  // > 0: not stored (disk full, ...), send it again then
};
using PushDone = std::function<void(PushOutcome)>;

struct OpenedSession;

// One run of a connected agent, server side. Calls to all sessions of a link come from one thread
// at a time, in the order sent.
class IngestSession {
 public:
  virtual ~IngestSession() = default;  // the link is gone, or this run of it
  // Names the next slots of the link: they hold for all its sessions.
  virtual Result<void> define(std::vector<SeriesDef> series) = 0;
  // `done` is called exactly once, from any thread, perhaps before push returns: after the COMMIT
  // that holds the batch.
  virtual void push(EncodedBatch batch, PushDone done) = 0;
  // Another run of the same agent beside this one. Its session must be gone before the sink.
  virtual std::variant<OpenedSession, Refusal> open_run(const RunId& run) = 0;
};

struct OpenedSession {
  Welcome welcome;
  std::unique_ptr<IngestSession> session;
};

// Where agents arrive: implemented by fleet/, called by rpc/ and by `volta local`. Thread-safe.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  // `peer`: address for the log. `control` lives until the session is destroyed or a newer link of
  // the same host replaces it.
  virtual std::variant<OpenedSession, Refusal> open(const Hello& hello, const std::string& peer,
                                                    std::shared_ptr<AgentControl> control) = 0;
};

}  // namespace volta
