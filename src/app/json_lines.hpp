// Series as JSON lines, the format that VictoriaMetrics imports and exports: one object a line,
//   {"metric":{"__name__":"up","job":"a"},"values":[1,0.5],"timestamps":[1795226940123,1795226941123]}
// Timestamps are unix milliseconds. Values are exact: the shortest decimal text of the double; what
// JSON has no number for is the string "NaN", "+Inf" or "-Inf". Of the many NaNs "NaN" is the one
// that other programs make of the word (0x7ff8000000000000); another one, as a stale marker, is
// "NaN:7ff0000000000002".
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/sample_sink.hpp"

namespace volta {

// Labels come out sorted, times rising; of two samples for one time the later one stays. An Error:
// not such an object, a label twice or empty, or not as many values as timestamps.
Result<LabeledSamples> parse_json_line(std::string_view line);

// Appends the line with its LF. What it has is read back bit for bit.
void append_json_line(std::string& out, const LabeledSamples& series);

}  // namespace volta
