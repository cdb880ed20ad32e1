#include "app/exposure.hpp"

#include "app/process.hpp"
#include "app/secret_file.hpp"
#include "base/host_port.hpp"

namespace volta {

bool only_loopback(const std::string& address) {
  const auto parsed = parse_host_port(address);
  return parsed && is_loopback(parsed->host);
}

std::vector<std::string> page_names(const Settings& settings, const std::string& hostname) {
  std::vector<std::string> names = settings.list("http.allowed_hosts");
  if (only_loopback(settings.text("http.listen")) || hostname.empty()) return names;
  names.push_back(hostname);
  names.push_back(hostname.substr(0, hostname.find('.')));
  return names;
}

std::vector<std::string> exposures(const Settings& settings) {
  std::vector<std::string> found;
  const std::string& http = settings.text("http.listen");
  if (!only_loopback(http) && !settings.boolean("http.insecure")) {
    found.push_back(http +
                    " is reachable from other machines, and this version serves no TLS; to serve "
                    "plain HTTP there all the same, add --insecure-http");
  }
  return found;
}

void refuse_exposure(const Settings& settings) {
  const std::vector<std::string> found = exposures(settings);
  if (!found.empty()) throw StartFailure(Exit::configuration, found.front());
}

AccessKey access_key_of(const std::filesystem::path& dir) {
  return *AccessKey::parse(load_or_make_access_key(dir));
}

}  // namespace volta
