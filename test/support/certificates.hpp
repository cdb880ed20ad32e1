// An authority for tests: signs certificates for any name and any time.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/tls.hpp"

namespace volta::test {

// A certificate's days from now.
struct Validity {
  long first = -1;
  long last = 1;
};

class Authority {
 public:
  explicit Authority(const std::string& name = "the authority")
      : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(sign(name, "", {}, key_.get())) {}

  [[nodiscard]] std::string pem() const { return pem_of(certificate_.get()); }
  // `names` as OpenSSL writes them: "DNS:volta.example,IP:127.0.0.1".
  [[nodiscard]] TlsKeyPair issue(const std::string& names, Validity validity = {}) const {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const auto leaf = sign("a server", names, validity, key.get());
    const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return {text_of(out.get()), pem_of(leaf.get())};
  }

 private:
  using X509Ptr = std::unique_ptr<X509, void (*)(X509*)>;

  static std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
  }
  static std::string pem_of(X509* certificate) {
    const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(out.get(), certificate);
    return text_of(out.get());
  }
  static void extend(X509* certificate, int kind, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  [[nodiscard]] X509Ptr sign(const std::string& subject, const std::string& names,
                             Validity validity, EVP_PKEY* key) const {
    constexpr long kDay = 86'400;
    X509Ptr made(X509_new(), X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), validity.first * kDay);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), validity.last * kDay);
    const auto name = [](X509_NAME* to, const std::string& common) {
      X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common.data()),
                                 static_cast<int>(common.size()), -1, 0);
    };
    name(X509_get_subject_name(made.get()), subject);
    const X509_NAME* issuer = names.empty() ? X509_get_subject_name(made.get())
                                            : X509_get_subject_name(certificate_.get());
    X509_set_issuer_name(made.get(), issuer);
    X509_set_pubkey(made.get(), key);
    if (names.empty()) {
      extend(made.get(), NID_basic_constraints, "critical,CA:TRUE");
    } else {
      extend(made.get(), NID_subject_alt_name, names);
    }
    X509_sign(made.get(), key_.get(), EVP_sha256());
    return made;
  }

  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  mutable long serial_ = 0;
  X509Ptr certificate_;
};

}  // namespace volta::test
