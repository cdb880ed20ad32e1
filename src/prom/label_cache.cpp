#include "prom/label_cache.hpp"

namespace volta {
namespace {

constexpr std::size_t kNodeBytes = 160;  // of a map's node and a shared pointer's block, about

std::size_t cost_of(std::string_view key, const Labels& labels) {
  std::size_t bytes = kNodeBytes + key.size() + labels.capacity() * sizeof(Labels::value_type);
  for (const auto& [name, value] : labels) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace

std::shared_ptr<const Labels> LabelCache::find(std::string_view key, Place& place) {
  const std::scoped_lock lock(mutex_);
  Entry* entry = nullptr;
  if (place.at_ != nullptr && place.generation_ == generation_) {
    entry = place.at_->second.follower;
    if (entry != nullptr && entry->first != key) entry = nullptr;
  }
  if (entry == nullptr) entry = look_up(key);
  if (entry == nullptr) return nullptr;
  auto labels = entry->second.labels;
  const bool was_old = entry->second.generation != generation_;
  if (was_old) {
    const std::size_t cost = cost_of(key, *labels);
    young_.insert(old_.extract(old_.find(key)));
    entry->second.generation = generation_;
    old_bytes_ -= cost;
    young_bytes_ += cost;
  }
  go_to(entry, place);
  if (was_old) age();
  return labels;
}

void LabelCache::put(std::string_view key, std::shared_ptr<const Labels> labels, Place& place) {
  const std::scoped_lock lock(mutex_);
  if (look_up(key) != nullptr) return;  // another thread was faster
  young_bytes_ += cost_of(key, *labels);
  const auto added =
      young_.emplace(std::string(key), Known{std::move(labels), generation_, nullptr});
  go_to(&*added.first, place);
  age();
}

LabelCache::Entry* LabelCache::look_up(std::string_view key) {
  if (const auto found = young_.find(key); found != young_.end()) return &*found;
  const auto found = old_.find(key);
  return found == old_.end() ? nullptr : &*found;
}

void LabelCache::go_to(Entry* entry, Place& place) {
  if (place.at_ != nullptr && place.generation_ == generation_) {
    place.at_->second.follower = entry;
  }
  place.at_ = entry;
  place.generation_ = generation_;
}

void LabelCache::age() {
  if (young_bytes_ <= most_bytes_ / 2) return;
  old_ = std::move(young_);
  old_bytes_ = young_bytes_;
  young_.clear();
  young_bytes_ = 0;
  // Places of the generation before, and followers, may point to what is gone now.
  ++generation_;
  for (auto& entry : old_) entry.second.follower = nullptr;
}

std::size_t LabelCache::bytes() const {
  const std::scoped_lock lock(mutex_);
  return young_bytes_ + old_bytes_;
}

}  // namespace volta
