// volta server: the centre of many hosts.
#include "rpc/server.hpp"

#include <cerrno>
#include <filesystem>
#include <iostream>

#include <unistd.h>

#include "app/commands.hpp"
#include "app/exposure.hpp"
#include "app/group.hpp"
#include "app/hub.hpp"
#include "app/process.hpp"
#include "app/ready_line.hpp"
#include "app/secret_file.hpp"
#include "app/served_certificate.hpp"
#include "app/server_metrics.hpp"
#include "base/error.hpp"
#include "base/host_port.hpp"
#include "collect/facts.hpp"
#include "rpc/address.hpp"

namespace volta {
namespace {

constexpr std::size_t kServerHeadBytes = 256U << 20U;
constexpr int kKeptFreedBytes = 64 << 20;

// Says for the person at the terminal why `listen` could not have the address of agents.
template <typename Listen>
auto take_agents_address(const std::string& address, Listen&& listen) {
  try {
    return listen();
  } catch (const SystemFailure& failure) {
    if (failure.error_number() != EADDRINUSE) throw StartFailure(Exit::failed, failure.what());
    throw StartFailure(Exit::failed, address +
                                         " is in use by another process; choose another address "
                                         "for agents with --rpc-listen");
  } catch (const Failure& failure) {
    throw StartFailure(Exit::failed, failure.what());
  }
}

std::unique_ptr<RpcServer> listen_for_agents(const Settings& settings, const TlsContext& tls,
                                             BatchSink& sink) {
  RpcServerOptions options;
  const std::string& address = settings.text("rpc.listen");
  const auto listen = parse_host_port(address);  // the settings have checked it
  options.address = listen->host;
  options.port = listen->port;
  options.tls = tls;
  options.require_tls = settings.boolean("rpc.tls");
  options.insecure_plaintext = settings.boolean("rpc.insecure_plaintext");
  return take_agents_address(address, [&] { return std::make_unique<RpcServer>(options, sink); });
}

// As refuse_taken_page_address().
void refuse_taken_agents_address(const Settings& settings) {
  if (!is_first_start(settings)) return;
  const std::string& address = settings.text("rpc.listen");
  const auto listen = parse_host_port(address);
  take_agents_address(address, [&] { return rpc::listen_on(listen->host, listen->port); });
}

int show_keys(const std::filesystem::path& data, const ServerShow& show) {
  if (!holds_store(data))
    throw StartFailure(Exit::data_directory,
                       data.string() +
                           " is no data directory of a server; name the server's with "
                           "--data, or start it once first");
  if (show.access_key) std::cout << load_or_make_access_key(data) << '\n';
  if (show.pin) std::cout << tls_pin_of(data) << '\n';
  return code(Exit::done);
}

bool open_page(const Settings& settings) {
  return !only_loopback(settings.text("http.listen")) && settings.boolean("http.insecure");
}

// The key was checked as it was loaded.
TlsContext agents_tls(const std::filesystem::path& data) {
  return *tls_server_context(load_or_make_tls_key(data));
}

}  // namespace

int run_server(const RoleOptions& options, const ServerShow& show) {
  const Settings settings = load_settings("server", options.config, options.flags);
  if (show.access_key || show.pin) return show_keys(settings.text("paths.data"), show);
  limit_malloc_arenas(2);
  keep_freed_memory(kKeptFreedBytes);
  block_stop_signals();
  use_all_descriptors();
  const Clock& clock = system_clock();

  PeerOptions peers = peer_options(settings);
  peers.host = read_hostname({});
  refuse_taken_page_address(settings);
  refuse_taken_agents_address(settings);
  const ServerMetrics own;
  Hub hub(
      {"server", store_options(settings, peers, kServerHeadBytes), open_page(settings),
       !only_loopback(settings.text("rpc.listen")) && settings.boolean("rpc.insecure_plaintext"),
       query_limits(settings), settings.count("query.max_concurrency"), engine_options(settings),
       shared_hosts_file(settings)},
      clock);
  if (settings.text("hosts.file").empty()) follow_no_hosts_file(hub.data());
  hub.add_self_metrics(own);
  hub.add_peers(std::move(peers));
  AccessSettings access;
  access.key = access_key_of(hub.data());
  const TlsContext tls = agents_tls(hub.data());
  const auto certificate = std::make_shared<ServedCertificate>(settings, tls, clock);
  if (!certificate->is_own())
    show_certificate_to_verifiers(tls, [certificate] { return certificate->newest(); });
  hub.open_api(access);
  // Nobody is let in before both addresses are taken: an agent must not be told that a batch is
  // safe by a server that then cannot start.
  hub.listen(page_listener(settings, read_hostname({}), certificate));
  const std::unique_ptr<RpcServer> rpc = listen_for_agents(settings, tls, hub.sink());
  hub.serve();
  const HostPort rpc_address{parse_host_port(settings.text("rpc.listen"))->host, rpc->port()};
  ready_line(settings, "server",
             {{"http", hub.address()},
              {"rpc", to_text(rpc_address)},
              {"data", hub.data().string()},
              {"pid", ::getpid()}});
  notify_systemd("READY=1");
  wait_for_stop();

  notify_systemd("STOPPING=1");
  rpc->stop();
  hub.stop();
  return code(Exit::done);
}

}  // namespace volta
