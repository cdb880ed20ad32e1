#include "app/exposure.hpp"

#include "app/process.hpp"
#include "app/secret_file.hpp"
#include "base/host_port.hpp"

namespace volta {

bool only_loopback(const std::string& address) {
  const auto parsed = parse_host_port(address);
  return parsed && is_loopback(parsed->host);
}

void check_http_exposure(const Settings& settings) {
  const std::string& listen = settings.text("http.listen");
  if (only_loopback(listen) || settings.boolean("http.insecure")) return;
  throw StartFailure(Exit::configuration,
                     listen +
                         " is reachable from other machines, and this version serves no TLS; to "
                         "serve plain HTTP there all the same, add --insecure-http");
}

AccessKey access_key_of(const std::filesystem::path& dir) {
  return *AccessKey::parse(load_or_make_access_key(dir));
}

}  // namespace volta
