// Any bytes as what is not TLS's own work to read: pins, PEM files, and the hello of a client,
// whose list of protocols chooses the certificate.
#include <cstdint>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/assert.hpp"
#include "base/tls.hpp"

namespace {

volta::TlsContext choosing_context() {
  const auto context = *volta::tls_server_context(volta::make_tls_key_pair("own"));
  volta::show_certificate_to_verifiers(
      context,
      [shown = *volta::tls_server_context(volta::make_tls_key_pair("shown"))] { return shown; });
  return context;
}

void hear_hello(std::string_view bytes) {
  static const volta::TlsContext context = choosing_context();
  const volta::TlsSession session = volta::new_tls_server(context);
  BIO* in = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, -1);
  BIO_write(in, bytes.data(), static_cast<int>(bytes.size()));
  SSL_set_bio(session.get(), in, BIO_new(BIO_s_mem()));
  ERR_clear_error();
  const int done = SSL_do_handshake(session.get());
  VOLTA_ASSERT(done != 1);  // nobody finishes a handshake without the other side's random
  if (SSL_get_error(session.get(), done) != SSL_ERROR_WANT_READ) {
    VOLTA_ASSERT(!volta::tls_problem(session.get()).empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto pin = volta::parse_pin(text)) VOLTA_ASSERT(volta::pin_text(*pin) == text);
  const volta::TlsKeyPair pair = volta::split_pem(text);
  VOLTA_ASSERT(pair.key_pem.size() + pair.chain_pem.size() <= text.size());
  const auto context = volta::tls_server_context(pair);
  if (!context) VOLTA_ASSERT(!context.error().text.empty());
  hear_hello(text);
  return 0;
}
