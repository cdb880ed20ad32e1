// What to say of an expression that found nothing because a metric in it does not exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace volta {

// The metrics that the expression names before braces, each once, in their order; none of an
// expression that volta does not read.
std::vector<std::string> metrics_in(std::string_view expression);

// A line for each of these that is not among `known`, with the nearest that is.
std::string unknown_metrics_text(const std::vector<std::string>& asked,
                                 const std::vector<std::string>& known);

}  // namespace volta
