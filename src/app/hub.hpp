// The serving half of `volta local` and `volta server`: store, fleet, live stream, queries, API and
// HTTP, and whom volta scrapes; joined in this order and taken apart in reverse. Small commands
// open it without serving.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/api.hpp"
#include "app/backend.hpp"
#include "app/future_counter.hpp"
#include "app/group.hpp"
#include "app/peers.hpp"
#include "base/clock.hpp"
#include "base/tls.hpp"
#include "fleet/hosts.hpp"
#include "fleet/ingest.hpp"
#include "http/server.hpp"
#include "prom/exposition.hpp"
#include "prom/prometheus_formats.hpp"
#include "store/store.hpp"

namespace volta {

struct HubOptions {
  std::string role;  // local or server
  StoreOptions store;
  bool insecure_http = false;       // plain HTTP beyond loopback
  bool insecure_plaintext = false;  // agents without encryption beyond loopback
  QueryLimits query_limits = {};
  std::size_t most_queries = PrometheusParts().most_queries;  // that run at once
  std::optional<EngineOptions> engine = {};  // who keeps the samples; empty: the store
  std::filesystem::path hosts_file = {};  // shared with other servers; empty: none. With `engine`
  bool passing = false;                   // for one command: who keeps the samples stays as it is
};

struct ListenOptions {
  std::string address;
  std::vector<std::string> allowed_hosts;
  std::function<TlsContext()> tls = {};  // empty: plaintext alone
  bool require_tls = false;              // on loopback too
  bool insecure = false;                 // plaintext beyond loopback too
};

class Hub {
 public:
  // Opens the store. Throws StartFailure with the exit code of CONTRACTS. `clock` must live longer.
  Hub(const HubOptions& options, const Clock& clock);
  ~Hub();  // stops
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Where agents arrive, and the directory of hosts.
  [[nodiscard]] BatchSink& sink() { return ingest_; }
  [[nodiscard]] HostDirectory& directory() { return store_->hosts(); }
  [[nodiscard]] const std::filesystem::path& data() const { return store_->directory(); }
  // More of volta's own numbers for /metrics. Before open_api().
  void add_self_metrics(const SelfMetrics& part) { self_.push_back(&part); }

  // Whom volta asks by itself, once it serves. Nothing for options that say nothing. Before
  // open_api().
  void add_peers(PeerOptions options);
  // Builds the routes. `access`: who gets in. `local_host`: id of the one host whose samples
  // /metrics shows (`volta local`), "" for a server.
  void open_api(const AccessSettings& access, const std::string& local_host = "");
  // One request as the admin socket would make it. After open_api().
  HttpResponse administer(const HttpRequest& request) { return api_->handle(request); }
  // Takes the addresses, but answers nobody yet. Throws StartFailure. After open_api().
  void listen(const ListenOptions& options);
  // Answers from then on, and scrapes. After listen().
  void serve();
  [[nodiscard]] std::string address() const { return server_->addresses().front(); }

  // Ends HTTP and scraping first, then writes what is queued. A second call does nothing.
  void stop();

 private:
  class LateMetrics;
  [[nodiscard]] std::vector<ReadinessProbe> probes();

  const HubOptions options_;
  const Clock& clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Backend> backend_;
  FutureCounter foreign_;  // in front of the backend's
  LinkTable links_;
  std::unique_ptr<Group> group_;  // null: the only server
  Hosts hosts_;
  LiveHub live_;
  Ingest ingest_;
  PrometheusExposition exposition_;
  PrometheusWireFormats formats_;
  std::vector<const SelfMetrics*> self_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<LateMetrics> http_metrics_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<Peers> peers_;  // null: nobody is asked
};

class Settings;

// Throws StartFailure if the page's address cannot be had now, as Hub::listen() would later: a
// start that is refused leaves no new data directory behind. Looks only where there is none yet; a
// second instance is told whose the directory is.
void refuse_taken_page_address(const Settings& settings);
// Whether the role's data directory is yet to be made.
bool is_first_start(const Settings& settings);
// Of a small command that opens a store which nobody serves: it lets nothing go and seals nothing,
// since what is kept is the role's business.
StoreOptions unattended_store(const std::filesystem::path& directory);
// Throws StartFailure with the exit code of CONTRACTS.
std::unique_ptr<Store> open_store(const StoreOptions& options, const Clock& clock);
// From a role's settings. `peers`: who reads the log of commits.
StoreOptions store_options(const Settings& settings, const PeerOptions& peers,
                           std::size_t head_bytes);

}  // namespace volta
