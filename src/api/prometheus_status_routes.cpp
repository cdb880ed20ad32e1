// What Prometheus' clients ask about the server itself: who it is, how it is set up, what it
// scrapes; rules and alerts, of which volta has none; and the hosts, as service discovery.
#include <algorithm>

#include "api/prometheus_context.hpp"
#include "api/prometheus_reply.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

// The version whose language and API these are. Grafana chooses by it what it asks, so it must not
// be volta's own, which stands in `revision`. An empty `features` says: not Mimir.
constexpr std::string_view kSpokenVersion = "3.0.0";

std::string build_info(const ApiSettings& settings) {
  std::string data;
  JsonWriter json(data);
  json.begin_object()
      .member("version", kSpokenVersion)
      .member("revision", "volta " + settings.version)
      .member("branch", "volta")
      .member("buildUser", "")
      .member("buildDate", "")
      .member("goVersion", "")
      .key("features")
      .begin_object()
      .end_object()
      .end_object();
  return data;
}

// "2m", "90s", "1500ms"
std::string short_duration(std::chrono::milliseconds duration) {
  const auto ms = duration.count();
  if (ms % 60'000 == 0) return std::to_string(ms / 60'000) + "m";
  if (ms % 1000 == 0) return std::to_string(ms / 1000) + "s";
  return std::to_string(ms) + "ms";
}

std::string flags(const PrometheusParts& parts) {
  std::string data;
  JsonWriter(data)
      .begin_object()
      .member("query.lookback-delta", short_duration(parts.limits.lookback))
      .member("query.max-concurrency", std::to_string(parts.most_queries))
      .member("query.max-samples", std::to_string(parts.limits.most_samples))
      .member("query.timeout", short_duration(parts.limits.timeout))
      .end_object();
  return data;
}

std::string_view health(ScrapeTarget::Health health) {
  switch (health) {
    case ScrapeTarget::Health::up:
      return "up";
    case ScrapeTarget::Health::down:
      return "down";
    case ScrapeTarget::Health::unknown:
      break;
  }
  return "unknown";
}

void append_target(std::string& out, const ScrapeTarget& target) {
  std::string discovered;
  append_labels(discovered, target.discovered);
  std::string labels;
  append_labels(labels, target.labels);
  JsonWriter(out)
      .begin_object()
      .key("discoveredLabels")
      .raw(discovered)
      .key("labels")
      .raw(labels)
      .member("scrapePool", target.pool)
      .member("scrapeUrl", target.url)
      .member("globalUrl", target.url)
      .member("lastError", target.last_error)
      // Go's zero time: never.
      .member("lastScrape", target.last_scrape_ms == 0 ? std::string("0001-01-01T00:00:00Z")
                                                       : rfc3339(target.last_scrape_ms))
      .member("lastScrapeDuration", target.last_duration_s)
      .member("health", health(target.health))
      .member("scrapeInterval", short_duration(std::chrono::milliseconds(target.interval_ms)))
      .member("scrapeTimeout", short_duration(std::chrono::milliseconds(target.timeout_ms)))
      .end_object();
}

Reply targets(const PrometheusParts& parts, const PrometheusParameters& given) {
  std::string data = R"({"activeTargets":[)";
  if (parts.targets != nullptr && given.text("state") != "dropped") {
    for (const ScrapeTarget& target : parts.targets->targets()) {
      if (data.back() != '[') data += ',';
      append_target(data, target);
    }
  }
  return prometheus_success(data + R"(],"droppedTargets":[]})");
}

Reply rules(const PrometheusParameters& given) {
  const std::string_view type = given.text("type");
  if (!type.empty() && type != "alert" && type != "record") {
    return decline(400, "bad_data",
                   "invalid parameter \"type\": not supported value \"" + std::string(type) + '"');
  }
  return prometheus_success(R"({"groups":[]})");
}

HttpResponse plain(std::string text, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  response.headers = {{"Cache-Control", "no-store"}};
  return response;
}

Reply readiness(const ApiParts& parts) {
  const bool ready =
      std::none_of(parts.probes.begin(), parts.probes.end(),
                   [](const ReadinessProbe& probe) { return probe.problem().has_value(); });
  return ready ? plain("volta is ready.\n") : plain("volta is not ready.\n", 503);
}

// A target's address is the host's name, for which another exporter on the same host is asked
// (node_exporter, DCGM): agents listen on nothing. `?port=9100` adds the port, else relabelling
// does. Disabled hosts are among them; their label says so.
Reply service_discovery(const ApiParts& parts, const PrometheusParameters& given) {
  const std::string_view port = given.text("port");
  if (!port.empty() && parse_integer<std::uint16_t>(port).value_or(0) == 0) {
    return decline(400, "bad_data", "invalid parameter \"port\": must be from 1 to 65535");
  }
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const HostStatus& host : parts.fleet.hosts()) {
    const HostRecord& record = host.record;
    json.begin_object()
        .key("targets")
        .begin_array()
        .value(port.empty() ? record.name : record.name + ':' + std::string(port))
        .end_array()
        .key("labels")
        .begin_object()
        .member("__meta_volta_agent_version", record.agent_version)
        .member("__meta_volta_host", record.name)
        .member("__meta_volta_id", record.uid)
        .member("__meta_volta_state", to_text(host.state))
        .end_object()
        .end_object();
  }
  json.end_array();
  return json_response(std::move(out));
}

}  // namespace

void add_prometheus_status_routes(Router& router, PrometheusContext& context) {
  const auto add = [&](std::string_view pattern, auto answer) {
    add_question(
        router, pattern, Asked::by_get_and_form,
        [answer](const Call&, PrometheusParameters& given) -> Reply { return answer(given); });
  };
  const auto fixed = [&](std::string_view pattern, const std::string& data) {
    add(pattern, [data](const PrometheusParameters&) -> Reply { return prometheus_success(data); });
  };
  fixed("/prometheus/api/v1/status/buildinfo", build_info(context.settings));
  // volta's own settings are not Prometheus', and not for every viewer.
  fixed("/prometheus/api/v1/status/config", R"({"yaml":"global: {}\n"})");
  fixed("/prometheus/api/v1/status/flags", flags(context.parts));
  fixed("/prometheus/api/v1/alerts", R"({"alerts":[]})");
  fixed("/prometheus/api/v1/alertmanagers",
        R"({"activeAlertmanagers":[],"droppedAlertmanagers":[]})");
  add("/prometheus/api/v1/rules", [](const PrometheusParameters& given) { return rules(given); });
  add("/prometheus/api/v1/targets",
      [&context](const PrometheusParameters& given) { return targets(context.parts, given); });
  add("/prometheus/api/v1/sd/prometheus", [&context](const PrometheusParameters& given) {
    return service_discovery(context.api, given);
  });
  router.add({"GET",
              "/prometheus/-/healthy",
              Action::open,
              {},
              [](const Call&) -> Reply { return plain("volta is healthy.\n"); },
              true});
  router.add({"GET",
              "/prometheus/-/ready",
              Action::open,
              {},
              [&context](const Call&) -> Reply { return readiness(context.api); },
              true});
}

}  // namespace volta
