// What there is: series, their labels and values, their metrics' meaning, and the newest sample of
// each for another Prometheus (federation).
#include <algorithm>
#include <iterator>
#include <map>

#include "api/prometheus_context.hpp"
#include "api/prometheus_reply.hpp"
#include "base/json_writer.hpp"

namespace volta {
namespace {

constexpr const char* kTruncated = "results truncated due to limit";

// Both are ordered by labels; so is what comes out, equal ones once.
std::vector<QuerySeries> merged(std::vector<QuerySeries> a, std::vector<QuerySeries> b) {
  if (a.empty()) return b;
  std::vector<QuerySeries> all;
  all.reserve(a.size() + b.size());
  std::set_union(std::make_move_iterator(a.begin()), std::make_move_iterator(a.end()),
                 std::make_move_iterator(b.begin()), std::make_move_iterator(b.end()),
                 std::back_inserter(all),
                 [](const QuerySeries& x, const QuerySeries& y) { return *x.labels < *y.labels; });
  return all;
}

// All series that one of the selectors finds, once each, ordered by labels.
std::variant<std::vector<QuerySeries>, Declined> select_any(const PrometheusContext& context,
                                                            std::span<const Matchers> any_of,
                                                            TimeSpan span,
                                                            const Deadline& deadline) {
  const std::size_t most = context.parts.limits.most_series;
  std::vector<QuerySeries> all;
  for (const Matchers& matchers : any_of) {
    if (deadline.is_over()) return deadline.refusal();
    auto found = deadline.source().select(matchers, span, most);
    if (!found) return decline(422, "execution", found.error().text);
    all = merged(std::move(all), *std::move(found));
    if (all.size() > most) {
      return decline(422, "execution",
                     "the selectors match more than " + std::to_string(most) +
                         " series together; ask with fewer or narrower ones");
    }
  }
  return all;
}

// Sorted texts of all selectors, once each. One selector at a time, since each may look at all
// series there are.
template <typename Ask>
std::variant<std::vector<std::string>, Declined> texts_of_any(const std::vector<Matchers>& any_of,
                                                              const Deadline& deadline,
                                                              const Ask& ask) {
  if (any_of.empty()) return ask(std::span<const Matchers>());
  std::vector<std::string> all;
  for (const Matchers& matchers : any_of) {
    if (deadline.is_over()) return deadline.refusal();
    std::vector<std::string> found = ask(std::span(&matchers, 1));
    if (all.empty()) {
      all = std::move(found);
      continue;
    }
    std::vector<std::string> both;
    both.reserve(all.size() + found.size());
    std::set_union(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()),
                   std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()),
                   std::back_inserter(both));
    all = std::move(both);
  }
  return all;
}

Declined too_long_answer() {
  return decline(422, "execution",
                 "the answer would be larger than a query may hold; ask with narrower selectors, "
                 "or with a limit");
}

Reply series(PrometheusContext& context, PrometheusParameters& given, const Deadline& deadline) {
  if (given.all("match[]").empty()) {
    return decline(400, "bad_data", "no match[] parameter provided");
  }
  const TimeSpan span = given.span();
  const std::size_t most = given.limit("limit");
  if (given.declined()) return *given.declined();
  auto any_of = selectors(context, given, true);
  if (auto* declined = std::get_if<Declined>(&any_of)) return std::move(*declined);
  auto selected = select_any(context, std::get<std::vector<Matchers>>(any_of), span, deadline);
  if (auto* declined = std::get_if<Declined>(&selected)) return std::move(*declined);
  const auto& found = std::get<std::vector<QuerySeries>>(selected);
  const std::size_t shown = most == 0 ? found.size() : std::min(most, found.size());
  std::string data = "[";
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) data += ',';
    append_labels(data, *found[i].labels);
    if (data.size() > context.parts.limits.most_bytes) return too_long_answer();
  }
  data += ']';
  if (shown < found.size()) return prometheus_success(data, {kTruncated});
  return prometheus_success(data);
}

Reply text_list(std::variant<std::vector<std::string>, Declined> found, std::size_t most) {
  if (auto* declined = std::get_if<Declined>(&found)) return std::move(*declined);
  const auto& items = std::get<std::vector<std::string>>(found);
  const std::size_t shown = most == 0 ? items.size() : std::min(most, items.size());
  std::string data;
  JsonWriter json(data);
  json.begin_array();
  for (std::size_t i = 0; i < shown; ++i) json.value(items[i]);
  json.end_array();
  if (shown < items.size()) return prometheus_success(data, {kTruncated});
  return prometheus_success(data);
}

Reply label_names(PrometheusContext& context, PrometheusParameters& given,
                  const Deadline& deadline) {
  const TimeSpan span = given.span();
  const std::size_t most = given.limit("limit");
  if (given.declined()) return *given.declined();
  auto any_of = selectors(context, given, false);
  if (auto* declined = std::get_if<Declined>(&any_of)) return std::move(*declined);
  const auto ask = [&](std::span<const Matchers> selectors) {
    return deadline.source().label_names(selectors, span);
  };
  return text_list(texts_of_any(std::get<std::vector<Matchers>>(any_of), deadline, ask), most);
}

Reply label_values(PrometheusContext& context, std::string_view asked, PrometheusParameters& given,
                   const Deadline& deadline) {
  const auto name = label_of_path(asked);
  if (!name) {
    return decline(400, "bad_data", "invalid label name: \"" + std::string(asked) + '"');
  }
  const TimeSpan span = given.span();
  const std::size_t most = given.limit("limit");
  if (given.declined()) return *given.declined();
  auto any_of = selectors(context, given, false);
  if (auto* declined = std::get_if<Declined>(&any_of)) return std::move(*declined);
  const auto ask = [&](std::span<const Matchers> selectors) {
    return deadline.source().label_values(*name, selectors, span);
  };
  return text_list(texts_of_any(std::get<std::vector<Matchers>>(any_of), deadline, ask), most);
}

// Without a limit Grafana says 0, which Prometheus itself would take for "none at all".
Reply metadata(PrometheusParameters& given, const Deadline& deadline) {
  const std::size_t most = given.limit("limit");
  const std::size_t most_each = given.limit("limit_per_metric");
  if (given.declined()) return *given.declined();
  std::map<std::string, std::string, std::less<>> by_name;
  std::map<std::string, std::size_t, std::less<>> counts;
  for (const MetricMetadata& metric : deadline.source().metadata(given.text("metric"))) {
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

// Prometheus' rule: the newest sample within the lookback, unless the series has ended.
Reply federate(PrometheusContext& context, PrometheusParameters& given, const Deadline& deadline) {
  auto any_of = selectors(context, given, false);
  if (auto* declined = std::get_if<Declined>(&any_of)) return std::move(*declined);
  const std::int64_t now = context.api.clock.wall_ms();
  const TimeSpan span{now - context.parts.limits.lookback.count() + 1, now};
  auto selected = select_any(context, std::get<std::vector<Matchers>>(any_of), span, deadline);
  if (auto* declined = std::get_if<Declined>(&selected)) return std::move(*declined);
  auto& found = std::get<std::vector<QuerySeries>>(selected);
  std::stable_sort(found.begin(), found.end(), [](const QuerySeries& a, const QuerySeries& b) {
    return label_value(*a.labels, kNameLabel) < label_value(*b.labels, kNameLabel);
  });
  std::vector<VectorValue::Element> newest(found.size());
  deadline.source().read(found, span, [&](std::size_t i, const SampleSlice& samples) {
    if (!samples.times_ms.empty() && !is_stale_marker(samples.values.back())) {
      newest[i] = {found[i].labels, samples.times_ms.back(), samples.values.back()};
    }
    return !deadline.is_over();
  });
  if (deadline.is_over()) return deadline.refusal();
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
          return in_turn(context, call.request,
                         [&](const Deadline& deadline) { return answer(call, given, deadline); });
        });
  };
  add("/prometheus/api/v1/series", Asked::by_get_and_form,
      [&](const Call&, PrometheusParameters& given, const Deadline& deadline) {
        return series(context, given, deadline);
      });
  add("/prometheus/api/v1/labels", Asked::by_get_and_form,
      [&](const Call&, PrometheusParameters& given, const Deadline& deadline) {
        return label_names(context, given, deadline);
      });
  add("/prometheus/api/v1/label/{id}/values", Asked::by_get_and_form,
      [&](const Call& call, PrometheusParameters& given, const Deadline& deadline) {
        return label_values(context, call.id, given, deadline);
      });
  add("/prometheus/api/v1/metadata", Asked::by_get_and_form,
      [&](const Call&, PrometheusParameters& given, const Deadline& deadline) {
        return metadata(given, deadline);
      });
  add("/prometheus/federate", Asked::by_get,
      [&](const Call&, PrometheusParameters& given, const Deadline& deadline) {
        return federate(context, given, deadline);
      });
}

}  // namespace volta
