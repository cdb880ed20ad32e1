// What was measured: newest values, ranges, energy over a range.
#include <algorithm>
#include <functional>

#include "api/energy_range.hpp"
#include "api/newest_samples.hpp"
#include "api/parameters.hpp"
#include "api/routes.hpp"
#include "base/json_writer.hpp"

namespace volta {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kMostOffset = 840;                      // minutes: UTC+14, the Line Islands
constexpr std::int64_t kLongestEnergyRangeMs = 3660 * kDayMs;  // ten years
constexpr double kJoulesPerKwh = 3'600'000;

void append_latest(std::string& out, const NewestSample& newest) {
  const SeriesDef& series = *newest.series;
  const LatestSample& sample = newest.sample;
  std::string labels;
  append_labels(labels, series.labels);
  JsonWriter json(out);
  json.begin_object()
      .member("name", series.name)
      .key("labels")
      .raw(labels)
      .member("value", sample.value);
  json.key("rate");
  if (sample.rate && series.kind == Kind::counter) {
    json.value(*sample.rate);
  } else {
    json.null();
  }
  json.member("unit", series.unit)
      .member("quality", to_text(quality_of(series)))
      .member("kind", to_text(series.kind))
      .member("ts", sample.time_ms)
      .end_object();
}

Reply latest_answer(const HostRecord& host, const std::vector<NewestSample>& newest) {
  std::string items;
  std::int64_t newest_ms = 0;
  for (const NewestSample& one : newest) {
    if (!items.empty()) items += ',';
    append_latest(items, one);
    newest_ms = std::max(newest_ms, one.sample.time_ms);
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object().member("host", host.uid).key("ts");
  if (items.empty()) {
    json.null();
  } else {
    json.value(newest_ms);
  }
  json.key("items").raw("[" + items + "]").end_object();
  return json_response(std::move(out));
}

void append_row(std::string& out, const RangeAnswer::Row& row) {
  out += R"({"labels":)";
  append_labels(out, row.labels);
  out += R"(,"values":[)";
  for (const double value : row.values) {
    if (out.back() != '[') out += ',';
    append_json_number(out, value);
  }
  out += "]}";
}

Declined declined_question(const QueryFailure& failure) {
  switch (failure.kind) {
    case QueryFailure::Kind::bad_data:
      return decline(400, "bad_question", failure.text);
    case QueryFailure::Kind::execution:
      return decline(422, "too_much", failure.text);
    case QueryFailure::Kind::internal:
      return decline(500, "internal", failure.text);
    default:
      return decline(503, "unavailable", failure.text);
  }
}

// Questions about history take their turn among all queries.
Reply asked_in_turn(PrometheusContext& context,
                    const std::function<Reply(const QueryLimits&)>& ask) {
  QueryLimits limits = context.parts.limits;
  return in_turn(context, limits.timeout, [&](std::chrono::milliseconds left) {
    limits.timeout = left;
    return ask(limits);
  });
}

Reply latest(PrometheusContext& context, const Call& call) {
  const ApiParts& parts = context.api;
  const std::int64_t now = parts.clock.wall_ms();
  ParameterReader reader(call.query, now);
  const std::string asked = reader.required_text("host");
  const std::string name = reader.text("name", "*");
  if (reader.declined()) return *reader.declined();
  const auto host = parts.hosts.find(asked);
  if (!host) return host_not_found(asked);

  auto heard = newest_heard(parts.index, parts.reader, host->id, name);
  const QueryEngine* engine = parts.prometheus.engine;
  if (engine == nullptr || !parts.fleet.may_be_elsewhere(host->id))
    return latest_answer(*host, heard);
  const NewestAsked elsewhere{host->name, name, now, cancel_of(context, call.request)};
  return asked_in_turn(context, [&](const QueryLimits& limits) -> Reply {
    const auto outcome = newest_of_engine(*engine, elsewhere, limits);
    if (const auto* failure = std::get_if<QueryFailure>(&outcome)) {
      return declined_question(*failure);
    }
    const auto& told = std::get<std::vector<NewestSample>>(outcome);
    return latest_answer(*host, told.empty() ? heard : told);
  });
}

Reply series_answer(const RangeQuestion& question, const RangeAnswer& answer) {
  std::string out;
  out.reserve(256 + answer.timestamps_ms.size() * (answer.rows.size() * 8 + 14));
  JsonWriter json(out);
  json.begin_object()
      .member("start", question.start_ms)
      .member("end", question.end_ms)
      .member("step_ms", answer.step_ms)
      .member("tier", to_text(answer.tier))
      .member("unit", answer.unit);
  json.key("timestamps").begin_array();
  for (const std::int64_t time : answer.timestamps_ms) json.value(time);
  json.end_array();
  out += R"(,"series":[)";
  for (const RangeAnswer::Row& row : answer.rows) {
    if (&row != &answer.rows.front()) out += ',';
    append_row(out, row);
  }
  return json_response(out + "]}");
}

Reply series(PrometheusContext& context, const Call& call) {
  const ApiParts& parts = context.api;
  auto parsed = parse_series_request(call.query, parts.clock.wall_ms());
  if (auto* declined = std::get_if<Declined>(&parsed)) return std::move(*declined);
  auto& request = std::get<SeriesRequest>(parsed);
  RangeQuestion& question = request.question;
  const auto host = parts.hosts.find(request.host);
  if (!host) return host_not_found(request.host);
  question.metric.host = host->id;
  question.metric.host_name = host->name;
  question.cancel = cancel_of(context, call.request);
  return asked_in_turn(context, [&](const QueryLimits& limits) -> Reply {
    const auto outcome = parts.queries.range(question, limits);
    if (const auto* failure = std::get_if<QueryFailure>(&outcome)) {
      return declined_question(*failure);
    }
    return series_answer(question, std::get<RangeAnswer>(outcome));
  });
}

std::int64_t local_midnight(std::int64_t now_ms, std::int64_t offset_minutes) {
  const std::int64_t local = now_ms + offset_minutes * kMinuteMs;
  return std::max<std::int64_t>(0, local - local % kDayMs - offset_minutes * kMinuteMs);
}

Reply energy_answer(const HostRecord& host, const GrowthQuestion& question,
                    const std::optional<EnergyRange>& used) {
  std::string out;
  JsonWriter json(out);
  json.begin_object()
      .member("host", host.uid)
      .member("start", question.start_ms)
      .member("end", question.end_ms);
  if (used) {
    json.member("joules", used->joules)
        .member("kwh", used->joules / kJoulesPerKwh)
        .member("quality", to_text(used->quality));
  } else {
    json.key("joules").null().key("kwh").null().key("quality").null();
  }
  json.member("zone", "host").end_object();
  return json_response(std::move(out));
}

Reply energy(PrometheusContext& context, const Call& call) {
  const ApiParts& parts = context.api;
  const std::int64_t now = parts.clock.wall_ms();
  ParameterReader reader(call.query, now);
  const std::string asked = reader.required_text("host");
  const std::int64_t offset = reader.integer("utc_offset_minutes", 0, -kMostOffset, kMostOffset);
  const std::int64_t end = reader.time("end", now);
  const std::int64_t start = reader.time("start", local_midnight(end, offset));
  if (start > end) {
    reader.wrong("start", "is later than the end");
  } else if (end - start > kLongestEnergyRangeMs) {
    reader.wrong("start", "is more than ten years before the end");
  }
  if (reader.declined()) return *reader.declined();
  const auto host = parts.hosts.find(asked);
  if (!host) return host_not_found(asked);

  const GrowthQuestion question{host_energy(host->id, host->name), start, end,
                                cancel_of(context, call.request)};
  return asked_in_turn(context, [&](const QueryLimits& limits) -> Reply {
    const auto outcome = parts.queries.growth(question, limits);
    if (const auto* failure = std::get_if<QueryFailure>(&outcome)) {
      return declined_question(*failure);
    }
    return energy_answer(*host, question, energy_of(std::get<std::vector<Growth>>(outcome)));
  });
}
}  // namespace

void add_data_routes(Router& router, PrometheusContext& context) {
  router.add({"GET", "/api/v1/latest", Action::read, {"host", "name"}, [&](const Call& call) {
                return latest(context, call);
              }});
  router.add({"GET",
              "/api/v1/series",
              Action::read,
              {"host", "name", "label.", "start", "end", "step", "max_points", "agg"},
              [&](const Call& call) { return series(context, call); }});
  router.add({"GET",
              "/api/v1/energy",
              Action::read,
              {"host", "start", "end", "utc_offset_minutes"},
              [&](const Call& call) { return energy(context, call); }});
}

}  // namespace volta
