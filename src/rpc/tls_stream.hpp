// TLS over a KJ byte stream. KJ has one of its own, which knows no pins and says of a failure what
// OpenSSL says; this one keeps the socket to itself and lets base/tls judge and explain.
//
// OpenSSL works on two buffers in memory. What it wants to send goes out in one write at a time, in
// its order, whether a write of ours or something that was read has made it. One thread: that of
// the event loop.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <kj/async-io.h>

#include "base/tls.hpp"

namespace volta::rpc {

// Why a handshake came to nothing.
struct HandshakeFailure {
  std::string problem;      // a clause about the other side, as tls_problem()
  bool distrusted = false;  // it is not who it should be
};

class TlsStream final : public kj::AsyncIoStream {
 public:
  // `received`: what was read of the stream already, the beginning of the handshake.
  TlsStream(kj::Own<kj::AsyncIoStream> socket, TlsSession session,
            std::span<const std::byte> received = {});
  KJ_DISALLOW_COPY(TlsStream);

  // Resolves when both sides are who they should be, or with why not. Throws if the socket breaks.
  // Once, and before anything else.
  kj::Promise<kj::Maybe<HandshakeFailure>> handshake();

  // Bytes after the handshake. A stream that ends without TLS's own goodbye has ended all the same:
  // what is incomplete then is seen by whoever reads messages.
  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t least, std::size_t most) override;
  kj::Promise<void> write(const void* buffer, std::size_t size) override;
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override;
  kj::Promise<void> whenWriteDisconnected() override { return socket_->whenWriteDisconnected(); }
  void shutdownWrite() override;
  void abortRead() override { socket_->abortRead(); }

 private:
  kj::Promise<std::size_t> read_into(std::byte* out, std::size_t least, std::size_t most,
                                     std::size_t have);
  kj::Promise<bool> read_more();
  void encrypt(const void* data, std::size_t size);
  kj::Promise<void> sent();
  void send_output();
  kj::Promise<void> send_all();
  void fail(kj::Exception&& exception);

  kj::Own<kj::AsyncIoStream> socket_;
  TlsSession session_;
  kj::Array<kj::byte> in_;
  bool read_all_ = false;  // the last read filled in_: more is there

  std::vector<std::byte> in_flight_;
  bool sending_ = false;
  bool ending_ = false;
  kj::Maybe<kj::Exception> failure_;                          // of a write
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> waiting_;  // until all is sent
  kj::Promise<void> sending_now_ = kj::READY_NOW;
};

}  // namespace volta::rpc
