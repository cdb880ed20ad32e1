#include "app/hub.hpp"

#include <sys/stat.h>

#include "app/commands.hpp"
#include "app/engine_mark.hpp"
#include "app/process.hpp"
#include "app/settings.hpp"
#include "base/error.hpp"
#include "http/listen_socket.hpp"
#include "store/inspect.hpp"

namespace volta {
namespace {

// How long the store keeps what another engine has taken.
constexpr std::chrono::hours kBufferAge{1};

// Queries and writes hold one each while they run and while they wait their turn, and the rest of
// the API must answer meanwhile. A thread that waits costs some 20 KB.
unsigned workers(const PrometheusParts& parts) {
  constexpr std::size_t kOthers = 4;
  return static_cast<unsigned>(parts.most_queries + parts.most_waiting_queries + parts.most_writes +
                               parts.most_waiting_writes + kOthers);
}

[[noreturn]] void refuse_to_listen(const ListenFailure& failure, const std::string& page_address) {
  std::string text = failure.what();
  if (failure.busy() && failure.address() == page_address)
    text += "; choose another address for the page with --listen";
  throw StartFailure(Exit::failed, text);
}

}  // namespace

bool is_first_start(const Settings& settings) {
  std::error_code unknown;
  const auto status = std::filesystem::status(settings.text("paths.data"), unknown);
  return status.type() == std::filesystem::file_type::not_found;
}

void refuse_taken_page_address(const Settings& settings) {
  if (!is_first_start(settings)) return;
  const std::string& address = settings.text("http.listen");
  try {
    (void)listen_tcp(address);
  } catch (const ListenFailure& failure) {
    refuse_to_listen(failure, address);
  }
}

std::unique_ptr<Store> open_store(const StoreOptions& options, const Clock& clock) {
  try {
    return std::make_unique<Store>(options, clock);
  } catch (const StoreError& error) {
    const std::string text = error.what();
    switch (error.kind()) {
      case StoreError::Kind::newer_schema:
        throw StartFailure(Exit::store_too_new, text);
      case StoreError::Kind::damaged:
        throw StartFailure(Exit::failed, text);
      default:
        throw StartFailure(Exit::data_directory, text);
    }
  }
}

// The server exists only once it serves, but /metrics wants its numbers from the beginning.
class Hub::LateMetrics final : public SelfMetrics {
 public:
  void set(std::shared_ptr<const SelfMetrics> part) { part_ = std::move(part); }
  void append_to(std::vector<MetricFamily>& families) const override {
    if (part_) part_->append_to(families);
  }

 private:
  std::shared_ptr<const SelfMetrics> part_;  // set before the first request can come
};

StoreOptions unattended_store(const std::filesystem::path& directory) {
  StoreOptions options;
  options.directory = directory;
  options.size_bytes = 0;
  options.raw_age = options.minute_age = options.hour_age = std::chrono::milliseconds(0);
  options.seal_in_background = false;
  return options;
}

StoreOptions store_options(const Settings& settings, const PeerOptions& peers,
                           std::size_t head_bytes) {
  StoreOptions options;
  options.directory = settings.text("paths.data");
  options.raw_age = settings.duration("retention.raw");
  options.minute_age = settings.duration("retention.minute");
  options.hour_age = settings.duration("retention.hour");
  options.size_bytes = static_cast<std::int64_t>(
      std::min<std::uint64_t>(settings.disk_size("retention.size", options.directory), INT64_MAX));
  options.size_percent = settings.disk_share("retention.size").value_or(0);
  options.head_bytes = head_bytes;
  options.forward_readers.emplace();
  for (const WriteTarget& target : peers.write_targets)
    options.forward_readers->push_back(target.name);
  // The other engine keeps the samples; the store has what the page shows live.
  if (settings.text("store.engine") != "volta") {
    options.raw_age = kBufferAge;
    options.seal_in_background = false;
  }
  return options;
}

namespace {

// What another engine has taken goes after an hour; so would all that is there.
void refuse_kept_samples(const std::filesystem::path& directory) {
  if (another_engine_keeps(directory)) return;
  bool kept = false;
  try {
    kept = holds_store(directory) && holds_samples(directory);
  } catch (const Failure&) {
    return;  // of an older schema, or broken, which opening it says better
  }
  if (!kept) return;
  throw StartFailure(Exit::configuration,
                     directory.string() +
                         " holds samples of volta's own engine, which another engine's volta keeps "
                         "for an hour only; name another directory with --data, or write them out "
                         "with volta export metrics first");
}

std::unique_ptr<Group> join_group(const HubOptions& options, Store& store, LinkTable& links,
                                  const QueryEngine& engine, const Clock& clock) {
  if (options.hosts_file.empty()) return nullptr;
  return std::make_unique<Group>(options.hosts_file, store, links, engine, clock);
}

StorageLimits storage_limits(const HubOptions& options) {
  if (options.engine) return {"prometheus", {}, {}, {}, 0};
  const StoreOptions& store = options.store;
  return {"volta", store.raw_age, store.minute_age, store.hour_age, store.size_bytes};
}

IngestOptions ingest_options(const HubOptions& options) {
  IngestOptions ingest;
  ingest.of_group = !options.hosts_file.empty();
  return ingest;
}

std::unique_ptr<Store> open_hub_store(const HubOptions& options, const Clock& clock) {
  if (options.engine) refuse_kept_samples(options.store.directory);
  auto store = open_store(options.store, clock);
  if (options.passing) return store;
  try {
    mark_engine(store->directory(), options.engine.has_value());
  } catch (const std::exception& failure) {
    throw StartFailure(Exit::data_directory, failure.what());
  }
  return store;
}

}  // namespace

Hub::Hub(const HubOptions& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      store_(open_hub_store(options, clock)),
      backend_(make_backend(*store_, options.engine)),
      foreign_(backend_->sink(), clock),
      links_(clock),
      group_(join_group(options, *store_, links_, backend_->engine(), clock)),
      hosts_(store_->hosts(), links_, clock, group_ ? group_->fleet() : SharedFleet{}),
      live_({store_->hosts(), store_->series(), store_->reader(), clock,
             [this](HostId host, bool begin) { hosts_.watch(host, begin); }}),
      ingest_(store_->hosts(), backend_->journal(), links_, clock, {&live_},
              ingest_options(options), &store_->series()),
      http_metrics_(std::make_unique<LateMetrics>()) {
  self_ = {store_.get(), &hosts_, &ingest_, &foreign_, &live_, http_metrics_.get()};
  if (group_) self_.push_back(&group_->self());
  for (const SelfMetrics* part : backend_->self()) self_.push_back(part);
}

Hub::~Hub() { stop(); }

std::vector<ReadinessProbe> Hub::probes() {
  std::vector<ReadinessProbe> probes = backend_->probes();
  probes.insert(
      probes.begin(),
      {"store", [this]() -> std::optional<std::string> {
         if (store_->writable()) return std::nullopt;
         return "the store takes no data: its disk is full or failing, or its folder is gone; the "
                "log says which";
       }});
  return probes;
}

void Hub::add_peers(PeerOptions options) {
  if (!options.scrapes() && options.write_targets.empty()) return;
  peers_ = std::make_unique<Peers>(std::move(options), foreign_, store_->forward_log(), clock_);
  self_.push_back(peers_.get());
}

void Hub::open_api(const AccessSettings& access, const std::string& local_host) {
  ApiParts parts{hosts_,
                 store_->hosts(),
                 store_->series(),
                 store_->reader(),
                 backend_->ranges(),
                 exposition_,
                 clock_,
                 live_,
                 self_,
                 probes()};
  parts.prometheus.engine = &backend_->engine();
  parts.prometheus.source = &backend_->source();
  parts.prometheus.sink = &foreign_;
  parts.prometheus.formats = &formats_;
  parts.prometheus.targets = peers_ ? peers_->targets() : nullptr;
  parts.prometheus.limits = options_.query_limits;
  parts.prometheus.most_queries = options_.most_queries;
  api_ =
      std::make_unique<Api>(std::move(parts),
                            ApiSettings{options_.role, kVersion, local_host, options_.insecure_http,
                                        options_.insecure_plaintext, storage_limits(options_)},
                            access);
}

void Hub::listen(const ListenOptions& options) {
  HttpOptions http;
  http.listen = {options.address};
  http.unix_socket = data() / "volta.sock";
  http.tls = options.tls;
  http.require_tls = options.require_tls;
  http.insecure = options.insecure;
  for (const std::string& name : options.allowed_hosts)
    http.rules.host_names.push_back(to_lower(name));
  http.rules.asking_posts = Api::asking_posts();
  http.body_limits = Api::body_limits();
  PrometheusParts parts;
  parts.most_queries = options_.most_queries;
  http.worker_threads = workers(parts);
  struct stat owner {};
  if (::stat(data().c_str(), &owner) == 0) http.unix_owner = owner.st_uid;
  try {
    server_ = std::make_unique<HttpServer>(http, *api_);
  } catch (const ListenFailure& failure) {
    refuse_to_listen(failure, options.address);
  }
  http_metrics_->set(server_->self_metrics());
  store_->announce((options.require_tls ? "https://" : "http://") + address());
}

void Hub::serve() {
  server_->start();
  if (group_) group_->start();
  if (peers_) peers_->start();
}

void Hub::stop() {
  if (api_) api_->cancel_queries();
  backend_->break_off();
  if (server_) server_->stop();
  if (peers_) peers_->stop();
  if (group_) group_->stop();
  backend_->stop();
  store_->close();
}

}  // namespace volta
