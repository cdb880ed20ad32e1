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

std::optional<std::string> http_exposure(const Settings& settings) {
  const std::string& listen = settings.text("http.listen");
  if (only_loopback(listen) || settings.boolean("http.insecure")) return std::nullopt;
  return listen +
         " is reachable from other machines, and this version serves no TLS; to serve plain HTTP "
         "there all the same, add --insecure-http";
}

std::optional<std::string> rpc_exposure(const Settings& settings) {
  const std::string& listen = settings.text("rpc.listen");
  if (only_loopback(listen) || settings.boolean("rpc.insecure_plaintext")) return std::nullopt;
  return listen +
         " is reachable from other machines, and this version speaks no TLS to agents; to accept "
         "plaintext there all the same, add --insecure-plaintext here and on the agents";
}

void refuse_exposure(std::initializer_list<std::optional<std::string>> exposures) {
  for (const auto& exposure : exposures) {
    if (exposure) throw StartFailure(Exit::configuration, *exposure);
  }
}

AccessKey access_key_of(const std::filesystem::path& dir) {
  return *AccessKey::parse(load_or_make_access_key(dir));
}

}  // namespace volta
