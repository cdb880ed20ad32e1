// Prometheus' envelope around answers and refusals: {"status":"success","data":...} and
// {"status":"error","errorType":...,"error":...}.
//
// A route under /prometheus declines as any other; the `code` of its problem is Prometheus' error
// type ("bad_data", "execution", "timeout", "canceled", "unavailable", "not_found", "internal").
// Codes of volta's own (a login, a method) get the type that goes with their status.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/reply.hpp"
#include "model/query_engine.hpp"

namespace volta {

// `data` is JSON.
HttpResponse prometheus_success(std::string_view data,
                                const std::vector<std::string>& warnings = {});

// A RefusalWriter.
HttpResponse prometheus_refusal(const Declined& declined, std::string_view request_id);

Declined query_refusal(const QueryFailure& failure);

// 503, to come again after a second.
Declined come_again(std::string type, std::string text);

}  // namespace volta
