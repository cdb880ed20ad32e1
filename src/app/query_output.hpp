// The answer of a PromQL query, as Prometheus' HTTP API gives it, for people and for scripts.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/result.hpp"

namespace volta {

// `data` of the answer ({"resultType":...,"result":...}). An Error: it does not look like one.
//
// Table: of an instant vector a line per series, name and labels first; of a matrix a line per time
// and series under each series' heading; times in UTC.
Result<std::string> query_table(const boost::json::value& data);
// CSV (RFC 4180, LF): `timestamp` (RFC 3339), a column per label that any series has, `value`.
// Label values that a spreadsheet would take for a formula get an apostrophe in front.
Result<std::string> query_csv(const boost::json::value& data);

}  // namespace volta
