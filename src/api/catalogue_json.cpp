#include "api/catalogue_json.hpp"

#include "base/json_writer.hpp"
#include "model/metric.hpp"

namespace volta {

std::string catalogue_json() {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("metrics").begin_array();
  for (const Metric& entry : catalogue()) {
    json.begin_object()
        .member("name", entry.name)
        .member("kind", to_text(entry.kind))
        .member("unit", entry.unit)
        .member("scale", static_cast<std::int64_t>(entry.scale));
    json.key("labels").begin_array();
    for (const std::string_view label : entry.labels) json.value(label);
    json.end_array()
        .member("quality", to_text(entry.quality))
        .member("group", entry.group)
        .member("period_ms", static_cast<std::int64_t>(entry.period.count()));
    json.key("alias");
    if (entry.alias.empty()) {
      json.null();
    } else {
      json.value(entry.alias);
    }
    json.member("help", entry.help).end_object();
  }
  json.end_array().key("groups").begin_array();
  for (const MetricGroup& group : metric_groups()) {
    json.begin_object()
        .member("name", group.name)
        .member("period_ms", static_cast<std::int64_t>(group.period.count()))
        .member("help", group.help)
        .end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace volta
