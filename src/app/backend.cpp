#include "app/backend.hpp"

#include "app/commands.hpp"
#include "app/peer_settings.hpp"
#include "app/process.hpp"
#include "app/settings.hpp"
#include "base/crypto.hpp"
#include "outbound/curl_client.hpp"
#include "prom/engine_journal.hpp"
#include "prom/engine_query.hpp"
#include "prom/engine_range.hpp"
#include "prom/engine_source.hpp"
#include "query/engine.hpp"
#include "query/range.hpp"

namespace volta {
namespace {

class OwnBackend final : public Backend {
 public:
  explicit OwnBackend(Store& store)
      : store_(store), engine_(store.source()), ranges_(store.series(), store.source()) {}
  Journal& journal() override { return store_.journal(); }
  SampleSink& sink() override { return store_.sink(); }
  [[nodiscard]] const QueryEngine& engine() const override { return engine_; }
  [[nodiscard]] const SeriesSource& source() const override { return store_.source(); }
  [[nodiscard]] const RangeQueries& ranges() const override { return ranges_; }

 private:
  Store& store_;
  PromqlEngine engine_;
  Range ranges_;
};

class OtherBackend final : public Backend {
 public:
  OtherBackend(Store& store, const EngineOptions& options)
      : http_("volta/" + std::string(kVersion), options.rules),
        client_(options.target, http_),
        language_(store.source()),
        engine_(client_, language_),
        source_(client_),
        ranges_(engine_, store.series()),
        sink_(client_),
        journal_({store.journal(), store.hosts(), store.series(), client_, random_fraction}) {}
  Journal& journal() override { return journal_; }
  SampleSink& sink() override { return sink_; }
  [[nodiscard]] const QueryEngine& engine() const override { return engine_; }
  [[nodiscard]] const SeriesSource& source() const override { return source_; }
  [[nodiscard]] const RangeQueries& ranges() const override { return ranges_; }
  [[nodiscard]] std::vector<const SelfMetrics*> self() const override { return {&journal_}; }
  [[nodiscard]] std::vector<ReadinessProbe> probes() const override {
    return {{"engine", [this]() -> std::optional<std::string> {
               if (journal_.reachable()) return std::nullopt;
               return "the engine behind takes no samples; agents keep theirs meanwhile, and the "
                      "log says why";
             }}};
  }
  void break_off() override { client_.stop(); }
  void stop() override { journal_.stop(); }

 private:
  CurlClient http_;
  EngineClient client_;
  PromqlEngine language_;  // reads expressions; no data is asked of it
  EngineQuery engine_;
  EngineSource source_;
  EngineRange ranges_;
  EngineSink sink_;
  EngineJournal journal_;  // last: its threads use all of it
};

}  // namespace

std::optional<EngineOptions> engine_options(const Settings& settings) {
  const auto refuse = [&](const char* key, const std::string& why) {
    throw StartFailure(Exit::configuration, settings.value(key).origin + ": " + why);
  };
  if (settings.text("store.engine") == "volta") {
    for (const char* key : {"store.write_url", "store.query_url"}) {
      if (!settings.text(key).empty())
        refuse(key, std::string(key) + " is of another engine; say store.engine = \"prometheus\"");
    }
    return std::nullopt;
  }
  EngineOptions options;
  options.target.write_url = settings.text("store.write_url");
  options.target.query_url = settings.text("store.query_url");
  for (const char* key : {"store.write_url", "store.query_url"}) {
    if (settings.text(key).empty())
      refuse("store.engine",
             std::string("store.engine = \"prometheus\" needs ") + key + ", such as " +
                 (std::string(key) == "store.write_url" ? "http://127.0.0.1:9090/api/v1/write"
                                                        : "http://127.0.0.1:9090"));
  }
  if (!settings.tables("remote_write").empty())
    refuse("store.engine",
           "remote_write passes on what volta's own engine keeps; let the other engine do it");
  options.target.credentials = http_credentials(settings, "store.");
  options.target.query_timeout = settings.duration("query.timeout");
  options.rules = network_rules(settings);
  if (const auto checked = check_engine_target(options.target); !checked)
    refuse("store.engine", "store." + checked.error().text);
  return options;
}

std::unique_ptr<Backend> make_backend(Store& store, const std::optional<EngineOptions>& options) {
  if (options) return std::make_unique<OtherBackend>(store, *options);
  return std::make_unique<OwnBackend>(store);
}

}  // namespace volta
