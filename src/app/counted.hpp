// A number and what it counts, for a sentence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volta {

// "1 sample", "0 samples", "5 samples".
inline std::string counted(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

}  // namespace volta
