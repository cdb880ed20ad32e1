// TLS as both ends of volta's wires use it: version 1.2 at least, no renegotiation, no session
// tickets (a resumed session would skip the check of the key). Keys and certificates are PEM text.
// A server is known either by its public key (a pin, which no date and no name can spoil) or by a
// certificate that an authority has signed for its name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.hpp"
#include "base/result.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace volta {

// SHA-256 of a public key as its DER SubjectPublicKeyInfo, as RFC 7469 pins keys.
using KeyPin = Sha256;
std::string pin_text(const KeyPin& pin);      // 43 characters of base64url
std::string pin_for_curl(const KeyPin& pin);  // "sha256//", RFC 4648 section 4, padded
Result<KeyPin> parse_pin(std::string_view text);

struct TlsKeyPair {
  std::string key_pem;    // the private key
  std::string chain_pem;  // its certificate, then those up to the authority's, if any
};
// A new P-256 key with a certificate of its own that does not expire (RFC 5280 4.1.2.5), since it
// is for peers that look at the key alone. Throws Failure.
TlsKeyPair make_tls_key_pair(const std::string& common_name);
// Key and certificates out of one text, in any order.
TlsKeyPair split_pem(std::string_view pem);

// Shared by all connections of a kind. Thread-safe.
using TlsContext = std::shared_ptr<ssl_ctx_st>;
using TlsSession = std::unique_ptr<ssl_st, void (*)(ssl_st*)>;

// The error says what is wrong with the key or the certificate: not PEM, not of one pair.
Result<TlsContext> tls_server_context(const TlsKeyPair& pair);
// As `own`, but a client that looks at certificates (new_tls_client() says so by ALPN) is shown
// what `certificate` gives at that moment, from any thread. Requires that nobody uses `own` yet.
void show_certificate_to_verifiers(const TlsContext& own, std::function<TlsContext()> certificate);
// The pin of the first certificate in the text.
Result<KeyPin> pin_of(const std::string& chain_pem);

// How a client knows that it speaks to the server that it means.
struct TlsTrust {
  std::optional<KeyPin> pin = {};  // then nothing else is looked at
  std::string ca_file = {};        // authorities, PEM; "": those of the machine
};
Result<TlsContext> tls_client_context(const TlsTrust& trust);

TlsSession new_tls_server(const TlsContext& context);
// `host`: the name or address that the certificate must be for; of no matter with a pin.
TlsSession new_tls_client(const TlsContext& context, const std::string& host);

// Why a handshake or a session failed, a clause about the other side ("its certificate expired"),
// after the call on `session` that failed. Empties this thread's queue of OpenSSL errors.
std::string tls_problem(const ssl_st* session);
// The server is another than the one that is meant, or cannot prove that it is the one.
bool tls_distrusts(const ssl_st* session);

}  // namespace volta
