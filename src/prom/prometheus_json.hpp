// The answers of Prometheus' HTTP API, byte for byte as its own clients expect them: times are
// seconds with at most three decimals, values are strings in Go's shortest form. And federation,
// which is the same values as exposition text. Written straight into one buffer: an hour of one
// series is 3600 points, and must not cost more to write than to find.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/query_engine.hpp"

namespace volta {

// {"status":"success","data":{"resultType":...,"result":...}}, with `warnings` if there are any.
std::string query_answer_json(const QueryAnswer& answer);

// Of points. 1795227181.224, 1795227181.500, 1795227181
void append_prometheus_time(std::string& out, std::int64_t time_ms);
// The shortest digits that read back the same, with an exponent below 1e-6 and from 1e21 on: 2,
// 0.1, 1e+21, NaN, +Inf. Without quotes.
void append_prometheus_value(std::string& out, double value);

// Content of /federate: a TYPE line (untyped) per name, then its samples with their times in
// milliseconds. Stale markers and elements without a name are left out.
std::string federation_text(const VectorValue& values);

}  // namespace volta
