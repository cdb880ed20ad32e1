#include "fleet/seen_series.hpp"

#include "base/assert.hpp"

namespace volta {
namespace {

constexpr unsigned kFormBits = 16;

// Never 0. Its upper bits are the name's, so that all forms of a name are met in one search.
std::uint64_t key_of(std::uint64_t name_hash, std::uint64_t form_hash) {
  const std::uint64_t form = form_hash & ((1U << kFormBits) - 1);
  return (name_hash >> kFormBits << kFormBits) | (form == 0 ? 1 : form);
}

}  // namespace

// Where the search begins: as far down the table as the name is down all names.
std::size_t SeenSeries::home(std::uint64_t key) const {
  return static_cast<std::size_t>((key >> 32U) * keys_.size() >> 32U);
}

SeenSeries::Seen SeenSeries::look(std::uint64_t name_hash, std::uint64_t form_hash) const {
  if (keys_.empty()) return Seen::nothing;
  const std::uint64_t key = key_of(name_hash, form_hash);
  Seen seen = Seen::nothing;
  for (std::size_t at = home(key); keys_[at] != 0; at = at + 1 == keys_.size() ? 0 : at + 1) {
    if (keys_[at] == key) return Seen::form;
    if (keys_[at] >> kFormBits == key >> kFormBits) seen = Seen::name;
  }
  return seen;
}

void SeenSeries::put(std::uint64_t key) {
  std::size_t at = home(key);
  while (keys_[at] != 0) at = at + 1 == keys_.size() ? 0 : at + 1;
  keys_[at] = key;
}

void SeenSeries::add(std::uint64_t name_hash, std::uint64_t form_hash) {
  const Seen seen = look(name_hash, form_hash);
  VOLTA_ASSERT(seen != Seen::form);
  if ((forms_ + 1) * 5 > keys_.size() * 4) {
    std::vector<std::uint64_t> before(keys_.size() + keys_.size() / 4 + 8);
    before.swap(keys_);
    for (const std::uint64_t key : before) {
      if (key != 0) put(key);
    }
  }
  put(key_of(name_hash, form_hash));
  ++forms_;
  if (seen == Seen::nothing) ++names_;
}

void SeenSeries::clear() { *this = {}; }

}  // namespace volta
