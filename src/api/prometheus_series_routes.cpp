// What there is: series, their labels and values, their metrics' meaning, and the newest sample of
// each for another Prometheus (federation).
#include <algorithm>
#include <bit>
#include <map>

#include "api/prometheus_context.hpp"
#include "api/prometheus_reply.hpp"
#include "base/json_writer.hpp"

namespace volta {
namespace {

constexpr const char* kTruncated = "results truncated due to limit";

// All series that one of the selectors finds, once each, ordered by labels.
Result<std::vector<QuerySeries>> select_any(const PrometheusContext& context,
                                            std::span<const Matchers> any_of, TimeSpan span) {
  std::vector<QuerySeries> all;
  for (const Matchers& matchers : any_of) {
    auto found = context.parts.source->select(matchers, span, context.parts.limits.most_series);
    if (!found) return found.error();
    all.insert(all.end(), std::make_move_iterator(found->begin()),
               std::make_move_iterator(found->end()));
  }
  if (any_of.size() < 2) return all;
  std::sort(all.begin(), all.end(),
            [](const QuerySeries& a, const QuerySeries& b) { return *a.labels < *b.labels; });
  const auto end = std::unique(
      all.begin(), all.end(),
      [](const QuerySeries& a, const QuerySeries& b) { return *a.labels == *b.labels; });
  all.erase(end, all.end());
  return all;
}

Reply series(PrometheusContext& context, PrometheusParameters& given) {
  if (given.all("match[]").empty()) {
    return decline(400, "bad_data", "no match[] parameter provided");
  }
  const TimeSpan span = given.span();
  const std::size_t most = given.limit("limit");
  if (given.declined()) return *given.declined();
  auto any_of = selectors(context, given, true);
  if (auto* declined = std::get_if<Declined>(&any_of)) return std::move(*declined);
  const auto found = select_any(context, std::get<std::vector<Matchers>>(any_of), span);
  if (!found) return decline(422, "execution", found.error().text);
  const std::size_t shown = most == 0 ? found->size() : std::min(most, found->size());
  std::string data = "[";
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) data += ',';
    append_labels(data, *(*found)[i].labels);
  }
  data += ']';
  if (shown < found->size()) return prometheus_success(data, {kTruncated});
  return prometheus_success(data);
}

HttpResponse text_list(const std::vector<std::string>& items, std::size_t most) {
  const std::size_t shown = most == 0 ? items.size() : std::min(most, items.size());
  std::string data;
  JsonWriter json(data);
  json.begin_array();
  for (std::size_t i = 0; i < shown; ++i) json.value(items[i]);
  json.end_array();
  if (shown < items.size()) return prometheus_success(data, {kTruncated});
  return prometheus_success(data);
}

Reply label_names(PrometheusContext& context, PrometheusParameters& given) {
  const TimeSpan span = given.span();
  const std::size_t most = given.limit("limit");
  if (given.declined()) return *given.declined();
  auto any_of = selectors(context, given, false);
  if (auto* declined = std::get_if<Declined>(&any_of)) return std::move(*declined);
  return text_list(context.parts.source->label_names(std::get<std::vector<Matchers>>(any_of), span),
                   most);
}

Reply label_values(PrometheusContext& context, std::string_view asked,
                   PrometheusParameters& given) {
  const auto name = label_of_path(asked);
  if (!name) {
    return decline(400, "bad_data", "invalid label name: \"" + std::string(asked) + '"');
  }
  const TimeSpan span = given.span();
  const std::size_t most = given.limit("limit");
  if (given.declined()) return *given.declined();
  auto any_of = selectors(context, given, false);
  if (auto* declined = std::get_if<Declined>(&any_of)) return std::move(*declined);
  return text_list(
      context.parts.source->label_values(*name, std::get<std::vector<Matchers>>(any_of), span),
      most);
}

// Without a limit Grafana says 0, which Prometheus itself would take for "none at all".
Reply metadata(PrometheusContext& context, PrometheusParameters& given) {
  const std::size_t most = given.limit("limit");
  const std::size_t most_each = given.limit("limit_per_metric");
  if (given.declined()) return *given.declined();
  std::map<std::string, std::string, std::less<>> by_name;
  std::map<std::string, std::size_t, std::less<>> counts;
  for (const MetricMetadata& metric : context.parts.source->metadata(given.text("metric"))) {
    if (!by_name.contains(metric.name) && most != 0 && by_name.size() == most) continue;
    std::size_t& count = counts[metric.name];
    if (most_each != 0 && count == most_each) continue;
    std::string& entries = by_name[metric.name];
    if (count++ > 0) entries += ',';
    JsonWriter(entries)
        .begin_object()
        .member("type", metric.type)
        .member("help", metric.help)
        .member("unit", metric.unit)
        .end_object();
  }
  std::string data;
  JsonWriter json(data);
  json.begin_object();
  for (const auto& [name, entries] : by_name) json.key(name).raw('[' + entries + ']');
  json.end_object();
  return prometheus_success(data);
}

bool is_stale(double value) { return std::bit_cast<std::uint64_t>(value) == kStaleBits; }

// Prometheus' rule: the newest sample within the lookback, unless the series has ended.
Reply federate(PrometheusContext& context, PrometheusParameters& given) {
  auto any_of = selectors(context, given, false);
  if (auto* declined = std::get_if<Declined>(&any_of)) return std::move(*declined);
  const std::int64_t now = context.api.clock.wall_ms();
  const TimeSpan span{now - context.parts.limits.lookback.count() + 1, now};
  auto found = select_any(context, std::get<std::vector<Matchers>>(any_of), span);
  if (!found) return decline(422, "execution", found.error().text);
  std::stable_sort(found->begin(), found->end(), [](const QuerySeries& a, const QuerySeries& b) {
    return label_value(*a.labels, kNameLabel) < label_value(*b.labels, kNameLabel);
  });
  std::vector<VectorValue::Element> newest(found->size());
  context.parts.source->read(*found, span, [&](std::size_t i, const SampleSlice& samples) {
    if (!samples.times_ms.empty() && !is_stale(samples.values.back())) {
      newest[i] = {(*found)[i].labels, samples.times_ms.back(), samples.values.back()};
    }
    return !context.cancel.load();
  });
  if (context.cancel) return decline(503, "canceled", "volta is shutting down");
  std::erase_if(newest, [](const VectorValue::Element& element) { return !element.labels; });
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = context.parts.formats->federation_text({std::move(newest)});
  response.headers = {{"Cache-Control", "no-store"}};
  return response;
}

}  // namespace

void add_prometheus_series_routes(Router& router, PrometheusContext& context) {
  const auto add = [&](std::string_view pattern, Asked how, auto answer) {
    add_question(
        router, pattern, how,
        [&context, answer](const Call& call, PrometheusParameters& given) -> Reply {
          const PrometheusParts& parts = context.parts;
          if (parts.source == nullptr || parts.engine == nullptr || parts.formats == nullptr) {
            return not_here("query engine");
          }
          return in_turn(context, [&] { return answer(call, given); });
        });
  };
  add("/prometheus/api/v1/series", Asked::by_get_and_form,
      [&](const Call&, PrometheusParameters& given) { return series(context, given); });
  add("/prometheus/api/v1/labels", Asked::by_get_and_form,
      [&](const Call&, PrometheusParameters& given) { return label_names(context, given); });
  add("/prometheus/api/v1/label/{id}/values", Asked::by_get,
      [&](const Call& call, PrometheusParameters& given) {
        return label_values(context, call.id, given);
      });
  add("/prometheus/api/v1/metadata", Asked::by_get,
      [&](const Call&, PrometheusParameters& given) { return metadata(context, given); });
  add("/prometheus/federate", Asked::by_get,
      [&](const Call&, PrometheusParameters& given) { return federate(context, given); });
}

}  // namespace volta
