// Snappy's block format, which remote write and remote read bodies have (never the framed one). A
// block begins with the size of what it holds: that number is a stranger's word, so it is held
// against a limit, and against what the block's length could make at all, before memory is taken.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace volta {

// What the block says it holds; empty where it does not even begin like one. For telling "too
// large" (413) from "corrupt" (400).
std::optional<std::uint64_t> snappy_declared_size(std::string_view block);

// An Error: declared larger than `most_bytes`, or corrupt.
Result<std::string> snappy_uncompress(std::string_view block, std::size_t most_bytes);
// The same into `out`, whose memory serves again. What is in it after an Error means nothing.
Result<void> snappy_uncompress(std::string_view block, std::size_t most_bytes, std::string& out);

// The same bytes for the same input, always. At most 4 GiB.
std::string snappy_compress(std::string_view bytes);

}  // namespace volta
