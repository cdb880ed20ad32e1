// Remote read bodies, uncompressed. ReadRequest{1 queries, 2 accepted types}, Query{1 start ms,
// 2 end ms, 3 matchers, 4 hints}, LabelMatcher{1 type, 2 name, 3 value}; ReadResponse{1 results},
// QueryResult{1 timeseries}, a TimeSeries as in remote write 1.0. Hints are only that, and are not
// looked at. Of the answers only SAMPLES is made, which every client takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/matcher.hpp"
#include "model/sample_sink.hpp"
#include "model/time_series.hpp"

namespace volta {

struct ReadQuery {
  TimeSpan span;
  Matchers matchers;
};

struct ReadLimits {
  std::size_t most_bytes = 1U << 20U;  // of the message, uncompressed
  std::size_t most_queries = 64;
  std::size_t most_matchers = 64;         // of a query
  std::size_t longest_text = 64U << 10U;  // of a matcher's name or value
};

// An Error (400): broken, beyond a limit, a query without matchers, or regular expressions that do
// not compile or are too large together (RegexBudget).
Result<std::vector<ReadQuery>> decode_read_request(std::string_view message,
                                                   const ReadLimits& limits);

// One element of `results` per query, in the queries' order. Its series are written ordered by
// labels, whatever order they come in; those without samples are left out.
std::string encode_read_response(std::vector<std::vector<LabeledSamples>> results);

}  // namespace volta
