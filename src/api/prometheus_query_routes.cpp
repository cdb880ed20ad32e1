// PromQL over HTTP: query, query_range, format_query, and query_exemplars, of which volta has none.
#include <algorithm>
#include <cstdlib>

#include "api/prometheus_context.hpp"
#include "api/prometheus_reply.hpp"
#include "base/json_writer.hpp"

namespace volta {
namespace {

// What a query may cost: less than the server's own bounds if the client says so.
QueryLimits limits_of(const PrometheusContext& context, PrometheusParameters& given) {
  QueryLimits limits = context.parts.limits;
  if (const auto timeout = given.duration("timeout")) {
    limits.timeout = std::min(limits.timeout, std::chrono::milliseconds(*timeout));
  }
  const auto lookback = given.duration("lookback_delta");
  if (lookback && *lookback > 0) limits.lookback = std::chrono::milliseconds(*lookback);
  return limits;
}

// Prometheus 3's parameter `limit`: so many series are shown, and a warning says that there were
// more.
void keep_first(QueryAnswer& answer, std::size_t most) {
  if (most == 0) return;
  bool cut = false;
  if (auto* vector = std::get_if<VectorValue>(&answer.value)) {
    cut = vector->elements.size() > most;
    if (cut) vector->elements.resize(most);
  } else if (auto* matrix = std::get_if<MatrixValue>(&answer.value)) {
    cut = matrix->rows.size() > most;
    if (cut) matrix->rows.resize(most);
  }
  if (cut) answer.warnings.emplace_back("results truncated due to limit");
}

Reply evaluate(PrometheusContext& context, QueryLimits limits, std::size_t most,
               const std::function<QueryOutcome(const QueryLimits&)>& ask) {
  return in_turn(context, limits.timeout, [&](std::chrono::milliseconds left) -> Reply {
    limits.timeout = left;
    QueryOutcome outcome = ask(limits);
    if (const auto* failure = std::get_if<QueryFailure>(&outcome)) return query_refusal(*failure);
    auto& answer = std::get<QueryAnswer>(outcome);
    keep_first(answer, most);
    return json_response(context.parts.formats->query_answer(answer));
  });
}

Reply instant(PrometheusContext& context, const HttpRequest& request, PrometheusParameters& given) {
  const std::size_t most = given.limit("limit");
  const InstantQuery query{given.text("query"), given.time("time", context.api.clock.wall_ms())};
  const QueryLimits limits = limits_of(context, given);
  if (given.declined()) return *given.declined();
  return evaluate(context, limits, most, [&](const QueryLimits& left) {
    return context.parts.engine->instant(query, left, cancel_of(context, request));
  });
}

Reply range(PrometheusContext& context, const HttpRequest& request, PrometheusParameters& given) {
  const std::size_t most = given.limit("limit");
  RangeQuery query;
  query.expression = given.text("query");
  query.start_ms = given.required_time("start");
  query.end_ms = given.required_time("end");
  if (query.end_ms < query.start_ms) {
    given.wrong("end", "end timestamp must not be before start time");
  }
  query.step_ms = given.required_duration("step");
  if (query.step_ms <= 0) {
    given.wrong("step",
                "zero or negative query resolution step widths are not accepted. Try a positive "
                "integer");
  }
  if (given.declined()) return *given.declined();
  const QueryLimits limits = limits_of(context, given);
  // Before the expression is looked at, and steps are counted, not points: as Prometheus does.
  if (static_cast<std::size_t>((query.end_ms - query.start_ms) / query.step_ms) >
      limits.most_points) {
    return decline(400, "bad_data", too_many_points(limits.most_points));
  }
  if (given.declined()) return *given.declined();
  return evaluate(context, limits, most, [&](const QueryLimits& left) {
    return context.parts.engine->range(query, left, cancel_of(context, request));
  });
}

Reply format(const PrometheusContext& context, const HttpRequest& /*request*/,
             const PrometheusParameters& given) {
  const auto text = context.parts.engine->format(given.text("query"));
  if (!text) {
    return query_refusal({QueryFailure::Kind::bad_data, text.error().text});
  }
  std::string data;
  append_json_string(data, *text);
  return prometheus_success(data);
}

Reply exemplars(const PrometheusContext& context, const HttpRequest& /*request*/,
                PrometheusParameters& given) {
  given.span();
  if (given.declined()) return *given.declined();
  const auto text = context.parts.engine->format(given.text("query"));
  if (!text) return decline(400, "bad_data", text.error().text);
  return prometheus_success("[]");
}

}  // namespace

void add_prometheus_query_routes(Router& router, PrometheusContext& context) {
  const auto add = [&](std::string_view pattern, auto answer) {
    add_question(router, pattern, Asked::by_get_and_form,
                 [&context, answer](const Call& call, PrometheusParameters& given) -> Reply {
                   if (context.parts.engine == nullptr || context.parts.formats == nullptr) {
                     return not_here("query engine");
                   }
                   return answer(context, call.request, given);
                 });
  };
  add("/prometheus/api/v1/query", &instant);
  add("/prometheus/api/v1/query_range", &range);
  add("/prometheus/api/v1/format_query", &format);
  add("/prometheus/api/v1/query_exemplars", &exemplars);
}

}  // namespace volta
