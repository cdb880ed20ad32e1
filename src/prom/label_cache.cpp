#include "prom/label_cache.hpp"

namespace volta {
namespace {

constexpr std::size_t kNodeBytes = 128;  // of a map's node and a shared pointer's block, about

std::size_t cost_of(std::string_view key, const Labels& labels) {
  std::size_t bytes = kNodeBytes + key.size() + labels.capacity() * sizeof(Labels::value_type);
  for (const auto& [name, value] : labels) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace

std::shared_ptr<const Labels> LabelCache::find(std::string_view key) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = young_.find(key); found != young_.end()) return found->second;
  const auto found = old_.find(key);
  if (found == old_.end()) return nullptr;
  auto node = old_.extract(found);
  const std::size_t cost = cost_of(node.key(), *node.mapped());
  old_bytes_ -= cost;
  auto labels = node.mapped();
  young_.insert(std::move(node));
  young_bytes_ += cost;
  age();
  return labels;
}

void LabelCache::put(std::string_view key, std::shared_ptr<const Labels> labels) {
  const std::scoped_lock lock(mutex_);
  const std::size_t cost = cost_of(key, *labels);
  if (young_.emplace(std::string(key), std::move(labels)).second) young_bytes_ += cost;
  age();
}

void LabelCache::age() {
  if (young_bytes_ <= most_bytes_ / 2) return;
  old_ = std::move(young_);
  old_bytes_ = young_bytes_;
  young_.clear();
  young_bytes_ = 0;
}

std::size_t LabelCache::bytes() const {
  const std::scoped_lock lock(mutex_);
  return young_bytes_ + old_bytes_;
}

}  // namespace volta
