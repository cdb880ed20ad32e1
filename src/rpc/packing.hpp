// Cap'n Proto's standard packed encoding, piece by piece. Half of an RPC message are zero bytes: a
// push and its answer cost about a third as many bytes around the payload as unpacked.
//
// Each word (8 bytes) becomes a tag byte, whose bit i says that byte i is not zero, and the bytes
// that are not zero. After tag 0x00 stands a count of further zero words, after tag 0xff and its
// word a count of further words that follow as they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/varint.hpp"

namespace volta::rpc {

// Appends the packed form of `words`. Requires whole words.
void pack(std::span<const std::byte> words, Bytes& out);

// Takes what pack() made in pieces of any size. Never fails: any bytes mean some words.
class Unpacker {
 public:
  struct Progress {
    std::size_t consumed;
    std::size_t produced;
  };
  // Goes on until `in` is used up, or `out` is full and no count is owed. `out` is what is left of
  // a whole number of words of which earlier calls produced the beginning.
  Progress unpack(std::span<const std::byte> in, std::span<std::byte> out);

  // No word is begun, no count owed, no run left over.
  [[nodiscard]] bool at_boundary() const {
    return state_ == State::tag && zero_bytes_ == 0 && literal_bytes_ == 0;
  }
  // Nothing but input is missing for the words produced so far to be complete.
  [[nodiscard]] bool owes_count() const {
    return state_ == State::zero_count || state_ == State::literal_count;
  }

 private:
  enum class State : std::uint8_t { tag, word, zero_count, literal_count };

  std::size_t take_byte(std::byte byte, std::span<std::byte> out);
  std::size_t finish_word(std::span<std::byte> out);

  State state_ = State::tag;
  std::uint8_t tag_ = 0;
  unsigned at_ = 0;  // next byte of word_
  std::array<std::byte, 8> word_{};
  std::size_t zero_bytes_ = 0;     // of a run, still to be produced
  std::size_t literal_bytes_ = 0;  // of a run, still to be copied
};

}  // namespace volta::rpc
