// The routes, a table a subject. Each adds its rows to the router; parts and settings outlive it.
#pragma once

#include "api/access.hpp"
#include "api/api_parts.hpp"
#include "api/prometheus_context.hpp"
#include "api/router.hpp"

namespace volta {

void add_system_routes(Router& router, const ApiParts& parts, const ApiSettings& settings,
                       const Access& access);
void add_session_routes(Router& router, Access& access);
void add_host_routes(Router& router, const ApiParts& parts);
// History takes its turn among the queries of `context`.
void add_data_routes(Router& router, PrometheusContext& context);
// /api/v1/ws and /api/v1/stream as they answer to plain requests; streams go through Api itself.
void add_stream_routes(Router& router);

// Everything under /prometheus.
void add_prometheus_routes(Router& router, PrometheusContext& context);

// Query parameters of GET /api/v1/stream.
inline const std::vector<std::string_view> kStreamParameters = {"host", "names", "interval_ms",
                                                                "rates"};

}  // namespace volta
