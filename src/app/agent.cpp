// volta agent: measures this machine and sends it to a server.
#include <algorithm>
#include <filesystem>

#include <unistd.h>

#include "app/commands.hpp"
#include "app/measure.hpp"
#include "app/process.hpp"
#include "app/ready_line.hpp"
#include "app/server_trust.hpp"
#include "app/token_file.hpp"
#include "base/host_port.hpp"
#include "rpc/client.hpp"

namespace volta {
namespace {

// Below, segments and what each begins with leave little room for batches.
constexpr std::uint64_t kLeastSpool = 1U << 20U;

RpcAgentLinkOptions link_options(const Settings& settings) {
  RpcAgentLinkOptions link;
  const auto address = parse_host_port(settings.text("agent.server"));  // the settings checked it
  link.host = address->host;
  link.port = address->port;
  link.insecure_plaintext = settings.boolean("rpc.insecure_plaintext");
  link.tls = server_trust(settings);
  // Whoever was told which key the server has is not to be talked out of it.
  link.require_tls = settings.boolean("rpc.tls") || !settings.text("agent.pin").empty();
  return link;
}

}  // namespace

int run_agent(const RoleOptions& options) {
  const Settings settings = load_settings("agent", options.config, options.flags);
  const std::string& server = settings.text("agent.server");
  if (server.empty())
    throw StartFailure(Exit::usage,
                       "which server? Add --server HOST:8421 (or --once for readings on stdout)");
  if (settings.text("agent.token_file").empty())
    throw StartFailure(
        Exit::usage,
        "which token? Add --token-file FILE; `volta host add NAME` on the server prints one");
  TokenFile token(settings.text("agent.token_file"));
  limit_malloc_arenas(1);
  block_stop_signals();
  const Clock& clock = system_clock();

  const HostRoots roots = host_roots(settings);
  UplinkOptions uplink_options;
  uplink_options.identity =
      agent_identity([&token] { return token.newest(); }, roots, read_hostname(roots));
  uplink_options.flush = settings.duration("agent.flush");
  uplink_options.spool_folder = std::filesystem::path(settings.text("paths.data")) / "spool";
  uplink_options.spool_bytes = settings.size("agent.spool_size");
  if (uplink_options.spool_bytes > 0)
    uplink_options.spool_bytes = std::max(uplink_options.spool_bytes, kLeastSpool);
  Uplink uplink(std::make_unique<RpcAgentLink>(link_options(settings)), clock,
                std::move(uplink_options));
  Measure measure(settings, clock, uplink, [&uplink] { return uplink.counters(); });

  uplink.start();
  measure.start();
  measure.warn_of_what_cannot_be_read();
  ready_line(settings, "agent",
             {{"server", server}, {"data", settings.text("paths.data")}, {"pid", ::getpid()}});
  notify_systemd("READY=1");
  wait_for_stop();

  notify_systemd("STOPPING=1");
  measure.stop();
  uplink.stop();
  return code(Exit::done);
}

}  // namespace volta
