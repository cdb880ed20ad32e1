// volta server: the centre of many hosts.
#include "rpc/server.hpp"

#include <filesystem>
#include <iostream>

#include <unistd.h>

#include "app/commands.hpp"
#include "app/hub.hpp"
#include "app/process.hpp"
#include "app/ready_line.hpp"
#include "app/secret_file.hpp"
#include "app/server_metrics.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

constexpr std::size_t kHeadBytes = 256U << 20U;

// CONTRACTS "Processes": a server may fill 80 % of the disk that holds its data, unless told
// otherwise. 0 (no cap) where the disk's size cannot be found out.
std::int64_t default_size_cap(std::filesystem::path data) {
  std::error_code failed;
  data = std::filesystem::absolute(data, failed);
  while (!std::filesystem::exists(data, failed) && data != data.parent_path())
    data = data.parent_path();
  const auto space = std::filesystem::space(data, failed);
  return failed ? 0 : static_cast<std::int64_t>(space.capacity / 5 * 4);
}

StoreOptions server_store_options(const Settings& settings) {
  StoreOptions options = store_options(settings, kHeadBytes);
  if (settings.all().at("retention.size").origin == "default") {
    options.size_bytes = default_size_cap(options.directory);
  }
  return options;
}

// "host:port" or "[v6]:port"; the settings have checked the form.
std::pair<std::string, std::uint16_t> split_address(const std::string& address) {
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  return {host, *parse_integer<std::uint16_t>(std::string_view(address).substr(colon + 1))};
}

std::unique_ptr<RpcServer> listen_for_agents(const Settings& settings, BatchSink& sink) {
  RpcServerOptions options;
  std::tie(options.address, options.port) = split_address(settings.text("rpc.listen"));
  options.insecure_plaintext = settings.boolean("rpc.insecure_plaintext");
  try {
    return std::make_unique<RpcServer>(options, sink);
  } catch (const Failure& failure) {
    throw StartFailure(Exit::failed, failure.what());
  }
}

void check_plaintext(const Settings& settings) {
  const std::string& http = settings.text("http.listen");
  const std::string& rpc = settings.text("rpc.listen");
  if (!is_loopback(http) && !settings.boolean("http.insecure")) {
    throw StartFailure(Exit::configuration,
                       http +
                           " is reachable from other machines, and this version serves no TLS; to "
                           "serve plain HTTP there all the same, add --insecure-http");
  }
  if (!is_loopback(rpc) && !settings.boolean("rpc.insecure_plaintext")) {
    throw StartFailure(
        Exit::configuration,
        rpc +
            " is reachable from other machines, and this version speaks no TLS to agents; to "
            "accept plaintext there all the same, add --insecure-plaintext here and on the agents");
  }
}

}  // namespace

int run_server(const RoleOptions& options, bool show_access_key) {
  const Settings settings = load_settings("server", options.config, options.flags);
  if (show_access_key) {
    const std::filesystem::path data = settings.text("paths.data");
    if (!std::filesystem::is_directory(data))
      throw StartFailure(Exit::data_directory,
                         data.string() + " is no data directory of a server; start it once first");
    std::cout << load_or_make_access_key(data) << '\n';
    return code(Exit::done);
  }
  check_plaintext(settings);
  limit_malloc_arenas(2);
  block_stop_signals();
  const Clock& clock = system_clock();

  const ServerMetrics own;
  Hub hub({"server", server_store_options(settings), !is_loopback(settings.text("http.listen")),
           !is_loopback(settings.text("rpc.listen"))},
          clock);
  hub.add_self_metrics(own);
  AccessSettings access;
  Result<AccessKey> key = AccessKey::parse(load_or_make_access_key(hub.data()));
  if (!key)
    throw StartFailure(Exit::data_directory,
                       (hub.data() / "access-key").string() + ": " + key.error().text);
  access.key = *key;
  hub.open_api(access);
  const std::unique_ptr<RpcServer> rpc = listen_for_agents(settings, hub.sink());
  hub.serve({settings.text("http.listen"), settings.list("http.allowed_hosts")});
  const std::string rpc_address = settings.text("rpc.listen");
  ready_line(
      settings, "server",
      {{"http", hub.address()},
       {"rpc", rpc_address.substr(0, rpc_address.rfind(':') + 1) + std::to_string(rpc->port())},
       {"data", hub.data().string()},
       {"pid", ::getpid()}});
  notify_systemd("READY=1");
  wait_for_stop([] { notify_watchdog(); });

  notify_systemd("STOPPING=1");
  rpc->stop();
  hub.stop();
  return code(Exit::done);
}

}  // namespace volta
