#include "prom/scrape_text.hpp"

#include "prom/label_rules.hpp"

namespace volta {
namespace {

constexpr std::size_t kEntryBytes = 256;  // of an entry and its node without its texts, about

std::size_t entry_bytes(const SeriesTexts::Entry& entry) {
  return kEntryBytes + entry.text.capacity() + labels_bytes(*entry.labels);
}

bool blank_at(std::string_view text, std::size_t at) {
  return at < text.size() && (text[at] == ' ' || text[at] == '\t');
}

}  // namespace

void SeriesTexts::begin() {
  if (!fresh_.empty()) forget_fresh();
  last_ = nullptr;
}

void SeriesTexts::end() {
  if (seen_ != entries_.size()) forget_unseen();
  fresh_.clear();
  ++scrape_;
  seen_ = 0;
  last_ = nullptr;
}

const SeriesTexts::Entry* SeriesTexts::expected(std::string_view rest) {
  Entry* const entry = last_ == nullptr ? first_ : last_->follower;
  if (entry == nullptr) return nullptr;
  const std::size_t size = entry->text.size();
  if (!rest.starts_with(entry->text) || !blank_at(rest, size)) return nullptr;
  // "name" is not the whole of "name {...}".
  if (size == entry->name_bytes) {
    const auto next = rest.find_first_not_of(" \t", size);
    if (next != std::string_view::npos && rest[next] == '{') return nullptr;
  }
  return show(entry);
}

const SeriesTexts::Entry* SeriesTexts::find(std::string_view text) {
  const auto found = entries_.find(text);
  return found == entries_.end() ? nullptr : show(found->second.get());
}

const SeriesTexts::Entry* SeriesTexts::add(std::string_view text, std::size_t name_bytes,
                                           std::shared_ptr<const Labels> labels,
                                           std::size_t most_bytes) {
  auto entry = std::make_unique<Entry>();
  entry->text = text;
  entry->name_bytes = name_bytes;
  entry->labels = std::move(labels);
  bytes_ += entry_bytes(*entry);
  if (bytes_ > most_bytes) {
    *this = {};
    return nullptr;
  }
  Entry* const added = entry.get();
  entries_.emplace(added->text, std::move(entry));
  fresh_.push_back(added);
  return show(added);
}

const SeriesTexts::Entry* SeriesTexts::show(Entry* entry) {
  (last_ == nullptr ? first_ : last_->follower) = entry;
  last_ = entry;
  if (entry->scrape != scrape_) {
    entry->scrape = scrape_;
    ++seen_;
  }
  return entry;
}

// The body that brought them was broken off.
void SeriesTexts::forget_fresh() {
  for (Entry* entry : fresh_) entry->scrape = 0;
  fresh_.clear();
  forget([](const Entry* entry) { return entry->scrape == 0; });
  ++scrape_;
  seen_ = 0;
}

void SeriesTexts::forget_unseen() {
  forget([&](const Entry* entry) { return entry->scrape != scrape_; });
}

template <typename Gone>
void SeriesTexts::forget(const Gone& gone) {
  if (first_ != nullptr && gone(first_)) first_ = nullptr;
  for (auto& [text, entry] : entries_) {
    if (entry->follower != nullptr && gone(entry->follower)) entry->follower = nullptr;
  }
  std::erase_if(entries_, [&](const auto& item) {
    if (!gone(item.second.get())) return false;
    bytes_ -= entry_bytes(*item.second);
    return true;
  });
}

}  // namespace volta
