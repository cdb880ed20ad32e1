// The asking end of remote read: what a server of it is asked, and what it answers with samples.
// Messages as remote_read.hpp has them, uncompressed.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/sample_sink.hpp"
#include "prom/remote_read.hpp"

namespace volta {

// ReadRequest; of the kinds of answers SAMPLES is asked for.
std::string encode_read_request(std::span<const ReadQuery> queries);

// The series of each query, in the queries' order; values bit for bit. An Error: the message is
// broken, has series that are none (remote_write.hpp says which), or not `queries` results.
Result<std::vector<std::vector<LabeledSamples>>> decode_read_response(std::string_view message,
                                                                      std::size_t queries);

}  // namespace volta
