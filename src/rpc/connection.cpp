#include "rpc/connection.hpp"

#include <exception>
#include <utility>

#include <kj/debug.h>

#include "base/log.hpp"
#include "rpc/quiet_kj.hpp"
#include "rpc/wire.hpp"

namespace volta::rpc {
namespace {

constexpr std::size_t kMostUnanswered = 8;
constexpr std::size_t kMostRunsBeside = 4;
// A hello is at most 64 KiB of facts and some short fields; few messages come before the welcome.
constexpr StreamLimits kBeforeWelcome = {96U << 10U, 16, 1U << 20U};
constexpr StreamLimits kAfterWelcome = {};
constexpr auto kLinger = 1 * kj::SECONDS;

capnp::ReaderOptions reader_options() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kLargestMessageBytes / sizeof(capnp::word);
  options.nestingLimit = 16;
  return options;
}

}  // namespace

void ServerContext::complain(const Peer& peer, std::string_view why) {
  if (timer.now() < next_complaint) return;
  next_complaint = timer.now() + 1 * kj::SECONDS;
  log::warning("turned a connection away", {{"peer", peer.text()}, {"reason", why}});
}

bool plaintext_allowed(const Peer& peer, const RpcServerOptions& options) {
  return options.insecure_plaintext || (peer.loopback && !options.require_tls);
}

// ---- what the agent calls

class Connection::IngestServer final : public wire::Ingest::Server {
 public:
  explicit IngestServer(Connection& connection) : connection_(connection) {}
  kj::Promise<void> open(OpenContext context) override {
    connection_.open(context);
    return kj::READY_NOW;
  }

 private:
  Connection& connection_;  // owns the RPC system that owns this
};

// One run, until the agent lets go of it. It may outlive the connection by a turn of the event
// loop, with calls that are being cancelled; no session does.
class Connection::SessionServer final : public wire::Session::Server {
 public:
  SessionServer(Connection& connection, std::shared_ptr<Run> run)
      : connection_(connection), run_(std::move(run)) {}
  KJ_DISALLOW_COPY(SessionServer);
  ~SessionServer() noexcept(false) {
    if (!run_->first) run_->session.reset();
  }

  kj::Promise<void> define(DefineContext context) override {
    connection_.define(*run_, context);
    return kj::READY_NOW;
  }
  kj::Promise<void> push(PushContext context) override { return connection_.push(run_, context); }
  kj::Promise<void> openRun(OpenRunContext context) override {
    connection_.open_run(*run_, context);
    return kj::READY_NOW;
  }

 private:
  Connection& connection_;
  const std::shared_ptr<Run> run_;
};

// What the sink may ask of the agent; outlives the connection if the sink likes.
class Connection::Control final : public AgentControl {
 public:
  Control(std::shared_ptr<Mailbox> mailbox, ConnectionId id, bool plaintext)
      : mailbox_(std::move(mailbox)), id_(id), plaintext_(plaintext) {}
  [[nodiscard]] bool plaintext() const override { return plaintext_; }
  void live(bool on) override { mailbox_->post({id_, LiveWanted{on}}); }
  void retry_after(std::chrono::milliseconds pause) override {
    mailbox_->post({id_, RetryAfter{pause}});
  }
  void close(const std::string& reason) override { mailbox_->post({id_, CloseLink{reason}}); }

 private:
  std::shared_ptr<Mailbox> mailbox_;
  ConnectionId id_;
  bool plaintext_;
};

// ---- life

Connection::Connection(ServerContext& context, ConnectionId id, kj::Own<kj::AsyncIoStream> stream,
                       Peer peer, bool busy)
    : context_(context),
      id_(id),
      peer_(std::move(peer)),
      busy_(busy),
      stream_(kj::heap<CountedStream>(kj::mv(stream), context.counters.bytes)),
      tasks_(*this) {}

Connection::~Connection() noexcept(false) {
  control_ = nullptr;
  rpc_ = nullptr;  // cancels the calls that refer to what follows
  network_ = nullptr;
  if (guarded_ && !guarded_->problem().empty()) {
    ++context_.counters.broken_streams;
    context_.complain(peer_, guarded_->problem());
  }
  if (opened_) --context_.counters.links;
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) (*run)->session.reset();
}

kj::Promise<void> Connection::run() {
  auto finish = kj::newPromiseAndFulfiller<void>();
  finish_ = kj::mv(finish.fulfiller);
  auto deadline =
      context_.timer.afterDelay(context_.options.handshake_deadline.count() * kj::MILLISECONDS)
          .then([this]() -> kj::Promise<void> {
            if (opened_) return kj::NEVER_DONE;
            return give_up_on_stranger();
          });
  auto work = read_preface().then([this] {
    const bool complete = received_bytes_ == kPrefaceBytes;
    return answer_preface(complete ? PrefaceEnd::complete : PrefaceEnd::closed);
  });
  return work.exclusiveJoin(kj::mv(deadline)).exclusiveJoin(kj::mv(finish.promise));
}

// Until 8 bytes are there, or the peer closed. What begins as TLS is decrypted from then on.
kj::Promise<void> Connection::read_preface() {
  return stream_->tryRead(received_.data() + received_bytes_, 1, kPrefaceBytes - received_bytes_)
      .then([this](std::size_t count) -> kj::Promise<void> {
        received_bytes_ += count;
        if (count > 0 && begins_tls()) return encrypt();
        if (count == 0 || received_bytes_ == kPrefaceBytes) return kj::READY_NOW;
        return read_preface();
      });
}

bool Connection::begins_tls() const {
  return encryption_ == Encryption::none && context_.options.tls != nullptr &&
         looks_like_tls(std::span(received_).first(received_bytes_));
}

kj::Promise<void> Connection::encrypt() {
  encryption_ = Encryption::beginning;
  auto tls = kj::heap<TlsStream>(kj::mv(stream_), new_tls_server(context_.options.tls),
                                 std::span(received_).first(std::exchange(received_bytes_, 0)));
  TlsStream& stream = *tls;
  stream_ = kj::mv(tls);
  return stream.handshake().then([this](kj::Maybe<HandshakeFailure>&& failed) -> kj::Promise<void> {
    KJ_IF_MAYBE (failure, failed) {
      ++context_.counters.strangers;
      context_.complain(peer_, "the TLS handshake came to nothing: " + failure->problem);
      finish_->fulfill();
      return kj::NEVER_DONE;
    }
    encryption_ = Encryption::on;
    return read_preface();
  });
}

kj::Promise<void> Connection::answer_preface(PrefaceEnd end) {
  const auto received = std::span(received_).first(received_bytes_);
  const auto version = read_agent_preface(received, end);
  if (!version) {
    ++context_.counters.strangers;
    context_.complain(peer_, version.error().text);
    return send_and_linger(answer_for_stranger(received));
  }
  const PrefaceStatus status = judge(*version);
  const Preface answer = server_preface(status);
  outgoing_.assign(reinterpret_cast<const char*>(answer.data()), answer.size());
  if (status != PrefaceStatus::ok) {
    ++context_.counters.refused_connections;
    return send_and_linger(std::move(outgoing_));
  }
  return stream_->write(outgoing_.data(), outgoing_.size()).then([this] {
    outgoing_ = std::string();
    return serve();
  });
}

PrefaceStatus Connection::judge(std::uint16_t version) {
  if (version != kProtocolVersion) {
    context_.complain(peer_, "the agent speaks another version of the protocol");
    return PrefaceStatus::wrong_version;
  }
  if (encryption_ != Encryption::on && !plaintext_allowed(peer_, context_.options)) {
    context_.complain(peer_,
                      "the agent speaks plaintext, which is for this machine alone; "
                      "--insecure-plaintext would allow it");
    return PrefaceStatus::tls_required;
  }
  if (busy_) {
    context_.complain(peer_, "too many connections");
    return PrefaceStatus::too_busy;
  }
  return PrefaceStatus::ok;
}

// Closing with unread input would reset the connection, and the peer might never see the answer.
kj::Promise<void> Connection::send_and_linger(std::string bytes) {
  outgoing_ = std::move(bytes);
  return stream_->write(outgoing_.data(), outgoing_.size())
      .then([this] {
        stream_->shutdownWrite();
        return stream_->readAllBytes(64U << 10U).ignoreResult();
      })
      .exclusiveJoin(context_.timer.afterDelay(kLinger));
}

// The deadline is over and there is no session.
kj::Promise<void> Connection::give_up_on_stranger() {
  ++context_.counters.strangers;
  if (encryption_ == Encryption::beginning) {
    context_.complain(peer_, "the TLS handshake was not finished within its deadline");
    return kj::READY_NOW;
  }
  const auto version =
      read_agent_preface(std::span(received_).first(received_bytes_), PrefaceEnd::silent);
  context_.complain(peer_,
                    version ? "no hello within the handshake deadline" : version.error().text);
  return kj::READY_NOW;
}

kj::Promise<void> Connection::serve() {
  guarded_ = kj::heap<GuardedStream>(*stream_, kBeforeWelcome);
  network_ = kj::heap<capnp::TwoPartyVatNetwork>(*guarded_, capnp::rpc::twoparty::Side::SERVER,
                                                 reader_options());
  rpc_ = kj::heap(capnp::makeRpcServer(*network_, kj::heap<IngestServer>(*this)));
  // Twice what is meant, since 0.9.2 counts the first segment of a message twice.
  rpc_->setFlowLimit(2 * kLargestMessageBytes / sizeof(capnp::word));
  return network_->onDisconnect();
}

// ---- calls

void Connection::open(OpenContext context) {
  auto outcome = hear_hello(context.getParams());
  context.releaseParams();
  auto answer = context.initResults().initAnswer();
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    ++context_.counters.refused_hellos;
    write_refusal(*refusal, answer.initRefusal());
    return;
  }
  opened_ = true;
  ++context_.counters.links;
  ++context_.counters.welcomes;
  guarded_->set_limits(kAfterWelcome);
  welcome(std::get<OpenedSession>(std::move(outcome)), answer);
}

void Connection::welcome(OpenedSession opened, wire::Answer::Builder answer) {
  auto out = answer.initWelcome();
  write_welcome(opened.welcome, out);
  runs_.push_back(std::make_shared<Run>(Run{std::move(opened.session), runs_.empty()}));
  out.setSession(kj::heap<SessionServer>(*this, runs_.back()));
}

// A run beside those that are open.
void Connection::open_run(const Run& beside, OpenRunContext context) {
  require_usable();
  const auto run = read_run(context.getParams().getRun());
  context.releaseParams();
  std::erase_if(runs_, [](const auto& known) { return !known->session; });
  if (!run || runs_.size() > kMostRunsBeside) {
    broken_ = run ? "too many runs are open on this link" : "the run id is not 16 bytes long";
    return require_usable();
  }
  auto outcome = ask_sink([&] { return beside.session->open_run(*run); });
  auto answer = context.initResults().initAnswer();
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    return write_refusal(*refusal, answer.initRefusal());
  }
  welcome(std::get<OpenedSession>(std::move(outcome)), answer);
}

std::variant<OpenedSession, Refusal> Connection::hear_hello(
    wire::Ingest::OpenParams::Reader params) {
  const auto bad_hello = [](std::string text) {
    return Refusal{RefusalReason::bad_hello, std::move(text), {}};
  };
  if (std::exchange(asked_, true)) return bad_hello("there was a hello on this connection already");
  auto hello = read_hello(params.getHello());
  if (!hello) return bad_hello(hello.error().text);
  if (!params.hasControl()) return bad_hello("the hello lacks its control capability");
  control_ = params.getControl();
  return ask_sink([&] {
    return context_.sink.open(
        *hello, peer_.text(),
        std::make_shared<Control>(context_.mailbox, id_,
                                  encryption_ != Encryption::on && !peer_.loopback));
  });
}

template <typename Ask>
std::variant<OpenedSession, Refusal> Connection::ask_sink(Ask&& ask) {
  try {
    return ask();
  } catch (const std::exception& failure) {
    log::error("cannot open a session", {{"peer", peer_.text()}, {"error", failure.what()}});
    return Refusal{
        RefusalReason::too_busy, "the server failed to open the session; see its log", {}};
  }
}

void Connection::require_usable() const {
  if (closing_) kj::throwFatalException(make_exception("the server is closing this link"));
  if (!broken_.empty()) kj::throwFatalException(make_exception(broken_));
}

void Connection::define(const Run& run, DefineContext context) {
  require_usable();
  auto series = read_series(context.getParams().getSeries(), kMostSlots - defined_);
  context.releaseParams();
  if (!series) {
    broken_ = series.error().text;
    return require_usable();
  }
  defined_ += series->size();
  if (const auto done = run.session->define(std::move(*series)); !done) {
    broken_ = done.error().text;
    return require_usable();
  }
  context.initResults(capnp::MessageSize{1, 0});
}

kj::Promise<void> Connection::push(const std::shared_ptr<Run>& run, PushContext context) {
  require_usable();
  auto batch = read_batch(context.getParams());
  context.releaseParams();  // else it is kept until the agent has seen the answer
  auto answer = [context](const PushOutcome& outcome) mutable {
    write_outcome(outcome, context.initResults(capnp::MessageSize{words_of(outcome), 0}));
  };
  if (auto* bad = std::get_if<BadBatch>(&batch)) {
    PushOutcome outcome;
    outcome.refused = bad->fault;
    outcome.text = std::move(bad->text);
    answer(outcome);
    return kj::READY_NOW;
  }
  if (run->unanswered >= kMostUnanswered) {
    broken_ = "more than 8 batches are unanswered";
    require_usable();
  }
  const std::uint64_t number = ++last_push_;
  auto waiting = kj::newPromiseAndFulfiller<PushOutcome>();
  waiting_.emplace(number, kj::mv(waiting.fulfiller));
  ++run->unanswered;
  const auto done = [mailbox = context_.mailbox, id = id_, number](PushOutcome outcome) {
    mailbox->post({id, PushFinished{number, std::move(outcome)}});
  };
  try {
    run->session->push(std::move(std::get<EncodedBatch>(batch)), done);
  } catch (const std::exception& failure) {
    log::error("cannot take a batch", {{"peer", peer_.text()}, {"error", failure.what()}});
    broken_ = "the server failed to take a batch; see its log";
    require_usable();
  }
  return waiting.promise.then([run, answer](const PushOutcome& outcome) mutable {
    --run->unanswered;
    answer(outcome);
  });
}

// ---- notes of other threads

void Connection::receive(Note note) {
  if (auto* finished = std::get_if<PushFinished>(&note.what)) {
    const auto found = waiting_.find(finished->push);
    if (found == waiting_.end()) return;
    found->second->fulfill(std::move(finished->outcome));
    waiting_.erase(found);
    return;
  }
  if (const auto* closing = std::get_if<CloseLink>(&note.what)) return close(closing->reason);
  KJ_IF_MAYBE (control, control_) {
    if (const auto* live = std::get_if<LiveWanted>(&note.what)) {
      auto request = control->liveRequest(capnp::MessageSize{1, 0});
      request.setOn(live->on);
      tasks_.add(request.send().ignoreResult());
    } else if (const auto* retry = std::get_if<RetryAfter>(&note.what)) {
      auto request = control->retryAfterRequest(capnp::MessageSize{1, 0});
      request.setPauseMs(static_cast<std::uint32_t>(retry->pause.count()));
      tasks_.add(request.send().ignoreResult());
    }
  }
}

// Tells the agent why, and gives it a second to hear it.
void Connection::close(const std::string& reason) {
  if (std::exchange(closing_, true)) return;
  log::info("closing a link", {{"peer", peer_.text()}, {"reason", reason}});
  KJ_IF_MAYBE (control, control_) {
    auto request = control->closingRequest();
    request.setText({reason.data(), reason.size()});
    tasks_.add(request.send().ignoreResult().catch_([](kj::Exception&& /*gone already*/) {}));
  }
  tasks_.add(context_.timer.afterDelay(kLinger).then([this] { finish_->fulfill(); }));
}

void Connection::taskFailed(kj::Exception&& exception) {
  log::debug("an agent did not take a request",
             {{"peer", peer_.text()}, {"error", sentence_of(exception)}});
}

}  // namespace volta::rpc
