// A hash with a key of its own, drawn at random: nobody outside can choose what collides. Equal
// hashes are not equal texts.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace volta {

using HashKey = std::array<std::uint64_t, 2>;

HashKey random_hash_key();
// Of the text behind what `state` is the hash of; at first it is key[1].
std::uint64_t keyed_hash(std::uint64_t state, std::string_view text, const HashKey& key);

}  // namespace volta
