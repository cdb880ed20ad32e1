#include "base/ca_file.hpp"

#include <cstdlib>

#include <unistd.h>

namespace volta {

std::string find_ca_file() {
  const char* chosen =
      std::getenv("SSL_CERT_FILE");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  if (chosen != nullptr && chosen[0] != '\0') return chosen;
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"}) {
    if (::access(path, R_OK) == 0) return path;
  }
  return "";
}

}  // namespace volta
