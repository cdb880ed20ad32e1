#include "store/keyed_hash.hpp"

#include <algorithm>
#include <cstring>

#include "base/crypto.hpp"

namespace volta {
namespace {

// Of two words that nobody can guess without the key.
std::uint64_t folded(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t word_at(std::string_view text, std::size_t at) {
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + at, std::min<std::size_t>(8, text.size() - at));
  return word;
}

}  // namespace

HashKey random_hash_key() {
  HashKey key{};
  std::array<std::uint8_t, sizeof key> bytes{};
  random_bytes(bytes);
  std::memcpy(key.data(), bytes.data(), bytes.size());
  key[0] |= 1U;  // a product with 0 would forget everything
  return key;
}

std::uint64_t keyed_hash(std::uint64_t state, std::string_view text, const HashKey& key) {
  state = folded(state ^ text.size() ^ key[1], key[0]);
  for (std::size_t at = 0; at < text.size(); at += 8) {
    state = folded(state ^ word_at(text, at) ^ key[0], state + key[1]);
  }
  return state;
}

}  // namespace volta
