// Health, readiness, versions, volta's own numbers, the catalogue and this API's description.
#include <memory>

#include "api/catalogue_json.hpp"
#include "api/host_families.hpp"
#include "api/parameters.hpp"
#include "api/routes.hpp"
#include "base/json_writer.hpp"
#include "model/link.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

struct EmbeddedFile {
  std::string_view name;
  std::string_view bytes;
};
constexpr EmbeddedFile kDocuments[] = {
#include "api_documents.inc"
};

std::vector<MetricFamily> own_families(const ApiParts& parts, const ApiSettings& settings) {
  std::vector<MetricFamily> families;
  families.push_back(family(metrics::build_info));
  families.back().samples.push_back({{{"version", settings.version}}, 1});
  for (const SelfMetrics* part : parts.self) part->append_to(families);
  return families;
}

Reply readiness(const ApiParts& parts, const Call& call) {
  bool ready = true;
  std::string components;
  JsonWriter json(components);
  json.begin_array();
  for (const ReadinessProbe& probe : parts.probes) {
    const auto problem = probe.problem();
    ready = ready && !problem;
    json.begin_object().member("name", probe.name).member("status", problem ? "failing" : "ok");
    // Reasons may name paths and peers: not for everybody.
    if (problem && may(call.who, Action::read)) json.member("detail", *problem);
    json.end_object();
  }
  json.end_array();
  std::string out;
  JsonWriter(out)
      .begin_object()
      .member("status", ready ? "ok" : "failing")
      .key("components")
      .raw(components)
      .end_object();
  return json_response(std::move(out), ready ? 200 : 503);
}

Reply metrics_page(const ApiParts& parts, const ApiSettings& settings, const Call& call) {
  ParameterReader reader(call.query, parts.clock.wall_ms());
  const bool aliases = reader.flag("aliases");
  if (reader.declined()) return *reader.declined();
  auto families = own_families(parts, settings);
  if (!settings.local_host.empty()) {
    if (const auto host = parts.hosts.find(settings.local_host)) {
      append_host_families(families, *host, parts.index, parts.reader, aliases);
    }
  }
  const ExpositionFormat format = parts.exposition.negotiate(call.request.header("accept"));
  HttpResponse response;
  response.content_type = parts.exposition.content_type(format);
  response.body = parts.exposition.render(format, families);
  response.headers = {{"Cache-Control", "no-store"}, {"Vary", "Accept"}};
  return response;
}

std::string own_numbers(const std::vector<MetricFamily>& families) {
  std::string out = R"({"items":[)";
  for (const MetricFamily& entry : families) {
    if (out.back() != '[') out += ',';
    JsonWriter json(out);
    json.begin_object()
        .member("name", entry.name)
        .member("kind", to_text(entry.kind))
        .member("unit", entry.unit)
        .member("help", entry.help);
    json.key("samples").begin_array();
    for (const ExpositionSample& sample : entry.samples) {
      std::string labels;
      append_labels(labels, sample.labels);
      json.begin_object().key("labels").raw(labels).member("value", sample.value).end_object();
    }
    json.end_array().end_object();
  }
  return out + "]}";
}

std::string version_json(const ApiSettings& settings) {
  std::string out;
  JsonWriter(out)
      .begin_object()
      .member("name", "volta")
      .member("version", settings.version)
      .member("role", settings.role)
      .member("api", "v1")
      .member("protocol", static_cast<int>(kProtocolVersion))
      .end_object();
  return out;
}

void append_limit(JsonWriter& json, std::string_view name, std::int64_t limit) {
  json.key(name);
  if (limit == 0) {
    json.null();
  } else {
    json.value(limit);
  }
}

void append_retention(JsonWriter& json, const StorageLimits& kept) {
  json.key("retention").begin_object().member("engine", kept.engine);
  if (kept.engine == "volta") {
    const auto seconds = [](std::chrono::milliseconds age) { return age.count() / 1000; };
    append_limit(json, "raw_s", seconds(kept.raw));
    append_limit(json, "minute_s", seconds(kept.minute));
    append_limit(json, "hour_s", seconds(kept.hour));
    append_limit(json, "size_bytes", kept.size_bytes);
  }
  json.end_object();
}

std::string capabilities_json(const ApiParts& parts, const ApiSettings& settings,
                              const Access& access) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().member("role", settings.role).member("login", access.login_possible());
  json.member("insecure_http", settings.insecure_http)
      .member("insecure_plaintext", settings.insecure_plaintext);
  json.member("promql", parts.prometheus.engine != nullptr)
      .member("remote_write", parts.prometheus.sink != nullptr);
  json.key("live").begin_array().value("ws").value("sse").end_array();
  json.key("aggregations").begin_array();
  for (const char* name : {"avg", "min", "max", "last", "rate"}) json.value(name);
  json.end_array().key("limits").begin_object();
  json.member("series_points", kMostPoints)
      .member("subscriptions", static_cast<std::uint64_t>(LiveHub::kMostSubscriptions))
      .member("subscription_series", static_cast<std::uint64_t>(LiveGroup::kMostIndexed))
      .member("interval_ms_min", kShortestIntervalMs)
      .member("interval_ms_max", kLongestIntervalMs)
      .end_object();
  append_retention(json, settings.retention);
  json.end_object();
  return out;
}

std::function<Reply(const Call&)> fixed(std::string body) {
  return [document = std::make_shared<const FixedJson>(std::move(body))](const Call& call) {
    return document->answer(call.request);
  };
}

}  // namespace

void add_system_routes(Router& router, const ApiParts& parts, const ApiSettings& settings,
                       const Access& access) {
  const auto healthy = [](const Call&) -> Reply { return json_response(R"({"status":"ok"})"); };
  router.add({"GET", "/healthz", Action::open, {}, healthy});
  router.add({"GET", "/readyz", Action::open, {}, [&parts](const Call& call) {
                return readiness(parts, call);
              }});
  router.add({"GET", "/metrics", Action::read, {"aliases"}, [&](const Call& call) {
                return metrics_page(parts, settings, call);
              }});
  router.add({"GET", "/api/v1/system/health", Action::open, {}, healthy});
  router.add({"GET", "/api/v1/system/version", Action::read, {}, fixed(version_json(settings))});
  router.add({"GET", "/api/v1/system/metrics", Action::read, {}, [&](const Call&) -> Reply {
                return json_response(own_numbers(own_families(parts, settings)));
              }});
  router.add({"GET",
              "/api/v1/system/capabilities",
              Action::read,
              {},
              fixed(capabilities_json(parts, settings, access))});
  router.add({"GET", "/api/v1/catalog", Action::read, {}, fixed(catalogue_json())});
  router.add(
      {"GET", "/api/openapi.json", Action::read, {}, fixed(std::string(kDocuments[0].bytes))});
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): the analyzer loses a std::function
}

}  // namespace volta
