// Puts Cap'n Proto messages together from packed bytes, and believes no length before it is
// checked: the library's own reader (0.9.2) allocates what a peer declares, and writes past its
// table when the segment count is 0xffffffff.
//
// Unpacked, a message is: u32 segment count - 1, u32 words of each segment, padding to a word, the
// segments. Valid here: fewer than 64 segments, all of them together within the limit, and the
// packed form ends where the message ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <capnp/message.h>
#include <kj/array.h>
#include <kj/memory.h>

#include "base/result.hpp"
#include "rpc/packing.hpp"

namespace volta::rpc {

constexpr std::size_t kMostSegments = 63;
constexpr std::size_t kLargestMessageBytes = 8U << 20U;

class FrameReader {
 public:
  explicit FrameReader(std::size_t largest_bytes) : largest_bytes_(largest_bytes) {}

  void set_largest(std::size_t bytes) { largest_bytes_ = bytes; }

  // Takes bytes up to the end of the message, answers how many. After an error the reader is spent.
  Result<std::size_t> feed(std::span<const std::byte> in);

  [[nodiscard]] bool complete() const { return stage_ == Stage::complete; }
  // Nothing of a message has come yet.
  [[nodiscard]] bool idle() const {
    return stage_ == Stage::first_word && filled_ == 0 && unpacker_.at_boundary();
  }
  // Unpacked bytes that the message still lacks, as far as known.
  [[nodiscard]] std::size_t missing() const { return room_end() - filled_; }

  // The message; the reader is ready for the next one. Requires complete().
  kj::Own<capnp::MessageReader> take(capnp::ReaderOptions options);

 private:
  enum class Stage : std::uint8_t { first_word, table, body, complete };

  [[nodiscard]] std::uint32_t table_entry(std::size_t index) const;
  [[nodiscard]] std::size_t room_end() const;
  std::span<std::byte> room();
  Result<void> advance();

  std::size_t largest_bytes_;
  Unpacker unpacker_;
  Stage stage_ = Stage::first_word;
  std::size_t filled_ = 0;  // bytes of the table, later of the body
  std::size_t segments_ = 0;
  std::array<std::byte, 4 + 4 * kMostSegments> table_{};
  kj::Array<capnp::word> body_;
};

}  // namespace volta::rpc
