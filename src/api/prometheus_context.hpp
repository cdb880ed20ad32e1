// What the routes under /prometheus share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
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

// When the work for one request has to end: after its time, or with the server.
class Deadline {
 public:
  // `left`: from now on.
  Deadline(const PrometheusContext& context, std::chrono::milliseconds left)
      : context_(context), until_(context.api.clock.boottime() + left) {}
  [[nodiscard]] bool is_over() const {
    return context_.cancel.load() || context_.api.clock.boottime() >= until_;
  }
  // Why, once it is.
  [[nodiscard]] Declined refusal() const;

 private:
  const PrometheusContext& context_;
  std::chrono::nanoseconds until_;
};

// Runs `work` with what is left of `patience` once it has a place among the queries; else 503.
Reply in_turn(PrometheusContext& context, std::chrono::milliseconds patience,
              const std::function<Reply(std::chrono::milliseconds)>& work);
// The same for what takes no time limit of its own.
Reply in_turn(PrometheusContext& context, const std::function<Reply(const Deadline&)>& work);

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
