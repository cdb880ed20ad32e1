#include "rpc/packing.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace volta::rpc {
namespace {

constexpr std::size_t kWord = 8;
constexpr std::size_t kLongestRun = 255;  // words, besides the first

unsigned count_zeros(std::span<const std::byte> word) {
  return static_cast<unsigned>(std::count(word.begin(), word.end(), std::byte{0}));
}

// How many words at the front of `words`, at most 255, `fits` holds for.
template <typename Fits>
std::size_t run_length(std::span<const std::byte> words, Fits fits) {
  std::size_t run = 0;
  while (run < kLongestRun && (run + 1) * kWord <= words.size() &&
         fits(words.subspan(run * kWord, kWord))) {
    ++run;
  }
  return run;
}

void append(Bytes& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

void pack(std::span<const std::byte> words, Bytes& out) {
  VOLTA_ASSERT(words.size() % kWord == 0);
  while (!words.empty()) {
    const auto word = words.first(kWord);
    words = words.subspan(kWord);
    std::array<std::byte, 1 + kWord> packed{};
    std::size_t used = 1;
    unsigned tag = 0;
    for (unsigned i = 0; i < kWord; ++i) {
      packed[used] = word[i];
      const bool set = word[i] != std::byte{0};
      tag |= static_cast<unsigned>(set) << i;
      used += static_cast<std::size_t>(set);
    }
    packed[0] = static_cast<std::byte>(tag);
    append(out, std::span(packed).first(used));
    if (tag == 0) {
      const std::size_t run = run_length(words, [](auto next) { return count_zeros(next) == 8; });
      out.push_back(static_cast<std::byte>(run));
      words = words.subspan(run * kWord);
    } else if (tag == 0xff) {
      const std::size_t run = run_length(words, [](auto next) { return count_zeros(next) < 2; });
      out.push_back(static_cast<std::byte>(run));
      append(out, words.first(run * kWord));
      words = words.subspan(run * kWord);
    }
  }
}

Unpacker::Progress Unpacker::unpack(std::span<const std::byte> in, std::span<std::byte> out) {
  std::size_t consumed = 0;
  std::size_t produced = 0;
  while (produced < out.size() || owes_count()) {
    const auto room = out.subspan(produced);
    if (zero_bytes_ > 0) {
      const std::size_t count = std::min(zero_bytes_, room.size());
      std::memset(room.data(), 0, count);
      zero_bytes_ -= count;
      produced += count;
      continue;
    }
    const auto rest = in.subspan(consumed);
    if (rest.empty()) break;
    if (literal_bytes_ > 0) {
      const std::size_t count = std::min({literal_bytes_, room.size(), rest.size()});
      std::memcpy(room.data(), rest.data(), count);
      literal_bytes_ -= count;
      consumed += count;
      produced += count;
      continue;
    }
    produced += take_byte(rest.front(), room);
    ++consumed;
  }
  return {consumed, produced};
}

// Returns how many bytes it wrote to `out`: 0 or a word.
std::size_t Unpacker::take_byte(std::byte byte, std::span<std::byte> out) {
  switch (state_) {
    case State::zero_count:
      zero_bytes_ = std::to_integer<std::size_t>(byte) * kWord;
      state_ = State::tag;
      return 0;
    case State::literal_count:
      literal_bytes_ = std::to_integer<std::size_t>(byte) * kWord;
      state_ = State::tag;
      return 0;
    case State::tag:
      tag_ = std::to_integer<std::uint8_t>(byte);
      word_ = {};
      at_ = 0;
      state_ = State::word;
      break;
    case State::word:
      word_[at_++] = byte;
      break;
  }
  while (at_ < kWord && (tag_ >> at_ & 1U) == 0) ++at_;
  return at_ == kWord ? finish_word(out) : 0;
}

std::size_t Unpacker::finish_word(std::span<std::byte> out) {
  VOLTA_ASSERT(out.size() >= kWord);
  std::memcpy(out.data(), word_.data(), kWord);
  state_ = tag_ == 0 ? State::zero_count : tag_ == 0xff ? State::literal_count : State::tag;
  return kWord;
}

}  // namespace volta::rpc
