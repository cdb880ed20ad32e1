#include "rpc/guarded_stream.hpp"

#include <algorithm>
#include <utility>

#include <kj/debug.h>

#include "rpc/quiet_kj.hpp"

namespace volta::rpc {
namespace {

// An idle connection keeps a buffer of this size: what a batch of 200 series and 10 ticks needs,
// and 20 MB for 10,000 agents.
constexpr std::size_t kSmallRead = 2048;
constexpr std::size_t kLargeRead = 64U << 10U;
constexpr std::size_t kHeldBytes = 4096;
constexpr std::size_t kKeptCapacity = 16U << 10U;

void put_u32(Bytes& out, std::size_t value) {
  for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(value >> 8U * i));
}

}  // namespace

GuardedStream::GuardedStream(kj::AsyncIoStream& stream, StreamLimits limits)
    : stream_(stream), limits_(limits), frame_(limits.message_bytes) {}

void GuardedStream::set_limits(StreamLimits limits) {
  limits_ = limits;
  frame_.set_largest(limits.message_bytes);
}

// ---- reading

kj::Promise<GuardedStream::MaybeMessage> GuardedStream::tryReadMessage(
    kj::ArrayPtr<kj::AutoCloseFd> /*fd_space*/, capnp::ReaderOptions options,
    kj::ArrayPtr<capnp::word> /*scratch*/) {
  KJ_IF_MAYBE (failure, failure_) return kj::cp(*failure);
  return reading_.wrap(read_message(options));
}

kj::Promise<GuardedStream::MaybeMessage> GuardedStream::read_message(capnp::ReaderOptions options) {
  const auto rest = std::as_bytes(std::span(in_.begin() + in_begin_, in_end_ - in_begin_));
  const auto used = frame_.feed(rest);
  if (!used) return refuse(used.error().text);
  in_begin_ += *used;
  if (frame_.complete()) {
    if (limits_.messages != 0 && ++messages_ > limits_.messages) {
      return refuse("too many messages before the welcome");
    }
    return MaybeMessage(capnp::MessageReaderAndFds{frame_.take(options), nullptr});
  }
  return read_more().then([this, options](std::size_t count) -> kj::Promise<MaybeMessage> {
    if (count > 0) return read_message(options);
    if (frame_.idle()) return MaybeMessage(nullptr);
    return refuse("the connection ended within a message");
  });
}

// Requires that all bytes read are fed.
kj::Promise<std::size_t> GuardedStream::read_more() {
  const std::size_t wanted = frame_.missing() > kSmallRead ? kLargeRead : kSmallRead;
  if (in_.size() != wanted) in_ = kj::heapArray<kj::byte>(wanted);
  in_begin_ = 0;
  in_end_ = 0;
  return stream_.tryRead(in_.begin(), 1, in_.size()).then([this](std::size_t count) {
    in_end_ = count;
    return count;
  });
}

kj::Exception GuardedStream::refuse(const std::string& problem) {
  if (problem_.empty()) problem_ = problem;
  kj::Exception exception = make_exception(problem);
  if (failure_ == nullptr) failure_ = kj::cp(exception);
  return exception;
}

// ---- writing

kj::Promise<void> GuardedStream::writeMessage(
    kj::ArrayPtr<const int> /*fds*/, kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
  gather(segments);
  KJ_IF_MAYBE (failure, failure_) return kj::cp(*failure);
  return kj::READY_NOW;
}

kj::Promise<void> GuardedStream::writeMessages(
    kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) {
  for (const auto& segments : messages) gather(segments);
  KJ_IF_MAYBE (failure, failure_) return kj::cp(*failure);
  return kj::READY_NOW;
}

void GuardedStream::gather(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
  if (out_.size() + in_flight_.size() > limits_.backlog_bytes) {
    fail(refuse("the peer does not read what it is sent"));
    return;
  }
  Bytes table;
  put_u32(table, segments.size() - 1);
  for (const auto& segment : segments) put_u32(table, segment.size());
  table.resize((table.size() + 7) / 8 * 8);
  pack(table, out_);
  for (const auto& segment : segments) {
    const auto bytes = segment.asBytes();
    pack(std::as_bytes(std::span(bytes.begin(), bytes.size())), out_);
  }
  if (!held_ || out_.size() > kHeldBytes) flush_soon();
}

void GuardedStream::flush_soon() {
  if (failure_ != nullptr) return;
  // Even if nothing is gathered yet: the library hands a message over in a later turn.
  if (std::exchange(flushing_now_, true)) {
    flush_again_ = true;
    return;
  }
  flushing_ = kj::evalLast([this] { return flush(); }).eagerlyEvaluate([this](kj::Exception&& e) {
    if (problem_.empty()) problem_ = sentence_of(e);
    fail(kj::mv(e));
  });
}

kj::Promise<void> GuardedStream::flush() {
  flush_again_ = false;
  if (out_.empty()) {
    flushing_now_ = false;
    KJ_IF_MAYBE (waiter, on_drained_) (*waiter)->fulfill();
    on_drained_ = nullptr;
    return kj::READY_NOW;
  }
  in_flight_.swap(out_);
  return stream_.write(in_flight_.data(), in_flight_.size()).then([this]() -> kj::Promise<void> {
    in_flight_.clear();
    if (in_flight_.capacity() > kKeptCapacity) in_flight_ = Bytes();
    if (flush_again_) return kj::evalLast([this] { return flush(); });
    return flush();
  });
}

void GuardedStream::fail(kj::Exception&& exception) {
  if (failure_ == nullptr) failure_ = kj::cp(exception);
  KJ_IF_MAYBE (waiter, on_drained_) (*waiter)->reject(kj::cp(exception));
  on_drained_ = nullptr;
  reading_.cancel(exception);
}

kj::Promise<void> GuardedStream::drained() {
  flush_soon();
  KJ_IF_MAYBE (failure, failure_) return kj::cp(*failure);
  if (!flushing_now_) return kj::READY_NOW;
  auto waiting = kj::newPromiseAndFulfiller<void>();
  on_drained_ = kj::mv(waiting.fulfiller);
  return kj::mv(waiting.promise);
}

kj::Promise<void> GuardedStream::end() {
  return drained().then([this] { stream_.shutdownWrite(); });
}

}  // namespace volta::rpc
