// The fleet: hosts with their state and power, and their administration.
#include <algorithm>
#include <cmath>

#include "api/energy_range.hpp"
#include "api/json_body.hpp"
#include "api/parameters.hpp"
#include "api/routes.hpp"
#include "base/crypto.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::int64_t kDefaultLimit = 100;
constexpr std::int64_t kMostItems = 1000;

struct Power {
  double watts = 0;
  Quality quality = Quality::estimated;
  std::int64_t time_ms = 0;
};

// The newest best estimate of the whole machine; of several as new, the best founded one. A host
// that does not report draws an unknown power, whatever it last drew.
std::optional<Power> power_of(const ApiParts& parts, const HostStatus& host) {
  if (host.state != HostState::live && host.state != HostState::late) return std::nullopt;
  if (host.power_elsewhere)
    return Power{host.power_elsewhere->watts, host.power_elsewhere->quality, 0};
  auto records = parts.index.find(host.record.id, metric(metrics::power_watts).name);
  std::erase_if(records, [](const SeriesRecord& record) {
    return label_value(record.def.labels, "zone") != "host";
  });
  if (records.empty()) return std::nullopt;
  std::optional<Power> best;
  for (const LatestSample& sample : parts.reader.latest(host.record.id)) {
    const auto record =
        std::find_if(records.begin(), records.end(),
                     [&](const SeriesRecord& entry) { return entry.id == sample.series; });
    if (record == records.end() || !std::isfinite(sample.value)) continue;
    const Power power{sample.value, quality_of(record->def), sample.time_ms};
    if (!best || power.time_ms > best->time_ms ||
        (power.time_ms == best->time_ms && power.quality < best->quality)) {
      best = power;
    }
  }
  return best;
}

void append_host(std::string& out, const ApiParts& parts, const HostStatus& host) {
  const HostRecord& record = host.record;
  JsonWriter json(out);
  json.begin_object()
      .member("id", record.uid)
      .member("name", record.name)
      .member("state", to_text(host.state));
  json.key("last_seen");
  if (record.last_seen_ms > 0) {
    json.value(rfc3339(record.last_seen_ms));
  } else {
    json.null();
  }
  json.member("created", rfc3339(record.created_ms))
      .member("agent_version", record.agent_version)
      .member("clock_offset_ms", record.clock_offset_ms)
      .member("plaintext", host.plaintext);
  json.key("facts").raw(object_or_empty(record.facts_json));
  if (const auto power = power_of(parts, host)) {
    json.member("power_watts", power->watts).member("power_quality", to_text(power->quality));
  } else {
    json.key("power_watts").null().key("power_quality").null();
  }
  json.end_object();
}

std::optional<HostStatus> status_of(const ApiParts& parts, std::string_view id) {
  const auto record = parts.hosts.find(id);
  if (!record) return std::nullopt;
  auto all = parts.fleet.hosts();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const HostStatus& host) { return host.record.id == record->id; });
  if (found == all.end()) return std::nullopt;
  return std::move(*found);
}

Reply list_hosts(const ApiParts& parts, const Call& call) {
  ParameterReader reader(call.query, parts.clock.wall_ms());
  const auto limit =
      static_cast<std::size_t>(reader.integer("limit", kDefaultLimit, 1, kMostItems));
  const auto after = unhex(reader.text("cursor"));  // the name of the last host shown
  if (!after) reader.wrong("cursor", "is not a cursor that this list gave");
  if (reader.declined()) return *reader.declined();

  std::string out = R"({"items":[)";
  std::string last;
  std::size_t shown = 0;
  bool more = false;
  for (const HostStatus& host : parts.fleet.hosts()) {
    if (host.record.name <= *after && !after->empty()) continue;
    more = shown == limit;
    if (more) break;
    if (shown++ > 0) out += ',';
    append_host(out, parts, host);
    last = host.record.name;
  }
  out += R"(],"next_cursor":)";
  if (more) {
    append_json_string(out, hex({reinterpret_cast<const std::uint8_t*>(last.data()), last.size()}));
  } else {
    out += "null";
  }
  return json_response(out + '}');
}

Reply show_host(const ApiParts& parts, const Call& call, int status) {
  const auto host = status_of(parts, call.id);
  if (!host) return host_not_found(call.id);
  std::string out;
  append_host(out, parts, *host);
  return json_response(std::move(out), status);
}

HttpResponse token_answer(const NewToken& made, int status) {
  std::string out;
  JsonWriter(out)
      .begin_object()
      .member("id", made.host.uid)
      .member("name", made.host.name)
      .member("token", made.token)
      .end_object();
  return json_response(std::move(out), status);
}

bool name_is_fit(std::string_view name) {
  return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Reply add_host(const ApiParts& parts, const Call& call) {
  auto name = text_member(call.request, "name");
  if (auto* declined = std::get_if<Declined>(&name)) return std::move(*declined);
  if (!name_is_fit(std::get<std::string>(name))) {
    Declined declined = decline(
        422, "bad_body", "name: a host name has 1 to 253 characters out of A-Z a-z 0-9 . _ -");
    declined.problem.errors.emplace_back("/name", "is not a fit host name");
    return declined;
  }
  const auto made = parts.fleet.add_host(std::get<std::string>(name));
  if (!made) return decline(409, "conflict", made.error().text);
  HttpResponse response = token_answer(*made, 201);
  response.headers.emplace_back("Location", "/api/v1/hosts/" + made->host.uid);
  return response;
}

// 404 if there is no such host; then what `change` refuses is a conflict.
template <typename Change>
Reply change_host(const ApiParts& parts, const Call& call, const Change& change) {
  const auto record = parts.hosts.find(call.id);
  if (!record) return host_not_found(call.id);
  return change(record->uid);
}

Reply set_disabled(const ApiParts& parts, const Call& call, bool disabled) {
  return change_host(parts, call, [&](const std::string& uid) -> Reply {
    const auto done = parts.fleet.set_disabled(uid, disabled);
    if (!done) return decline(409, "conflict", done.error().text);
    return show_host(parts, call, 200);
  });
}

Reply rotate(const ApiParts& parts, const Call& call) {
  return change_host(parts, call, [&](const std::string& uid) -> Reply {
    const auto made = parts.fleet.rotate_token(uid);
    if (!made) return decline(409, "conflict", made.error().text);
    return token_answer(*made, 200);
  });
}

Reply remove_host(const ApiParts& parts, const Call& call) {
  return change_host(parts, call, [&](const std::string& uid) -> Reply {
    const auto done = parts.fleet.remove_host(uid);
    if (!done) return decline(409, "conflict", done.error().text);
    HttpResponse response;
    response.status = 204;
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
  });
}

}  // namespace

void add_host_routes(Router& router, const ApiParts& parts) {
  router.add({"GET", "/api/v1/hosts", Action::read, {"limit", "cursor"}, [&](const Call& call) {
                return list_hosts(parts, call);
              }});
  router.add({"POST", "/api/v1/hosts", Action::administer, {}, [&](const Call& call) {
                return add_host(parts, call);
              }});
  router.add({"GET", "/api/v1/hosts/{id}", Action::read, {}, [&](const Call& call) {
                return show_host(parts, call, 200);
              }});
  router.add({"DELETE", "/api/v1/hosts/{id}", Action::administer, {}, [&](const Call& call) {
                return remove_host(parts, call);
              }});
  router.add({"POST", "/api/v1/hosts/{id}/disable", Action::administer, {}, [&](const Call& call) {
                return set_disabled(parts, call, true);
              }});
  router.add({"POST", "/api/v1/hosts/{id}/enable", Action::administer, {}, [&](const Call& call) {
                return set_disabled(parts, call, false);
              }});
  router.add({"POST", "/api/v1/hosts/{id}/rotate", Action::administer, {}, [&](const Call& call) {
                return rotate(parts, call);
              }});
}

}  // namespace volta
