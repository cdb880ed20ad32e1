// Host facts come from the agent as JSON text and go to browsers as they are. So they must be
// checked once, where they arrive.
#pragma once

#include <string>
#include <string_view>

namespace volta {

constexpr std::size_t kLargestFactsBytes = 64U << 10U;

// "" if `text` is one JSON object of RFC 8259 in valid UTF-8, at most 64 KiB and 8 levels deep,
// else the reason.
std::string facts_problem(std::string_view text);

}  // namespace volta
