// HTTP(S) requests to other machines, and to volta's own admin socket, over libcurl. The one place
// that knows curl. Redirects are never followed: credentials must not travel where nobody sent
// them. Certificates are verified unless the request says otherwise; no proxy of the environment is
// used, since then a stranger would do the connecting, past the rules.
#pragma once

#include <string>

#include "model/http.hpp"
#include "outbound/handle_pool.hpp"
#include "outbound/network_rules.hpp"

namespace volta {

// Thread-safe: each request has a handle of its own while it runs.
class CurlClient final : public HttpClient {
 public:
  // Of the answer's headers in all.
  static constexpr std::size_t kMostHeaderBytes = 64U << 10U;

  // `user_agent` is sent with every request. The rules hold for every connection but unix sockets.
  explicit CurlClient(std::string user_agent, NetworkRules rules = NetworkRules::standard());
  // Throws Failure when there was no answer, when it was longer than most_bytes or took longer than
  // timeout_ms, and when the rules allow none of the server's addresses. Messages name the URL
  // without its query.
  OutboundResponse perform(const OutboundRequest& request) override;

 private:
  std::string user_agent_;
  std::string ca_file_;
  NetworkRules rules_;
  HandlePool pool_;
};

}  // namespace volta
