// A socket whose bytes are counted as they pass, whatever is spoken over it: prefaces, RPC, TLS.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include <kj/async-io.h>

namespace volta::rpc {

// Read from any thread.
struct ByteCounts {
  std::atomic<std::uint64_t> sent = 0;
  std::atomic<std::uint64_t> received = 0;
};

class CountedStream final : public kj::AsyncIoStream {
 public:
  // `counts` must outlive it.
  CountedStream(kj::Own<kj::AsyncIoStream> socket, ByteCounts& counts)
      : socket_(kj::mv(socket)), counts_(counts) {}

  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t least, std::size_t most) override {
    return socket_->tryRead(buffer, least, most).then([this](std::size_t count) {
      counts_.received += count;
      return count;
    });
  }
  // Counted once the socket has taken all.
  kj::Promise<void> write(const void* buffer, std::size_t size) override {
    return socket_->write(buffer, size).then([this, size] { counts_.sent += size; });
  }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    std::size_t size = 0;
    for (const auto& piece : pieces) size += piece.size();
    return socket_->write(pieces).then([this, size] { counts_.sent += size; });
  }
  kj::Promise<void> whenWriteDisconnected() override { return socket_->whenWriteDisconnected(); }
  void shutdownWrite() override { socket_->shutdownWrite(); }
  void abortRead() override { socket_->abortRead(); }
  void getsockopt(int level, int option, void* value, kj::uint* length) override {
    socket_->getsockopt(level, option, value, length);
  }
  void setsockopt(int level, int option, const void* value, kj::uint length) override {
    socket_->setsockopt(level, option, value, length);
  }
  void getsockname(struct sockaddr* address, kj::uint* length) override {
    socket_->getsockname(address, length);
  }
  void getpeername(struct sockaddr* address, kj::uint* length) override {
    socket_->getpeername(address, length);
  }

 private:
  kj::Own<kj::AsyncIoStream> socket_;
  ByteCounts& counts_;
};

}  // namespace volta::rpc
