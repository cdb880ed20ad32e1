#include "http/transport.hpp"

#include <optional>

#include <boost/asio/ssl/stream.hpp>

namespace volta {

using boost::system::error_code;

// One of the two.
struct Transport::Layers {
  using Tls = boost::asio::ssl::stream<StreamSocket>;
  std::optional<StreamSocket> plain;
  std::optional<Tls> tls;
};

Transport::Transport(StreamSocket socket) : layers_(std::make_unique<Layers>()) {
  layers_->plain.emplace(std::move(socket));
}

Transport::Transport(Transport&& other) noexcept = default;
Transport& Transport::operator=(Transport&& other) noexcept = default;
Transport::~Transport() = default;

StreamSocket& Transport::socket() {
  return layers_->tls ? layers_->tls->next_layer() : *layers_->plain;
}

bool Transport::encrypted() const { return layers_->tls.has_value(); }

const ssl_st* Transport::session() {
  return layers_->tls ? layers_->tls->native_handle() : nullptr;
}

void Transport::async_encrypt(TlsSession session, Shaken done) {
  layers_->tls.emplace(std::move(*layers_->plain), session.release());
  layers_->plain.reset();
  layers_->tls->async_handshake(Layers::Tls::server, std::move(done));
}

void Transport::async_say_goodbye(Shaken done) { layers_->tls->async_shutdown(std::move(done)); }

void Transport::close(error_code& error) {
  if (layers_) socket().close(error);
}

void Transport::read_some(const Pieces<boost::asio::mutable_buffer>& buffers, HandlerPtr handler) {
  auto done = [handler = std::move(handler)](const error_code& error, std::size_t size) {
    handler->call(error, size);
  };
  if (layers_->tls) return layers_->tls->async_read_some(buffers, std::move(done));
  layers_->plain->async_read_some(buffers, std::move(done));
}

void Transport::write_some(const Pieces<boost::asio::const_buffer>& buffers, HandlerPtr handler) {
  auto done = [handler = std::move(handler)](const error_code& error, std::size_t size) {
    handler->call(error, size);
  };
  if (layers_->tls) return layers_->tls->async_write_some(buffers, std::move(done));
  layers_->plain->async_write_some(buffers, std::move(done));
}

}  // namespace volta
