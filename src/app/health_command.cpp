// volta health: for container health checks and scripts.
#include <iostream>

#include "app/commands.hpp"
#include "app/process.hpp"
#include "base/error.hpp"
#include "outbound/curl_client.hpp"

namespace volta {

int run_health(const HealthOptions& options) {
  CurlClient client(std::string("volta/") + kVersion);
  OutboundRequest request;
  request.url = options.url.substr(0, options.url.find_last_not_of('/') + 1) + "/readyz";
  request.timeout_ms = 5000;
  try {
    const OutboundResponse response = client.perform(request);
    if (options.json) {
      std::cout << response.body << '\n';
    } else {
      std::cout << (response.status == 200 ? "ready" : "not ready") << '\n';
    }
    return code(response.status == 200 ? Exit::done : Exit::failed);
  } catch (const Failure& failure) {
    throw StartFailure(Exit::unreachable, failure.what());
  }
}

}  // namespace volta
