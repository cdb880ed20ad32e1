#include "store/series_hash.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "base/crypto.hpp"

namespace volta {
namespace {

// Both halves of a product: without the key nobody knows what makes it equal to another.
std::uint64_t stirred(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

// The length goes in first, so that texts one after the other cannot be taken for others.
std::uint64_t with_text(std::uint64_t state, std::string_view text,
                        const std::array<std::uint64_t, 2>& key) {
  state = stirred(state ^ text.size() ^ key[1], key[0]);
  for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(8, text.size()))) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), std::min<std::size_t>(8, text.size()));
    state = stirred(state ^ word ^ key[0], state + key[1]);
  }
  return state;
}

}  // namespace

SeriesHash::SeriesHash() {
  std::array<std::uint8_t, sizeof key_> bytes{};
  random_bytes(bytes);
  std::memcpy(key_.data(), bytes.data(), bytes.size());
}

std::uint64_t SeriesHash::operator()(const SeriesDef& series) const {
  std::uint64_t state = with_text(key_[1], series.name, key_);
  for (const auto& [name, value] : series.labels) {
    state = with_text(with_text(state, name, key_), value, key_);
  }
  return stirred(state, key_[0] | 1U);
}

}  // namespace volta
