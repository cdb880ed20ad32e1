// What the routes under /prometheus share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "api/api_parts.hpp"
#include "api/prometheus_parameters.hpp"
#include "api/query_gate.hpp"
#include "api/router.hpp"

namespace volta {

// Compressed; what they hold once uncompressed is bounded by the formats.
constexpr std::size_t kMostWriteBytes = 32U << 20U;
constexpr std::size_t kMostReadBytes = 1U << 20U;

struct PrometheusContext {
  PrometheusContext(const ApiParts& all, const ApiSettings& chosen)
      : api(all),
        settings(chosen),
        parts(all.prometheus),
        queries(all.prometheus.most_queries, all.prometheus.most_waiting_queries),
        writes(all.prometheus.most_writes, all.prometheus.most_waiting_writes) {}

  const ApiParts& api;
  const ApiSettings& settings;
  const PrometheusParts& parts;
  QueryGate queries;
  QueryGate writes;
  std::atomic<bool> cancel{false};
};

// What ends the work for this request early: its client has gone, or the server stops.
const std::atomic<bool>* cancel_of(const PrometheusContext& context, const HttpRequest& request);

// When the work for one request has to end: after its time, with its client, or with the server.
class Deadline {
 public:
  // `left`: from now on. Requires a source.
  Deadline(const PrometheusContext& context, const HttpRequest& request,
           std::chrono::milliseconds left);
  [[nodiscard]] bool is_over() const {
    return cancel_.load() || context_.api.clock.boottime() >= until_;
  }
  // Why, once it is.
  [[nodiscard]] Declined refusal() const;
  // The series there are. What it asks of another machine ends with this deadline.
  [[nodiscard]] const SeriesSource& source() const {
    return bounded_ ? *bounded_ : *context_.parts.source;
  }

 private:
  const PrometheusContext& context_;
  const std::atomic<bool>& cancel_;
  std::chrono::nanoseconds until_;
  std::unique_ptr<const SeriesSource> bounded_;
};

// Runs `work` with what is left of `patience` once it has a place among the queries; else 503.
Reply in_turn(PrometheusContext& context, std::chrono::milliseconds patience,
              const std::function<Reply(std::chrono::milliseconds)>& work);
// The same for what takes no time limit of its own. A source that gives no answer is declined as a
// query would be.
Reply in_turn(PrometheusContext& context, const HttpRequest& request,
              const std::function<Reply(const Deadline&)>& work);

enum class Asked : std::uint8_t { by_get, by_get_and_form };
void add_question(Router& router, std::string_view pattern, Asked how,
                  const std::function<Reply(const Call&, PrometheusParameters&)>& handler);

// The selectors of match[]; those that do not parse are a refusal.
std::variant<std::vector<Matchers>, Declined> selectors(const PrometheusContext& context,
                                                        const PrometheusParameters& given,
                                                        bool name_parameter);

Declined not_here(std::string_view what);

// A table each.
void add_prometheus_query_routes(Router& router, PrometheusContext& context);
void add_prometheus_series_routes(Router& router, PrometheusContext& context);
void add_prometheus_remote_routes(Router& router, PrometheusContext& context);
void add_prometheus_status_routes(Router& router, PrometheusContext& context);

}  // namespace volta
