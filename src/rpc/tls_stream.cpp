#include "rpc/tls_stream.hpp"

#include <algorithm>
#include <utility>

#include <kj/debug.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "rpc/quiet_kj.hpp"

namespace volta::rpc {
namespace {

// As the buffers of GuardedStream: an idle connection keeps the small one.
constexpr std::size_t kSmallRead = 2048;
constexpr std::size_t kLargeRead = 32U << 10U;

}  // namespace

TlsStream::TlsStream(kj::Own<kj::AsyncIoStream> socket, TlsSession session,
                     std::span<const std::byte> received)
    : socket_(kj::mv(socket)), session_(std::move(session)) {
  BIO* incoming = BIO_new(BIO_s_mem());
  BIO* outgoing = BIO_new(BIO_s_mem());
  KJ_REQUIRE(incoming != nullptr && outgoing != nullptr, "no memory for TLS");
  BIO_set_mem_eof_return(incoming, -1);  // empty is "try again", not the end
  BIO_set_mem_eof_return(outgoing, -1);
  SSL_set_bio(session_.get(), incoming, outgoing);  // which owns them now
  if (!received.empty()) {
    BIO_write(incoming, received.data(), static_cast<int>(received.size()));
  }
}

kj::Promise<kj::Maybe<HandshakeFailure>> TlsStream::handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(session_.get());
  const int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(session_.get(), done);
  const bool more = error == SSL_ERROR_WANT_READ;
  if (done != 1 && !more) {
    HandshakeFailure failure{"", tls_distrusts(session_.get())};
    failure.problem = tls_problem(session_.get());
    send_output();  // the alert, which tells the other side why
    return sent().then([failure = std::move(failure)]() mutable -> kj::Maybe<HandshakeFailure> {
      return std::move(failure);
    });
  }
  send_output();
  if (done == 1) {
    return sent().then([]() -> kj::Maybe<HandshakeFailure> { return nullptr; });
  }
  return read_more().then([this](bool open) -> kj::Promise<kj::Maybe<HandshakeFailure>> {
    if (open) return handshake();
    return kj::Maybe<HandshakeFailure>(
        HandshakeFailure{"it closed the connection within the TLS handshake", false});
  });
}

// ---- reading

kj::Promise<std::size_t> TlsStream::tryRead(void* buffer, std::size_t least, std::size_t most) {
  return read_into(static_cast<std::byte*>(buffer), least, most, 0);
}

kj::Promise<std::size_t> TlsStream::read_into(std::byte* out, std::size_t least, std::size_t most,
                                              std::size_t have) {
  while (have < most) {
    ERR_clear_error();
    std::size_t got = 0;
    const int done = SSL_read_ex(session_.get(), out + have, most - have, &got);
    if (done == 1) {
      have += got;
      continue;
    }
    const int error = SSL_get_error(session_.get(), done);
    if (error == SSL_ERROR_ZERO_RETURN) return have;
    if (error != SSL_ERROR_WANT_READ) {
      const std::string problem = tls_problem(session_.get());
      send_output();
      return make_exception("the encrypted connection broke: " + problem);
    }
    send_output();  // an answer to the peer's new key, for example
    if (have >= least) return have;
    return read_more().then([=, this](bool open) -> kj::Promise<std::size_t> {
      if (open) return read_into(out, least, most, have);
      return have;
    });
  }
  return have;
}

// False: the peer closed.
kj::Promise<bool> TlsStream::read_more() {
  const std::size_t wanted = read_all_ ? kLargeRead : kSmallRead;
  if (in_.size() != wanted) in_ = kj::heapArray<kj::byte>(wanted);
  return socket_->tryRead(in_.begin(), 1, in_.size()).then([this](std::size_t count) {
    read_all_ = count == in_.size();
    BIO_write(SSL_get_rbio(session_.get()), in_.begin(), static_cast<int>(count));
    return count > 0;
  });
}

// ---- writing

kj::Promise<void> TlsStream::write(const void* buffer, std::size_t size) {
  encrypt(buffer, size);
  return sent();
}

kj::Promise<void> TlsStream::write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) {
  for (const auto& piece : pieces) encrypt(piece.begin(), piece.size());
  return sent();
}

// Memory takes all of it at once.
void TlsStream::encrypt(const void* data, std::size_t size) {
  if (size == 0 || failure_ != nullptr) return;
  ERR_clear_error();
  std::size_t taken = 0;
  if (SSL_write_ex(session_.get(), data, size, &taken) != 1 || taken != size) {
    fail(make_exception("the encrypted connection broke: " + tls_problem(session_.get())));
    return;
  }
  send_output();
}

// When all that is encrypted so far has been taken by the socket.
kj::Promise<void> TlsStream::sent() {
  KJ_IF_MAYBE (failure, failure_) return kj::cp(*failure);
  if (!sending_) return kj::READY_NOW;
  auto done = kj::newPromiseAndFulfiller<void>();
  waiting_.push_back(kj::mv(done.fulfiller));
  return kj::mv(done.promise);
}

void TlsStream::send_output() {
  if (sending_ || failure_ != nullptr || BIO_ctrl_pending(SSL_get_wbio(session_.get())) == 0)
    return;
  sending_ = true;
  sending_now_ = send_all().eagerlyEvaluate([this](kj::Exception&& e) { fail(kj::mv(e)); });
}

kj::Promise<void> TlsStream::send_all() {
  BIO* outgoing = SSL_get_wbio(session_.get());
  const std::size_t size = BIO_ctrl_pending(outgoing);
  if (size == 0) {
    sending_ = false;
    in_flight_ = {};
    if (ending_) socket_->shutdownWrite();
    for (auto& waiter : waiting_) waiter->fulfill();
    waiting_.clear();
    return kj::READY_NOW;
  }
  in_flight_.resize(size);
  BIO_read(outgoing, in_flight_.data(), static_cast<int>(size));
  return socket_->write(in_flight_.data(), size).then([this] { return send_all(); });
}

void TlsStream::fail(kj::Exception&& exception) {
  sending_ = false;
  for (auto& waiter : waiting_) waiter->reject(kj::cp(exception));
  waiting_.clear();
  if (failure_ == nullptr) failure_ = kj::mv(exception);
}

void TlsStream::shutdownWrite() {
  if (std::exchange(ending_, true)) return;
  ERR_clear_error();
  SSL_shutdown(session_.get());
  ERR_clear_error();
  send_output();
  if (!sending_ && failure_ == nullptr) socket_->shutdownWrite();
}

}  // namespace volta::rpc
