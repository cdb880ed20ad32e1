// Cap'n Proto messages over a byte stream, with care: packed, checked before anything is allocated
// (frame_reader.hpp), and writes gathered so that what one turn of the event loop says leaves in
// one system call.
//
// It implements the library's message interface and not its byte stream, so that the library's own
// reader of frames never sees a foreign byte. One thread: that of the event loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <capnp/serialize-async.h>
#include <kj/async-io.h>

#include "rpc/frame_reader.hpp"

namespace volta::rpc {

struct StreamLimits {
  std::size_t message_bytes = kLargestMessageBytes;  // of one incoming message
  std::uint64_t messages = 0;                        // incoming; 0: any number
  std::size_t backlog_bytes = 1U << 20U;             // written, but not taken by the peer
};

class GuardedStream final : public capnp::MessageStream {
 public:
  // `stream` must outlive it.
  GuardedStream(kj::AsyncIoStream& stream, StreamLimits limits);

  void set_limits(StreamLimits limits);
  // While held, small messages wait until flush_soon() or until 4 KiB are together.
  void hold(bool held) { held_ = held; }
  // Sends what is gathered as soon as the event loop has nothing else to do.
  void flush_soon();
  // Resolves when all that is gathered has been taken by the socket; may throw.
  kj::Promise<void> drained();

  // Why the stream broke, as a sentence; "" if it did not, or the peer just closed it.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  using capnp::MessageStream::tryReadMessage;
  using capnp::MessageStream::writeMessage;
  using capnp::MessageStream::writeMessages;
  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(
      kj::ArrayPtr<kj::AutoCloseFd> fd_space, capnp::ReaderOptions options,
      kj::ArrayPtr<capnp::word> scratch) override;
  kj::Promise<void> writeMessage(
      kj::ArrayPtr<const int> fds,
      kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
  kj::Promise<void> writeMessages(
      kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
  kj::Maybe<int> getSendBufferSize() override { return nullptr; }
  kj::Promise<void> end() override;

 private:
  using MaybeMessage = kj::Maybe<capnp::MessageReaderAndFds>;

  kj::Promise<MaybeMessage> read_message(capnp::ReaderOptions options);
  kj::Promise<std::size_t> read_more();
  kj::Exception refuse(const std::string& problem);
  void gather(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments);
  kj::Promise<void> flush();
  void fail(kj::Exception&& exception);

  kj::AsyncIoStream& stream_;
  StreamLimits limits_;
  FrameReader frame_;
  std::uint64_t messages_ = 0;
  std::string problem_;
  kj::Maybe<kj::Exception> failure_;

  kj::Array<kj::byte> in_;  // read but not yet fed: [in_begin_, in_end_)
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;

  bool held_ = false;
  bool flushing_now_ = false;
  bool flush_again_ = false;
  Bytes out_;
  Bytes in_flight_;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> on_drained_;
  kj::Canceler reading_;  // a failed write ends the read, too
  kj::Promise<void> flushing_ = kj::READY_NOW;
};

}  // namespace volta::rpc
