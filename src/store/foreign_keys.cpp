#include "store/foreign_keys.hpp"

#include <cstring>
#include <mutex>

namespace volta {
namespace {

constexpr std::size_t kKeyChunkBytes = 256U << 10U;
constexpr std::size_t kFewestSlots = 1024;

}  // namespace

std::uint64_t ForeignKeys::hash(std::string_view key) const {
  return keyed_hash(secret_[1], key, secret_);
}

bool ForeignKeys::is(const Entry& entry, std::string_view key) {
  return entry.size == key.size() && std::memcmp(entry.key, key.data(), key.size()) == 0;
}

std::uint32_t ForeignKeys::look_up(std::string_view key) const {
  if (slots_.empty()) return kNone;
  const std::uint64_t hashed = hash(key);
  for (std::size_t at = hashed & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const std::uint32_t entry = slots_[at];
    if (entry == kNone) return kNone;
    if (entries_[entry].hash == hashed && is(entries_[entry], key)) return entry;
  }
}

void ForeignKeys::find(std::span<const KeyedSamples::Series> series, std::uint64_t forgotten,
                       std::vector<SeriesId>& ids) const {
  ids.assign(series.size(), SeriesId{});
  const std::shared_lock lock(mutex_);
  if (forgotten != forgotten_ || entries_.empty()) return;
  std::uint32_t before = kNone;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const std::string_view key = series[i].key;
    std::uint32_t found = kNone;
    if (before != kNone) {
      found = std::atomic_ref(entries_[before].follower).load(std::memory_order_relaxed);
    }
    if (found == kNone || !is(entries_[found], key)) {
      found = look_up(key);
      if (found == kNone) continue;
      if (before != kNone) {
        std::atomic_ref(entries_[before].follower).store(found, std::memory_order_relaxed);
      }
    }
    ids[i] = entries_[found].id;
    before = found;
  }
}

void ForeignKeys::remember(std::span<const Known> keys, std::uint64_t forgotten) {
  const std::unique_lock lock(mutex_);
  if (forgotten < forgotten_) return;  // looked up before a series was forgotten
  if (forgotten != forgotten_) clear();
  forgotten_ = forgotten;
  for (const Known& known : keys) {
    if (known.key.empty() || known.key.size() > kLongestKey) continue;
    if (look_up(known.key) != kNone) continue;  // another thread was faster, or it came twice
    insert(known);
  }
}

void ForeignKeys::insert(const Known& known) {
  if (held_bytes() >= most_bytes_) clear();
  if (slots_.size() < 2 * (entries_.size() + 1)) grow();
  const std::size_t size = known.key.size();
  if (chunk_left_ < size) {
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(kKeyChunkBytes));
    chunk_left_ = kKeyChunkBytes;
    chunk_bytes_ += kKeyChunkBytes;
  }
  char* const key = chunks_.back().get() + (kKeyChunkBytes - chunk_left_);
  std::memcpy(key, known.key.data(), size);
  chunk_left_ -= size;
  const auto number = static_cast<std::uint32_t>(entries_.size());
  const std::uint64_t hashed = hash(known.key);
  // The first to come next is mostly the next to be met.
  if (!entries_.empty() && entries_.back().follower == kNone) entries_.back().follower = number;
  entries_.push_back({key, hashed, static_cast<std::uint32_t>(size), known.id, kNone});
  std::size_t at = hashed & (slots_.size() - 1);
  while (slots_[at] != kNone) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = number;
}

void ForeignKeys::grow() {
  const std::size_t size = slots_.empty() ? kFewestSlots : 2 * slots_.size();
  slots_.assign(size, kNone);
  for (std::uint32_t entry = 0; entry < entries_.size(); ++entry) {
    std::size_t at = entries_[entry].hash & (size - 1);
    while (slots_[at] != kNone) at = (at + 1) & (size - 1);
    slots_[at] = entry;
  }
}

void ForeignKeys::clear() {
  entries_ = std::vector<Entry>();  // their memory goes, too
  slots_ = std::vector<std::uint32_t>();
  chunks_.clear();
  chunk_left_ = chunk_bytes_ = 0;
}

std::size_t ForeignKeys::held_bytes() const {
  return chunk_bytes_ + entries_.capacity() * sizeof(Entry) +
         slots_.capacity() * sizeof(std::uint32_t);
}

std::size_t ForeignKeys::bytes() const {
  const std::shared_lock lock(mutex_);
  return held_bytes();
}

}  // namespace volta
