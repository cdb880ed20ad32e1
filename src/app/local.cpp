// volta local: agent, server and dashboard of this machine in one process.
#include <array>

#include <unistd.h>

#include "app/commands.hpp"
#include "app/direct_link.hpp"
#include "app/exposure.hpp"
#include "app/hub.hpp"
#include "app/measure.hpp"
#include "app/process.hpp"
#include "app/ready_line.hpp"
#include "app/secret_file.hpp"
#include "base/crypto.hpp"

namespace volta {
namespace {

constexpr std::size_t kHeadBytes = 24U << 20U;
// Every tick is handed over and committed, at most once a second (CONTRACTS "Delivery").
constexpr std::chrono::milliseconds kFlush{1000};

// The one host of this machine, with a token that nobody but this process ever knows.
std::pair<HostRecord, HostToken> claim_local_host(HostDirectory& directory,
                                                  const std::string& name) {
  HostToken token{};
  random_bytes(token);
  const Sha256 hash = sha256(std::as_bytes(std::span(token)));
  const auto known = directory.list();
  if (known.empty()) {
    const Result<HostRecord> added = directory.add(name, hash);
    if (!added) throw StartFailure(Exit::failed, added.error().text);
    return {*added, token};
  }
  const Result<void> set = directory.set_token(known.front().id, hash);
  if (!set) throw StartFailure(Exit::failed, set.error().text);
  return {known.front(), token};
}

AccessSettings local_access(const std::string& listen, const std::filesystem::path& data) {
  AccessSettings access;
  access.loopback_viewer = only_loopback(listen);
  if (!access.loopback_viewer) access.key = access_key_of(data);
  return access;
}

// A name that hosts may have, whatever the machine is called.
std::string usable_name(const std::string& hostname) {
  std::string name;
  for (const char c : hostname) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    name += fits ? c : '-';
  }
  return name.empty() ? "localhost" : name.substr(0, 253);
}

// A page that never leaves this machine needs no key, and a laptop's directory no secret more.
TlsContext own_tls(const Settings& settings, const std::filesystem::path& data) {
  if (only_loopback(settings.text("http.listen")) && !settings.boolean("http.tls")) return nullptr;
  return *tls_server_context(load_or_make_tls_key(data));
}

}  // namespace

int run_local(const RoleOptions& options) {
  const Settings settings = load_settings("local", options.config, options.flags);
  const std::string listen = settings.text("http.listen");
  limit_malloc_arenas(2);
  block_stop_signals();
  use_all_descriptors();
  const Clock& clock = system_clock();

  const std::string name = usable_name(read_hostname(host_roots(settings)));
  PeerOptions peers = peer_options(settings);
  refuse_taken_page_address(settings);
  Hub hub(
      {"local", store_options(settings, peers, kHeadBytes),
       !only_loopback(listen) && settings.boolean("http.insecure"), false, query_limits(settings),
       settings.count("query.max_concurrency"), engine_options(settings)},
      clock);
  // Known by its id: the machine may have been renamed since.
  const auto [host, token] = claim_local_host(hub.directory(), name);

  UplinkOptions uplink_options;
  uplink_options.identity =
      agent_identity([token = token] { return token; }, host_roots(settings), host.name);
  uplink_options.flush = kFlush;
  Uplink uplink(std::make_unique<DirectLink>(hub.sink()), clock, std::move(uplink_options));
  Measure measure(settings, clock, uplink, [&uplink] { return uplink.counters(); });

  peers.host = host.name;
  hub.add_peers(std::move(peers));
  hub.open_api(local_access(listen, hub.data()), host.uid);
  const auto certificate =
      std::make_shared<ServedCertificate>(settings, own_tls(settings, hub.data()), clock);
  ListenOptions page = page_listener(settings, read_hostname(host_roots(settings)), certificate);
  if (!certificate->newest()) page.tls = nullptr;
  hub.listen(page);
  hub.serve();
  uplink.start();
  measure.start();
  measure.warn_of_what_cannot_be_read();
  ready_line(settings, "local",
             {{"http", hub.address()}, {"data", hub.data().string()}, {"pid", ::getpid()}});
  notify_systemd("READY=1");
  wait_for_stop();

  notify_systemd("STOPPING=1");
  measure.stop();
  uplink.stop();
  hub.stop();
  return code(Exit::done);
}

}  // namespace volta
