// HTTP(S) requests to other machines, and to volta's own admin socket, over libcurl. The one place
// that knows curl. Redirects are never followed: credentials must not travel where nobody sent
// them.
#pragma once

#include <string>

#include "model/http.hpp"

namespace volta {

// Thread-safe: each request has a handle of its own.
class CurlClient final : public HttpClient {
 public:
  // `user_agent` is sent with every request.
  explicit CurlClient(std::string user_agent);
  // Throws Failure when there was no answer, when it was longer than most_bytes or took longer than
  // timeout_ms.
  OutboundResponse perform(const OutboundRequest& request) override;

 private:
  std::string user_agent_;
  std::string ca_file_;
};

// The bundle of trusted certificates: $SSL_CERT_FILE, else where Debian, Red Hat, Alpine and SUSE
// keep it; "" if there is none (a static binary brings none of its own).
std::string find_ca_file();

}  // namespace volta
