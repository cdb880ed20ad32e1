#include "prom/snappy_block.hpp"

#include <snappy.h>

#include "base/assert.hpp"

namespace volta {
namespace {

// A copy element of three bytes makes at most 64: nothing inflates by more than 22, and a block
// that declares more lies.
constexpr std::uint64_t kMostRatio = 22;

}  // namespace

std::optional<std::uint64_t> snappy_declared_size(std::string_view block) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(block.data(), block.size(), &size)) return std::nullopt;
  return size;
}

Result<std::string> snappy_uncompress(std::string_view block, std::size_t most_bytes) {
  std::string out;
  if (auto done = snappy_uncompress(block, most_bytes, out); !done) return done.error();
  return out;
}

Result<void> snappy_uncompress(std::string_view block, std::size_t most_bytes, std::string& out) {
  const auto declared = snappy_declared_size(block);
  if (!declared) return Error{"the body is not a snappy block"};
  if (*declared > most_bytes) {
    return Error{"the body holds " + std::to_string(*declared) +
                 " bytes once uncompressed; the limit is " + std::to_string(most_bytes)};
  }
  if (*declared > block.size() * kMostRatio) {
    return Error{"the snappy block declares more bytes than it can hold"};
  }
  out.resize(static_cast<std::size_t>(*declared));
  if (!snappy::RawUncompress(block.data(), block.size(), out.data())) {
    return Error{"the snappy block is corrupt"};
  }
  return {};
}

std::string snappy_compress(std::string_view bytes) {
  VOLTA_ASSERT(bytes.size() <= UINT32_MAX);
  std::string out;
  snappy::Compress(bytes.data(), bytes.size(), &out);
  return out;
}

}  // namespace volta
