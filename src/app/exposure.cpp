#include "app/exposure.hpp"

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

ListenOptions page_listener(const Settings& settings, const std::string& hostname,
                            std::shared_ptr<ServedCertificate> certificate) {
  ListenOptions listen;
  listen.address = settings.text("http.listen");
  listen.allowed_hosts = page_names(settings, hostname);
  listen.tls = [certificate = std::move(certificate)] { return certificate->newest(); };
  listen.require_tls = settings.boolean("http.tls");
  listen.insecure = settings.boolean("http.insecure");
  return listen;
}

AccessKey access_key_of(const std::filesystem::path& dir) {
  return *AccessKey::parse(load_or_make_access_key(dir));
}

}  // namespace volta
