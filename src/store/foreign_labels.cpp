#include "store/foreign_labels.hpp"

#include <mutex>

#include "base/text.hpp"
#include "model/time_series.hpp"

namespace volta {
namespace {

bool is_series_of(const SeriesDef& def, const Labels& labels) {
  if (labels.size() != def.labels.size() + 1) return false;
  auto ours = def.labels.begin();
  for (const auto& label : labels) {
    if (label.first == kNameLabel) {
      if (label.second != def.name) return false;
    } else if (ours == def.labels.end() || *ours++ != label) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string foreign_labels_problem(const Labels& labels) {
  if (labels.size() > kMostForeignLabels) return "a series has more than 64 labels";
  std::string_view before;
  bool named = false;
  for (const auto& [name, value] : labels) {
    if (!is_label_name(name) || name.size() > kLongestForeignName) {
      return "the label name \"" + printable(std::string_view(name).substr(0, 64)) +
             "\" is not [a-zA-Z_][a-zA-Z0-9_]*";
    }
    if (name <= before)
      return "the labels are not sorted by name, or the label " + name + " is there twice";
    if (value.empty()) return "the label " + name + " is empty";
    if (value.size() > kLongestForeignValue) return "the label " + name + " is longer than 4 KiB";
    if (!is_utf8(value)) return "the label " + name + " is not UTF-8";
    if (name == kNameLabel) {
      named = true;
      if (!is_metric_name(value) || value.size() > kLongestForeignName) {
        return "the metric name \"" + printable(std::string_view(value).substr(0, 64)) +
               "\" is not [a-zA-Z_:][a-zA-Z0-9_:]*";
      }
    }
    before = name;
  }
  return named ? "" : "a series has no metric name";
}

SeriesDef foreign_series(const Labels& labels) {
  SeriesDef def;
  def.type = ValueType::float64;
  for (const auto& label : labels) {
    if (label.first == kNameLabel) {
      def.name = label.second;
    } else {
      def.labels.push_back(label);
    }
  }
  for (const std::string_view ending : {"_total", "_count", "_sum", "_bucket"}) {
    if (def.name.ends_with(ending)) def.kind = Kind::counter;
  }
  return def;
}

std::uint64_t ForeignSeriesCache::hash(const Labels& labels) const {
  std::uint64_t state = key_[1];
  for (const auto& [name, value] : labels) {
    state = keyed_hash(keyed_hash(state, name, key_), value, key_);
  }
  return state;
}

ForeignSeriesCache::Found ForeignSeriesCache::resolve(const Labels& labels) {
  const std::uint64_t forgotten = table_.forgotten();
  const std::uint64_t key = hash(labels);
  {
    const std::shared_lock lock(mutex_);
    if (forgotten == forgotten_) {
      const auto found = known_.find(key);
      if (found != known_.end() && is_series_of(found->second->def, labels)) {
        return {found->second->id, ""};
      }
    }
  }
  if (std::string problem = foreign_labels_problem(labels); !problem.empty()) {
    return {SeriesId{}, std::move(problem)};
  }
  const SeriesId id = table_.resolve(kNoHost, foreign_series(labels));
  if (id == SeriesId{}) return {id, "the store has as many foreign series as it may have"};
  const auto record = table_.record(id);
  const std::unique_lock lock(mutex_);
  if (forgotten != forgotten_) {
    known_.clear();
    forgotten_ = forgotten;
  }
  if (record != nullptr) known_[key] = record;
  return {id, ""};
}

}  // namespace volta
