// volta host ... --hosts-file FILE: the hosts of a file that several servers share. Every server
// that reads the file follows it within seconds; none needs to be asked.
#include <algorithm>
#include <array>
#include <cerrno>
#include <iostream>

#include <fcntl.h>
#include <sys/file.h>

#include "app/commands.hpp"
#include "app/process.hpp"
#include "app/replace_file.hpp"
#include "base/error.hpp"
#include "base/json_writer.hpp"
#include "base/unique_fd.hpp"
#include "base/whole_file.hpp"
#include "fleet/hosts.hpp"
#include "fleet/hosts_file.hpp"

namespace volta {
namespace {

// Two that change the file at once do it one after the other. The folder is locked and not the
// file, which is replaced.
UniqueFd lock_folder_of(const std::filesystem::path& file) {
  std::error_code failed;
  std::filesystem::path name = std::filesystem::canonical(file, failed);
  if (failed) name = std::filesystem::absolute(file);
  UniqueFd folder(::open(name.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) throw SystemFailure("open", name.parent_path().string(), errno);
  while (::flock(folder.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw SystemFailure("lock", name.parent_path().string(), errno);
  }
  return folder;
}

std::vector<HostEntry> hosts_of(const std::filesystem::path& file, bool may_be_new) {
  std::error_code failed;
  if (may_be_new && !std::filesystem::exists(file, failed)) return {};
  const auto content = read_whole_file(file, kLongestHostsFile);
  if (!content) throw StartFailure(Exit::configuration, content.error().text);
  auto hosts = parse_hosts_file(*content);
  if (!hosts) throw StartFailure(Exit::configuration, file.string() + ": " + hosts.error().text);
  return *std::move(hosts);
}

void print_hosts(const std::vector<HostEntry>& hosts, bool json) {
  if (json) {
    std::string out;
    JsonWriter writer(out);
    writer.begin_object().key("items").begin_array();
    for (const HostEntry& host : hosts) {
      writer.begin_object()
          .member("id", host.uid)
          .member("name", host.name)
          .member("disabled", host.disabled)
          .end_object();
    }
    writer.end_array().end_object();
    std::cout << out << '\n';
    return;
  }
  if (hosts.empty()) std::cout << "no hosts yet\n";
  constexpr std::size_t kNameWidth = 24;
  for (const HostEntry& host : hosts) {
    std::string name = host.name;
    name.resize(std::max(name.size(), kNameWidth), ' ');
    std::cout << name << "  " << host.uid << (host.disabled ? "  disabled" : "") << '\n';
  }
}

void print_secret(const HostEntry& host, const std::string& token, const HostOptions& options) {
  if (options.json) {
    std::string out;
    JsonWriter(out)
        .begin_object()
        .member("id", host.uid)
        .member("name", host.name)
        .member("token", token)
        .end_object();
    std::cout << out << '\n';
  } else if (options.token) {
    std::cout << token << '\n';
  } else {
    std::cout << "The token of host " << host.name << ", shown this once:\n\n  " << token
              << "\n\nOn that machine put it into a file of mode 0600 and start:\n\n"
              << "  volta agent --server BALANCER:8421 --pin PIN --token-file FILE\n\n"
              << "PIN is what volta server --show-pin prints on any of the servers.\n";
  }
}

}  // namespace

int run_hosts_file(const HostOptions& options) {
  const std::filesystem::path file = options.hosts_file;
  if (options.action == "list") {
    print_hosts(hosts_of(file, false), options.json);
    return code(Exit::done);
  }
  const UniqueFd lock = lock_folder_of(file);
  const bool adding = options.action == "add";
  std::vector<HostEntry> hosts = hosts_of(file, adding);
  auto host = std::find_if(hosts.begin(), hosts.end(),
                           [&](const HostEntry& entry) { return entry.name == options.name; });
  if (!adding && host == hosts.end())
    throw StartFailure(Exit::failed,
                       "there is no host called " + options.name + " in " + file.string());
  if (adding && host != hosts.end())
    throw StartFailure(Exit::failed, "there is already a host named " + options.name);
  std::string token;
  if (adding) {
    std::array<std::uint8_t, 8> uid{};
    random_bytes(uid);
    host = hosts.insert(hosts.end(), {options.name, hex(uid), {}, false});
  }
  if (adding || options.action == "rotate") {
    HostSecret secret = new_host_secret();
    token = std::move(secret.text);
    host->token_hash = secret.hash;
  }
  if (options.action == "disable" || options.action == "enable")
    host->disabled = options.action == "disable";
  const HostEntry changed = *host;
  if (options.action == "remove") hosts.erase(host);
  const std::string text = hosts_file_text(std::move(hosts));
  // What the servers would refuse is not written.
  if (const auto sound = parse_hosts_file(text); !sound)
    throw StartFailure(Exit::failed, sound.error().text);
  replace_file(file, text);
  if (!token.empty()) print_secret(changed, token, options);
  return code(Exit::done);
}

}  // namespace volta
