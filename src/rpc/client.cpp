#include "rpc/client.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include <capnp/rpc-twoparty.h>
#include <fmt/format.h>
#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <poll.h>

#include "base/assert.hpp"
#include "base/host_port.hpp"
#include "rpc/address.hpp"
#include "rpc/counted_stream.hpp"
#include "rpc/guarded_stream.hpp"
#include "rpc/mailbox.hpp"
#include "rpc/preface.hpp"
#include "rpc/quiet_kj.hpp"
#include "rpc/tls_stream.hpp"
#include "rpc/wire.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostUnanswered = 8;
constexpr std::size_t kMostEvents = 256;
// Eight of the largest batches may wait to be written; the server sends little.
constexpr rpc::StreamLimits kLimits = {1U << 20U, 0, 9 * kLargestBatchBytes};

capnp::ReaderOptions reader_options() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 1U << 20U;
  options.nestingLimit = 16;
  return options;
}

Refusal unreachable(std::string text) { return {RefusalReason::unreachable, std::move(text), {}}; }

}  // namespace

class RpcAgentLink::Impl {
 public:
  explicit Impl(RpcAgentLinkOptions options)
      : options_(std::move(options)),
        server_(to_text(HostPort{options_.host, options_.port})),
        event_(rpc::make_event()) {}

  std::variant<Welcome, Refusal> open(const Hello& hello);
  void close();
  void define(std::span<const SeriesDef> series);
  void push(Lane lane, const EncodedBatch& batch);
  void open_backlog(const RunId& run, std::uint64_t last_seq);
  void close_backlog();
  std::optional<LinkEvent> wait(std::chrono::milliseconds patience);
  void wake() { rpc::signal_event(event_.get()); }
  [[nodiscard]] const rpc::ByteCounts& counts() const { return counts_; }

 private:
  class Control;
  struct Link;
  using RunOpened = capnp::Response<wire::Session::OpenRunResults>;

  std::optional<Refusal> connect();
  std::optional<Refusal> encrypt();
  std::optional<Refusal> exchange_prefaces();
  kj::Promise<void> read_preface(rpc::Preface& preface, std::size_t& received);
  std::variant<Welcome, Refusal> say_hello(const Hello& hello);
  kj::Promise<void> watch_wake();
  void backlog_opened(RunOpened&& response);
  void tell(LinkEvent event);
  void lose(const std::string& why);
  void call_failed(const kj::Exception& exception);
  void turn(std::chrono::milliseconds patience);
  void sleep(std::chrono::milliseconds patience);

  const RpcAgentLinkOptions options_;
  const std::string server_;  // for texts
  UniqueFd event_;
  rpc::ByteCounts counts_;
  std::deque<LinkEvent> events_;  // at most 8 outcomes and what a server asks, see tell()
  bool woken_ = false;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> waiter_;
  std::unique_ptr<Link> link_;  // null while closed
};

// All that exists while the link is open; destroyed from the last to the first.
struct RpcAgentLink::Impl::Link final : kj::TaskSet::ErrorHandler {
  explicit Link(int event)
      : io(kj::setupAsyncIo()),
        timer(io.provider->getTimer()),
        observer(io.unixEventPort, event, kj::UnixEventPort::FdObserver::OBSERVE_READ),
        tasks(*this) {}

  // Tasks deal with their failures themselves.
  void taskFailed(kj::Exception&& exception) override {
    kj::throwFatalException(kj::mv(exception));
  }

  kj::AsyncIoContext io;
  kj::Timer& timer;
  kj::UnixEventPort::FdObserver observer;
  kj::TimePoint deadline = kj::origin<kj::TimePoint>();  // of the handshake
  kj::Own<kj::AsyncIoStream> stream;
  kj::Own<rpc::GuardedStream> guarded;
  kj::Own<capnp::TwoPartyVatNetwork> network;
  kj::Own<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> rpc;
  struct Run {
    kj::Maybe<wire::Session::Client> session;
    std::size_t unanswered = 0;
    std::uint64_t life = 0;  // answers to what was sent in an earlier one come too late
  };
  [[nodiscard]] Run& run(Lane lane) { return lane == Lane::now ? now : backlog; }
  Run now;
  Run backlog;
  bool lost = false;
  kj::TaskSet tasks;
};

// What the server may call.
class RpcAgentLink::Impl::Control final : public wire::AgentControl::Server {
 public:
  explicit Control(Impl& impl) : impl_(impl) {}
  kj::Promise<void> live(LiveContext context) override {
    impl_.tell(LiveWanted{context.getParams().getOn()});
    return kj::READY_NOW;
  }
  kj::Promise<void> retryAfter(RetryAfterContext context) override {
    impl_.tell(RetryAfter{std::chrono::milliseconds(context.getParams().getPauseMs())});
    return kj::READY_NOW;
  }
  kj::Promise<void> closing(ClosingContext context) override {
    impl_.lose("the server ended the link: " + rpc::read_sentence(context.getParams().getText()));
    return kj::READY_NOW;
  }

 private:
  Impl& impl_;
};

// ---- open

std::variant<Welcome, Refusal> RpcAgentLink::Impl::open(const Hello& hello) {
  close();
  const rpc::QuietKj quiet;
  try {
    link_ = std::make_unique<Link>(event_.get());
    link_->tasks.add(watch_wake());
    link_->io.waitScope.poll();  // brings the timer up to date
    link_->deadline = link_->timer.now() + options_.handshake_deadline.count() * kj::MILLISECONDS;
    auto refusal = connect();
    if (!refusal) refusal = exchange_prefaces();
    if (!refusal) {
      auto answer = say_hello(hello);
      if (std::holds_alternative<Welcome>(answer)) return answer;
      refusal = std::get<Refusal>(std::move(answer));
    }
    close();
    return *refusal;
  } catch (const kj::Exception& exception) {
    close();
    return unreachable(fmt::format("{}: {}", server_, rpc::sentence_of(exception)));
  }
}

std::optional<Refusal> RpcAgentLink::Impl::connect() {
  auto& network = link_->io.provider->getNetwork();
  auto connecting = network.parseAddress(options_.host.c_str(), options_.port)
                        .then([](kj::Own<kj::NetworkAddress>&& address) {
                          auto connected = address->connect();
                          return connected.attach(kj::mv(address));
                        });
  bool late = false;
  auto expired = link_->timer.atTime(link_->deadline).then([&late]() -> kj::Own<kj::AsyncIoStream> {
    late = true;
    return kj::Own<kj::AsyncIoStream>();
  });
  link_->stream = connecting.exclusiveJoin(kj::mv(expired)).wait(link_->io.waitScope);
  if (late) return unreachable(fmt::format("{} does not answer to a connection", server_));
  for (const auto& [level, option, value] : rpc::kKeepaliveOptions) {
    link_->stream->setsockopt(level, option, &value, sizeof(value));
  }
  sockaddr_storage address{};
  kj::uint length = sizeof(address);
  link_->stream->getpeername(reinterpret_cast<sockaddr*>(&address), &length);
  link_->stream = kj::heap<rpc::CountedStream>(kj::mv(link_->stream), counts_);
  const auto peer = rpc::describe(reinterpret_cast<sockaddr*>(&address), length);
  if (!options_.require_tls && (peer.loopback || options_.insecure_plaintext)) return std::nullopt;
  return encrypt();
}

// Until the server has proved to be the one that is meant.
std::optional<Refusal> RpcAgentLink::Impl::encrypt() {
  if (!options_.tls) {
    return Refusal{RefusalReason::plaintext,
                   fmt::format("{} is another machine, and this link is not encrypted", server_),
                   {}};
  }
  auto tls =
      kj::heap<rpc::TlsStream>(kj::mv(link_->stream), new_tls_client(options_.tls, options_.host));
  rpc::TlsStream& stream = *tls;
  link_->stream = kj::mv(tls);
  bool late = false;
  auto expired =
      link_->timer.atTime(link_->deadline).then([&late]() -> kj::Maybe<rpc::HandshakeFailure> {
        late = true;
        return nullptr;
      });
  auto failed = stream.handshake().exclusiveJoin(kj::mv(expired)).wait(link_->io.waitScope);
  if (late)
    return unreachable(
        fmt::format("{} does not answer to TLS: is it volta's port for agents "
                    "(8421 by default)?",
                    server_));
  KJ_IF_MAYBE (failure, failed) {
    std::string text = fmt::format("{} is not trusted: {}", server_, failure->problem);
    if (failure->distrusted) return Refusal{RefusalReason::distrusted, std::move(text), {}};
    return unreachable(fmt::format("{}: no encrypted link: {}", server_, failure->problem));
  }
  return std::nullopt;
}

// Until 8 bytes are there, or the peer closed.
kj::Promise<void> RpcAgentLink::Impl::read_preface(rpc::Preface& preface, std::size_t& received) {
  return link_->stream->tryRead(preface.data() + received, 1, preface.size() - received)
      .then([this, &preface, &received](std::size_t count) -> kj::Promise<void> {
        received += count;
        if (count == 0 || received == preface.size()) return kj::READY_NOW;
        return read_preface(preface, received);
      });
}

std::optional<Refusal> RpcAgentLink::Impl::exchange_prefaces() {
  const rpc::Preface ours = rpc::agent_preface();
  link_->stream->write(ours.data(), ours.size()).wait(link_->io.waitScope);
  rpc::Preface theirs{};
  std::size_t received = 0;
  auto end = rpc::PrefaceEnd::silent;
  auto read = read_preface(theirs, received).then([&] {
    end = received == theirs.size() ? rpc::PrefaceEnd::complete : rpc::PrefaceEnd::closed;
  });
  read.exclusiveJoin(link_->timer.atTime(link_->deadline)).wait(link_->io.waitScope);
  return rpc::read_server_preface(std::span(theirs).first(received), end, server_);
}

std::variant<Welcome, Refusal> RpcAgentLink::Impl::say_hello(const Hello& hello) {
  Link& link = *link_;
  link.guarded = kj::heap<rpc::GuardedStream>(*link.stream, kLimits);
  link.network = kj::heap<capnp::TwoPartyVatNetwork>(
      *link.guarded, capnp::rpc::twoparty::Side::CLIENT, reader_options());
  link.rpc = kj::heap(capnp::makeRpcClient(*link.network));
  capnp::MallocMessageBuilder vat_message(8);
  auto vat = vat_message.initRoot<capnp::rpc::twoparty::VatId>();
  vat.setSide(capnp::rpc::twoparty::Side::SERVER);
  auto ingest = link.rpc->bootstrap(vat).castAs<wire::Ingest>();
  auto request = ingest.openRequest();
  rpc::write_hello(hello, request.initHello());
  request.setControl(kj::heap<Control>(*this));

  std::variant<Welcome, Refusal> result =
      unreachable(fmt::format("{} did not answer the hello in time", server_));
  auto asked = request.send().then([&](capnp::Response<wire::Ingest::OpenResults>&& response) {
    const auto answer = response.getAnswer();
    if (answer.isRefusal()) {
      result = rpc::read_refusal(answer.getRefusal());
    } else if (answer.isWelcome() && answer.getWelcome().hasSession()) {
      link.now.session = answer.getWelcome().getSession();
      result = rpc::read_welcome(answer.getWelcome());
    } else {
      result = unreachable(fmt::format("{} answers the hello in an unknown way", server_));
    }
  });
  asked.exclusiveJoin(link.timer.atTime(link.deadline)).wait(link.io.waitScope);
  if (link.now.session == nullptr) return result;

  // From here on the small messages that end a call wait for the next batch.
  link.guarded->hold(true);
  link.tasks.add(link.network->onDisconnect().then(
      [this] { lose("the server closed the connection"); },
      [this](kj::Exception&& exception) { lose(rpc::sentence_of(exception)); }));
  return result;
}

// ---- the end of a link

void RpcAgentLink::Impl::close() {
  const rpc::QuietKj quiet;
  events_.clear();
  waiter_ = nullptr;
  link_.reset();
}

// The link broke: says so once, after all that came before. wait() takes it apart.
void RpcAgentLink::Impl::lose(const std::string& why) {
  if (link_->lost) return;
  const std::string& problem = link_->guarded->problem();
  tell(LinkClosed{fmt::format("{}: {}", server_, problem.empty() ? why : problem)});
  link_->lost = true;
}

void RpcAgentLink::Impl::call_failed(const kj::Exception& exception) {
  // A broken connection fails all calls, and is told of by itself.
  if (exception.getType() != kj::Exception::Type::DISCONNECTED) lose(rpc::sentence_of(exception));
}

// ---- define, push

void RpcAgentLink::Impl::define(std::span<const SeriesDef> series) {
  if (!link_ || link_->lost) return;
  KJ_IF_MAYBE (session, link_->now.session) {
    while (!series.empty()) {
      const auto some = series.first(rpc::series_for_one_call(series));
      series = series.subspan(some.size());
      auto request = session->defineRequest(capnp::MessageSize{rpc::words_of(some) + 2, 0});
      rpc::write_series(some, request.initSeries(static_cast<unsigned>(some.size())));
      link_->tasks.add(
          request.send().then([](auto&& /*nothing to know*/) {},
                              [this](kj::Exception&& exception) { call_failed(exception); }));
    }
    link_->guarded->flush_soon();
  }
}

void RpcAgentLink::Impl::push(Lane lane, const EncodedBatch& batch) {
  if (!link_ || link_->lost) return;
  Link::Run& run = link_->run(lane);
  KJ_IF_MAYBE (session, run.session) {
    VOLTA_ASSERT(run.unanswered < kMostUnanswered);
    ++run.unanswered;
    auto request = session->pushRequest(capnp::MessageSize{rpc::words_of(batch), 0});
    rpc::write_batch(batch, request);
    link_->tasks.add(request.send().then(
        [this, &run, lane, life = run.life,
         seq = batch.seq](capnp::Response<wire::Session::PushResults>&& response) {
          if (run.life != life) return;
          --run.unanswered;
          tell(rpc::read_outcome(seq, lane, response));
        },
        [this](kj::Exception&& exception) { call_failed(exception); }));
    link_->guarded->flush_soon();
  }
}

void RpcAgentLink::Impl::open_backlog(const RunId& run, std::uint64_t last_seq) {
  if (!link_ || link_->lost) return;
  KJ_IF_MAYBE (session, link_->now.session) {
    auto request = session->openRunRequest();
    request.setRun({run.data(), run.size()});
    request.setLastSeq(last_seq);
    link_->tasks.add(request.send().then(
        [this, life = link_->backlog.life](RunOpened&& response) {
          if (link_->backlog.life == life) backlog_opened(kj::mv(response));
        },
        [this](kj::Exception&& exception) { call_failed(exception); }));
    link_->guarded->flush_soon();
  }
}

void RpcAgentLink::Impl::backlog_opened(RunOpened&& response) {
  const auto answer = response.getAnswer();
  if (answer.isRefusal()) {
    tell(RetryAfter{rpc::read_refusal(answer.getRefusal()).retry_after, 0, Lane::backlog});
  } else if (answer.isWelcome() && answer.getWelcome().hasSession()) {
    link_->backlog.session = answer.getWelcome().getSession();
    tell(BacklogOpened{answer.getWelcome().getDurableSeq()});
  } else {
    lose("the server answers in an unknown way");
  }
}

void RpcAgentLink::Impl::close_backlog() {
  if (!link_) return;
  const rpc::QuietKj quiet;
  link_->backlog = {nullptr, 0, link_->backlog.life + 1};
}

// ---- waiting

kj::Promise<void> RpcAgentLink::Impl::watch_wake() {
  return link_->observer.whenBecomesReadable().then([this] {
    rpc::clear_event(event_.get());
    woken_ = true;
    KJ_IF_MAYBE (waiter, waiter_) (*waiter)->fulfill();
    return watch_wake();
  });
}

void RpcAgentLink::Impl::tell(LinkEvent event) {
  if (link_->lost) return;
  events_.push_back(std::move(event));
  if (events_.size() == kMostEvents) lose("the server asks more than an agent can hear");
  KJ_IF_MAYBE (waiter, waiter_) (*waiter)->fulfill();
}

std::optional<LinkEvent> RpcAgentLink::Impl::wait(std::chrono::milliseconds patience) {
  if (link_) {
    turn(patience);
  } else {
    sleep(patience);
  }
  woken_ = false;
  if (events_.empty()) return std::nullopt;
  LinkEvent event = std::move(events_.front());
  events_.pop_front();
  if (std::holds_alternative<LinkClosed>(event)) close();
  return event;
}

// Sends and receives until there is an event, a wake-up, or no patience left.
void RpcAgentLink::Impl::turn(std::chrono::milliseconds patience) {
  const rpc::QuietKj quiet;
  try {
    auto& scope = link_->io.waitScope;
    scope.poll();
    if (!events_.empty() || woken_ || patience.count() <= 0) return;
    auto waiting = kj::newPromiseAndFulfiller<void>();
    waiter_ = kj::mv(waiting.fulfiller);
    const auto expired = patience.count() * kj::MILLISECONDS;
    waiting.promise.exclusiveJoin(link_->timer.afterDelay(expired)).wait(scope);
  } catch (const kj::Exception& exception) {
    lose(rpc::sentence_of(exception));
  }
  waiter_ = nullptr;
}

// Without a link there is no event loop, only the wake-up.
void RpcAgentLink::Impl::sleep(std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(1);
  pollfd event{event_.get(), POLLIN, 0};
  ::poll(&event, 1, static_cast<int>(std::clamp(patience, patience.zero(), kLongest).count()));
  rpc::clear_event(event_.get());
}

// ---- the interface

RpcAgentLink::RpcAgentLink(RpcAgentLinkOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

RpcAgentLink::~RpcAgentLink() { impl_->close(); }

std::variant<Welcome, Refusal> RpcAgentLink::open(const Hello& hello) { return impl_->open(hello); }

void RpcAgentLink::close() { impl_->close(); }

void RpcAgentLink::define(std::span<const SeriesDef> series) { impl_->define(series); }

void RpcAgentLink::push(const EncodedBatch& batch) { impl_->push(Lane::now, batch); }

void RpcAgentLink::open_backlog(const RunId& run, std::uint64_t last_seq) {
  impl_->open_backlog(run, last_seq);
}

void RpcAgentLink::push_backlog(const EncodedBatch& batch) { impl_->push(Lane::backlog, batch); }

void RpcAgentLink::close_backlog() { impl_->close_backlog(); }

std::optional<LinkEvent> RpcAgentLink::wait(std::chrono::milliseconds patience) {
  return impl_->wait(patience);
}

void RpcAgentLink::wake() { impl_->wake(); }

std::uint64_t RpcAgentLink::bytes_sent() const { return impl_->counts().sent; }

std::uint64_t RpcAgentLink::bytes_received() const { return impl_->counts().received; }

}  // namespace volta
