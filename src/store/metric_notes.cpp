#include "store/metric_notes.hpp"

#include "base/text.hpp"
#include "store/foreign_labels.hpp"

namespace volta {
namespace {

constexpr std::size_t kLongestNote = 4096;

// The longest part of whole, valid UTF-8 sequences from the beginning on.
std::string cut(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t length = utf8_length(text.substr(end));
    if (length == 0 || end + length > kLongestNote) break;
    end += length;
  }
  return std::string(text.substr(0, end));
}

bool same_note(const MetricMetadata& a, const MetricMetadata& b) {
  return a.type == b.type && a.help == b.help && a.unit == b.unit;
}

}  // namespace

void MetricNotes::load(Connection& connection) {
  const std::lock_guard lock(mutex_);
  Query query = connection.query("SELECT name, type, help, unit FROM metric_note");
  while (query.step()) {
    const std::string name(query.text(0));
    notes_[name] = {name, std::string(query.text(1)), std::string(query.text(2)),
                    std::string(query.text(3))};
  }
}

void MetricNotes::add(std::span<const MetricMetadata> metrics) {
  const std::lock_guard lock(mutex_);
  for (const MetricMetadata& metric : metrics) {
    if (!is_metric_name(metric.name)) continue;
    MetricMetadata note{metric.name, cut(metric.type), cut(metric.help), cut(metric.unit)};
    const auto known = notes_.find(metric.name);
    if (known == notes_.end()) {
      if (notes_.size() >= kMostNotes) continue;
      notes_.emplace(metric.name, std::move(note));
    } else if (same_note(known->second, note)) {
      continue;
    } else {
      known->second = std::move(note);
    }
    unwritten_.insert(metric.name);
  }
}

std::vector<MetricMetadata> MetricNotes::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  std::vector<MetricMetadata> found;
  if (name.empty()) {
    for (const auto& [key, note] : notes_) found.push_back(note);
  } else if (const auto note = notes_.find(name); note != notes_.end()) {
    found.push_back(note->second);
  }
  return found;
}

std::vector<MetricMetadata> MetricNotes::unwritten() const {
  const std::lock_guard lock(mutex_);
  std::vector<MetricMetadata> found;
  for (const std::string& name : unwritten_) found.push_back(notes_.at(name));
  return found;
}

void MetricNotes::write(Connection& connection, const std::vector<MetricMetadata>& notes) {
  for (const MetricMetadata& note : notes) {
    connection.query("INSERT OR REPLACE INTO metric_note VALUES (?,?,?,?)")
        .with(std::string_view(note.name), std::string_view(note.type), std::string_view(note.help),
              std::string_view(note.unit))
        .run();
  }
}

void MetricNotes::clear(const std::vector<MetricMetadata>& written) {
  const std::lock_guard lock(mutex_);
  for (const MetricMetadata& note : written) {
    if (same_note(notes_.at(note.name), note)) unwritten_.erase(note.name);
  }
}

}  // namespace volta
