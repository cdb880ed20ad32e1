#include "base/tls.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/ca_file.hpp"
#include "base/error.hpp"

namespace volta {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

// "99991231235959Z": no well-defined end.
constexpr const char* kNoEnd = "99991231235959Z";
constexpr std::size_t kPinCharacters = 43;

// Nothing of the machine's openssl.cnf: it may name modules, and a static process loads none.
void start_openssl() {
  static const int started = OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  if (started != 1) throw Failure("the TLS library does not start");
}

// What OpenSSL calls for what one of its objects keeps of ours.
template <typename T>
void free_kept(void* /*parent*/, void* kept, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*arg*/,
               void* /*user*/) {
  const std::unique_ptr<T> owner(static_cast<T*>(kept));
}

std::string last_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

void require(bool done, const char* what) {
  if (!done) throw Failure(std::string("cannot ") + what + ": " + last_error());
}

Bio reader_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// Nobody is asked for a passphrase on the terminal of a service.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

std::vector<Certificate> certificates_in(std::string_view pem) {
  std::vector<Certificate> found;
  const Bio bio = reader_of(pem);
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    found.emplace_back(one);
  }
  ERR_clear_error();
  return found;
}

std::optional<KeyPin> pin_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  unsigned char* der = nullptr;
  const int size = key == nullptr ? 0 : i2d_PUBKEY(key, &der);
  if (size <= 0) return std::nullopt;
  const bool hashed = EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), &length,
                                 EVP_sha256(), nullptr) == 1;
  OPENSSL_free(der);
  KeyPin pin{};
  if (!hashed || length != pin.size()) return std::nullopt;
  std::copy_n(digest.begin(), pin.size(), pin.begin());
  return pin;
}

std::string date_of(const ASN1_TIME* time) {
  const Bio out(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(out.get(), time);
  return text_of(out.get());
}

// Whom the certificate is for: its DNS names, else its subject's common name.
std::string names_of(const X509* certificate) {
  std::string names;
  auto* list = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = ASN1_STRING_get0_data(name->d.dNSName);
    const int length = ASN1_STRING_length(name->d.dNSName);
    names += names.empty() ? "" : ", ";
    names.append(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length));
  }
  GENERAL_NAMES_free(list);
  if (!names.empty()) return names;
  std::array<char, 256> common{};
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                               common.data(), static_cast<int>(common.size()));
  return length > 0 ? std::string(common.data(), static_cast<std::size_t>(length)) : "nobody";
}

// Of a check that failed.
std::string why_untrusted(X509_STORE_CTX* store) {
  const X509* shown = X509_STORE_CTX_get0_cert(store);
  if (shown == nullptr) return "it shows no certificate";
  switch (const int result = X509_STORE_CTX_get_error(store)) {
    case X509_V_ERR_APPLICATION_VERIFICATION: {
      const auto actual = pin_of(shown);
      return "its key is not the one that is pinned, but " +
             (actual ? pin_text(*actual) : std::string("unreadable"));
    }
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate expired on " +
             date_of(X509_get0_notAfter(X509_STORE_CTX_get_current_cert(store)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid before " +
             date_of(X509_get0_notBefore(X509_STORE_CTX_get_current_cert(store))) +
             " (is this machine's clock right?)";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "its certificate is for another name: " + names_of(shown);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "its certificate is signed by no authority that is trusted here";
    default:
      return std::string("its certificate is not accepted: ") +
             X509_verify_cert_error_string(result);
  }
}

// Where a session keeps why its peer is not trusted: the certificate is gone when that is asked.
int reason_slot() {
  static const int slot =
      SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_kept<std::string>);
  return slot;
}

void note_distrust(X509_STORE_CTX* store) {
  auto* session =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (SSL_get_ex_data(session, reason_slot()) != nullptr) return;
  auto text = std::make_unique<std::string>(why_untrusted(store));
  if (SSL_set_ex_data(session, reason_slot(), text.get()) == 1) static_cast<void>(text.release());
}

int note_failed_check(int passed, X509_STORE_CTX* store) {
  if (passed != 1) note_distrust(store);
  return passed;
}

// In place of OpenSSL's own check. The verify result that it leaves is told to the server, as the
// alert "handshake failure".
int check_pin(X509_STORE_CTX* store, void* wanted) {
  const auto& pin = *static_cast<const KeyPin*>(wanted);
  const X509* shown = X509_STORE_CTX_get0_cert(store);
  const auto actual = shown == nullptr ? std::nullopt : pin_of(shown);
  if (actual && *actual == pin) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  note_distrust(store);
  return 0;
}

int pin_slot() {
  static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_kept<KeyPin>);
  return slot;
}

// The name of an agent's protocol where it looks at the certificate and not at the key alone.
constexpr std::string_view kVerifierProtocol = "volta-ca";

using ShownCertificate = std::function<TlsContext()>;

int shown_slot() {
  static const int slot =
      SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_kept<ShownCertificate>);
  return slot;
}

// RFC 7301 3.1: a list of names, each with its length in a byte, behind the list's own in two.
bool offers_verifier_protocol(SSL* session) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_application_layer_protocol_negotiation, &data,
                                &size) != 1)
    return false;
  std::string_view names(reinterpret_cast<const char*>(data), size);
  names.remove_prefix(std::min<std::size_t>(2, names.size()));
  while (!names.empty()) {
    const auto length = static_cast<unsigned char>(names.front());
    if (names.substr(1, length) == kVerifierProtocol) return true;
    names.remove_prefix(std::min<std::size_t>(length + 1U, names.size()));
  }
  return false;
}

int choose_certificate(SSL* session, int* /*alert*/, void* /*unused*/) {
  const auto* shown = static_cast<const ShownCertificate*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), shown_slot()));
  if (shown != nullptr && offers_verifier_protocol(session)) {
    const TlsContext context = (*shown)();
    SSL_set_SSL_CTX(session, context.get());  // which counts its own reference
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

TlsContext new_context(const SSL_METHOD* method) {
  start_openssl();
  TlsContext context(SSL_CTX_new(method), SSL_CTX_free);
  require(context != nullptr, "set up TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  return context;
}

TlsSession new_session(const TlsContext& context) {
  TlsSession session(SSL_new(context.get()), SSL_free);
  require(session != nullptr, "begin a TLS session");
  return session;
}

// What the other side said before it hung up.
std::string why_refused(int alert_reason) {
  switch (alert_reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "it trusts nobody who signed this certificate";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "it finds this certificate expired (or not yet valid)";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      return "it asked for another name than this certificate is for, or cannot read it";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return "it expects another key than this one, or knows none of the same ciphers";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return "it speaks no version of TLS that is allowed here (1.2 or newer)";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return "it wants a certificate of this side";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return "it does not speak TLS";
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
      return "what came was changed on its way, or is broken";
    default:
      return "";
  }
}

}  // namespace

std::string pin_text(const KeyPin& pin) { return base64url(pin); }

std::string pin_for_curl(const KeyPin& pin) {
  std::string text = base64url(pin);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  return "sha256//" + text + "=";
}

Result<KeyPin> parse_pin(std::string_view text) {
  const auto bytes = text.size() == kPinCharacters ? unbase64url(text) : std::nullopt;
  KeyPin pin{};
  if (!bytes || bytes->size() != pin.size())
    return Error{"a pin is 43 characters of base64url, as `volta server --show-pin` prints it"};
  std::copy(bytes->begin(), bytes->end(), pin.begin());
  return pin;
}

TlsKeyPair make_tls_key_pair(const std::string& common_name) {
  start_openssl();
  const PrivateKey key(EVP_EC_gen("P-256"));
  require(key != nullptr, "make a key");
  const Certificate certificate(X509_new());
  require(certificate != nullptr, "make a certificate");
  X509* x509 = certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  std::array<std::uint8_t, 16> serial{};
  random_bytes(serial);
  serial[0] &= 0x7fU;  // positive
  BIGNUM* number = BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(x509), -24 * 3600L);  // clocks differ
  ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), kNoEnd);
  X509_NAME* name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_set_issuer_name(x509, name);
  require(X509_set_pubkey(x509, key.get()) == 1 && X509_sign(x509, key.get(), EVP_sha256()) > 0,
          "sign a certificate");
  const Bio key_out(BIO_new(BIO_s_mem()));
  const Bio chain_out(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PKCS8PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                        nullptr) == 1 &&
              PEM_write_bio_X509(chain_out.get(), x509) == 1,
          "write a key");
  return {text_of(key_out.get()), text_of(chain_out.get())};
}

TlsKeyPair split_pem(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kEnd = "-----END ";
  TlsKeyPair pair;
  std::size_t begin = pem.find(kBegin);
  while (begin != std::string_view::npos) {
    const std::size_t end = pem.find(kEnd, begin);
    if (end == std::string_view::npos) break;
    const std::size_t line = std::min(pem.find('\n', end), pem.size() - 1) + 1;
    const std::string_view block = pem.substr(begin, line - begin);
    const std::string_view label = block.substr(0, block.find('\n'));
    (label.find("PRIVATE KEY") == std::string_view::npos ? pair.chain_pem : pair.key_pem) += block;
    begin = pem.find(kBegin, line);
  }
  return pair;
}

Result<TlsContext> tls_server_context(const TlsKeyPair& pair) {
  TlsContext context = new_context(TLS_server_method());
  const Bio key_in = reader_of(pair.key_pem);
  const PrivateKey key(PEM_read_bio_PrivateKey(key_in.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    ERR_clear_error();
    return Error{"there is no private key in PEM form that can be read without a passphrase"};
  }
  std::vector<Certificate> chain = certificates_in(pair.chain_pem);
  if (chain.empty()) return Error{"there is no certificate in PEM form"};
  if (SSL_CTX_use_certificate(context.get(), chain.front().get()) != 1)
    return Error{"the certificate cannot be used: " + last_error()};
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) != 1)
      return Error{"the chain of certificates cannot be used: " + last_error()};
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    ERR_clear_error();
    return Error{"the private key is not that of the certificate"};
  }
  return context;
}

void show_certificate_to_verifiers(const TlsContext& own, std::function<TlsContext()> certificate) {
  auto shown = std::make_unique<ShownCertificate>(std::move(certificate));
  require(SSL_CTX_set_ex_data(own.get(), shown_slot(), shown.get()) == 1, "set up TLS");
  static_cast<void>(shown.release());  // the context's
  SSL_CTX_set_client_hello_cb(own.get(), choose_certificate, nullptr);
}

Result<KeyPin> pin_of(const std::string& chain_pem) {
  const std::vector<Certificate> chain = certificates_in(chain_pem);
  const auto pin = chain.empty() ? std::nullopt : pin_of(chain.front().get());
  if (!pin) return Error{"there is no certificate in PEM form"};
  return *pin;
}

Result<TlsContext> tls_client_context(const TlsTrust& trust) {
  TlsContext context = new_context(TLS_client_method());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, note_failed_check);
  if (trust.pin) {
    auto pin = std::make_unique<KeyPin>(*trust.pin);
    SSL_CTX_set_cert_verify_callback(context.get(), check_pin, pin.get());
    require(SSL_CTX_set_ex_data(context.get(), pin_slot(), pin.release()) == 1, "set up TLS");
    return context;
  }
  const std::string file = trust.ca_file.empty() ? find_ca_file() : trust.ca_file;
  std::string protocols(1, static_cast<char>(kVerifierProtocol.size()));
  protocols += kVerifierProtocol;
  require(SSL_CTX_set_alpn_protos(context.get(),
                                  reinterpret_cast<const unsigned char*>(protocols.data()),
                                  static_cast<unsigned>(protocols.size())) == 0,
          "set up TLS");
  if (file.empty()) return context;  // nobody is trusted, which the handshake will say
  if (SSL_CTX_load_verify_file(context.get(), file.c_str()) != 1) {
    const std::string why = last_error();
    return Error{"cannot read certificates of authorities from " + file + ": " + why};
  }
  return context;
}

TlsSession new_tls_server(const TlsContext& context) {
  TlsSession session = new_session(context);
  SSL_set_accept_state(session.get());
  return session;
}

TlsSession new_tls_client(const TlsContext& context, const std::string& host) {
  TlsSession session = new_session(context);
  SSL_set_connect_state(session.get());
  X509_VERIFY_PARAM* wanted = SSL_get0_param(session.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) {
    ERR_clear_error();
    require(X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size()) == 1 &&
                SSL_set_tlsext_host_name(session.get(), host.c_str()) == 1,
            "ask for the server's name");
  }
  return session;
}

std::string tls_problem(const ssl_st* session) {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const auto* distrust = static_cast<const std::string*>(SSL_get_ex_data(session, reason_slot()));
  if (distrust != nullptr) return *distrust;
  std::string known = code == 0 ? "it hung up" : why_refused(ERR_GET_REASON(code));
  if (!known.empty()) return known;
  const char* reason = ERR_reason_error_string(code);
  return std::string("TLS failed: ") + (reason == nullptr ? "unknown reason" : reason);
}

bool tls_distrusts(const ssl_st* session) {
  return SSL_get_ex_data(session, reason_slot()) != nullptr;
}

}  // namespace volta
