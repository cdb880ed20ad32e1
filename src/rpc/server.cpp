#include "rpc/server.hpp"

#include <thread>
#include <unordered_map>
#include <utility>

#include <kj/async-io.h>
#include <kj/async-unix.h>

#include "base/log.hpp"
#include "base/threads.hpp"
#include "rpc/connection.hpp"
#include "rpc/quiet_kj.hpp"

namespace volta {
namespace {

using rpc::Connection;
using rpc::ConnectionId;

// Connections beyond the caps that are still told so before they are closed.
constexpr std::size_t kToldBusy = 256;
constexpr std::size_t kToldBusyPerAddress = 16;

// The event loop's side of the server, built and destroyed on its thread.
class Loop final : private kj::TaskSet::ErrorHandler {
 public:
  Loop(kj::AsyncIoContext& io, rpc::ServerContext& context, UniqueFd listener)
      : context_(context),
        receiver_(io.lowLevelProvider->wrapListenSocketFd(
            listener.release(), kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                                    kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                                    kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK)),
        observer_(io.unixEventPort, context.mailbox->event_fd(),
                  kj::UnixEventPort::FdObserver::OBSERVE_READ),
        tasks_(*this) {
    tasks_.add(accept_next());
  }

  // Resolves when the server is to stop.
  kj::Promise<void> deliver_notes() {
    return observer_.whenBecomesReadable().then([this]() -> kj::Promise<void> {
      for (rpc::Note& note : context_.mailbox->take()) {
        if (std::holds_alternative<rpc::StopServer>(note.what)) return kj::READY_NOW;
        const auto found = connections_.find(note.connection);
        if (found != connections_.end()) found->second->receive(std::move(note));
      }
      return deliver_notes();
    });
  }

 private:
  kj::Promise<void> accept_next() {
    // accept() may throw at once, and may fail later: both must come to the same end.
    return kj::evalNow([this] { return receiver_->accept(); })
        .then(
            [this](kj::Own<kj::AsyncIoStream>&& stream) {
              pause_ = 100 * kj::MILLISECONDS;
              auto failed = kj::runCatchingExceptions([&] { admit(kj::mv(stream)); });
              KJ_IF_MAYBE (exception, failed) taskFailed(kj::mv(*exception));
              return accept_next();
            },
            [this](kj::Exception&& exception) {
              // Most likely no file descriptor is left. Some link will end one day.
              log::warning("cannot accept a connection", {{"error", rpc::sentence_of(exception)}});
              const kj::Duration pause = pause_;
              pause_ = kj::min(pause_ * 2, 10 * kj::SECONDS);
              return context_.timer.afterDelay(pause).then([this] { return accept_next(); });
            });
  }

  void admit(kj::Own<kj::AsyncIoStream> stream) {
    sockaddr_storage address{};
    kj::uint length = sizeof(address);
    stream->getpeername(reinterpret_cast<sockaddr*>(&address), &length);
    rpc::Peer peer = rpc::describe(reinterpret_cast<sockaddr*>(&address), length);
    const RpcServerOptions& options = context_.options;
    ++context_.counters.connections;
    const std::size_t same_address = per_address_.contains(peer.ip) ? per_address_[peer.ip] : 0;
    if (connections_.size() >= options.most_connections + kToldBusy ||
        same_address >= options.most_per_address + kToldBusyPerAddress) {
      ++context_.counters.refused_connections;
      return;
    }
    const bool busy =
        connections_.size() >= options.most_connections || same_address >= options.most_per_address;
    for (const auto& [level, option, value] : rpc::kKeepaliveOptions) {
      stream->setsockopt(level, option, &value, sizeof(value));
    }
    const ConnectionId id = ++last_id_;
    ++per_address_[peer.ip];
    auto connection = kj::heap<Connection>(context_, id, kj::mv(stream), std::move(peer), busy);
    auto running = connection->run();
    connections_.emplace(id, kj::mv(connection));
    tasks_.add(running
                   .catch_([](kj::Exception&& exception) {
                     log::debug("a connection ended", {{"error", rpc::sentence_of(exception)}});
                   })
                   .then([this, id] { forget(id); }));
  }

  void forget(ConnectionId id) {
    const auto found = connections_.find(id);
    const auto count = per_address_.find(found->second->peer().ip);
    if (--count->second == 0) per_address_.erase(count);
    connections_.erase(found);
  }

  void taskFailed(kj::Exception&& exception) override {
    log::warning("a connection failed", {{"error", rpc::sentence_of(exception)}});
  }

  rpc::ServerContext& context_;
  kj::Own<kj::ConnectionReceiver> receiver_;
  kj::UnixEventPort::FdObserver observer_;
  kj::Duration pause_ = 100 * kj::MILLISECONDS;
  ConnectionId last_id_ = 0;
  std::unordered_map<std::string, std::size_t> per_address_;
  std::unordered_map<ConnectionId, kj::Own<Connection>> connections_;
  kj::TaskSet tasks_;
};

}  // namespace

class RpcServer::Impl {
 public:
  Impl(RpcServerOptions options, BatchSink& sink)
      : options_(std::move(options)),
        sink_(sink),
        mailbox_(std::make_shared<rpc::Mailbox>()),
        listener_(rpc::listen_on(options_.address, options_.port)),
        port_(rpc::bound_port(listener_.get())),
        thread_(start_thread("serve agents", [this] { run(); })) {}

  ~Impl() { stop(); }

  void stop() {
    if (!thread_.joinable()) return;
    mailbox_->post({0, rpc::StopServer{}});
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const rpc::AtomicCounters& counters() const { return counters_; }

 private:
  void run() {
    const rpc::QuietKj quiet;
    try {
      auto io = kj::setupAsyncIo();
      auto& timer = io.provider->getTimer();
      rpc::ServerContext context{options_, sink_, counters_, mailbox_, timer, timer.now()};
      Loop loop(io, context, std::move(listener_));
      loop.deliver_notes().wait(io.waitScope);
    } catch (const kj::Exception& exception) {
      log::error("the RPC server ended", {{"error", rpc::sentence_of(exception)}});
    }
  }

  const RpcServerOptions options_;
  BatchSink& sink_;
  std::shared_ptr<rpc::Mailbox> mailbox_;
  rpc::AtomicCounters counters_;
  UniqueFd listener_;
  const std::uint16_t port_;
  std::thread thread_;
};

RpcServer::RpcServer(RpcServerOptions options, BatchSink& sink)
    : impl_(std::make_unique<Impl>(std::move(options), sink)) {}

RpcServer::~RpcServer() = default;

std::uint16_t RpcServer::port() const { return impl_->port(); }

void RpcServer::stop() { impl_->stop(); }

RpcServerCounters RpcServer::counters() const {
  const rpc::AtomicCounters& now = impl_->counters();
  return {now.links,          now.connections,         now.welcomes,
          now.refused_hellos, now.refused_connections, now.strangers,
          now.broken_streams, now.bytes.received,      now.bytes.sent};
}

}  // namespace volta
