#include "store/series_index.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>

#include "base/assert.hpp"

namespace volta {
namespace {

using IdList = std::vector<std::uint32_t>;

std::uint32_t number_of(SeriesId id) { return static_cast<std::uint32_t>(id); }

// One list out of many. Those of one label share no ids.
IdList merged(const std::vector<const IdList*>& lists) {
  if (lists.size() == 1) return *lists.front();
  IdList all;
  for (const IdList* list : lists) all.insert(all.end(), list->begin(), list->end());
  std::sort(all.begin(), all.end());
  return all;
}

IdList common(const IdList& a, const IdList& b) {
  IdList both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

IdList without(const IdList& from, const IdList& what) {
  IdList rest;
  std::set_difference(from.begin(), from.end(), what.begin(), what.end(), std::back_inserter(rest));
  return rest;
}

std::shared_ptr<const Labels> labels_of(const SeriesDef& def, const std::string* host) {
  auto labels = std::make_shared<Labels>();
  labels->reserve(def.labels.size() + (host == nullptr ? 1 : 2));
  *labels = def.labels;
  const auto put = [&](std::string_view name, const std::string& value) {
    const auto at =
        std::lower_bound(labels->begin(), labels->end(), name,
                         [](const auto& label, std::string_view key) { return label.first < key; });
    labels->emplace(at, name, value);
  };
  put(kNameLabel, def.name);
  if (host != nullptr) put(kHostLabel, *host);
  return labels;
}

// Null: the series is of no host.
const std::string* host_name(HostId host, const HostNames& hosts) {
  return host == kNoHost ? nullptr : &hosts.at(host);
}

bool visible(HostId host, const HostNames& hosts) {
  return host == kNoHost || hosts.contains(host);
}

template <typename Visit>
void each_label(const SeriesDef& def, const Visit& visit) {
  visit(kNameLabel, std::string_view(def.name));
  for (const auto& [name, value] : def.labels) visit(name, std::string_view(value));
}

}  // namespace

void LabelIndex::add(const SeriesRecord& record, SeriesId hidden) {
  note({{record}, {hidden}, true});
}

void LabelIndex::remove(std::vector<SeriesRecord> records, std::vector<SeriesId> shown) {
  note({std::move(records), std::move(shown), false});
}

void LabelIndex::note(Change change) {
  {
    const std::lock_guard lock(noted_mutex_);
    noted_.push_back(std::move(change));
  }
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock.owns_lock()) apply_noted();
}

void LabelIndex::settle() const {
  {
    const std::lock_guard lock(noted_mutex_);
    if (noted_.empty()) return;
  }
  const std::unique_lock lock(mutex_);
  apply_noted();
}

// In the order in which they were noted, as only one at a time takes them.
void LabelIndex::apply_noted() const {
  std::vector<Change> changes;
  {
    const std::lock_guard lock(noted_mutex_);
    changes.swap(noted_);
  }
  for (const Change& change : changes) {
    if (change.adds) {
      apply_add(change.records.front(), change.shown.front());
    } else {
      apply_remove(change.records, change.shown);
    }
  }
}

void LabelIndex::apply_add(const SeriesRecord& record, SeriesId hidden) const {
  const std::uint32_t id = number_of(record.id);
  entries_.add(id, Entry{record.shared, nullptr, record.host, true});
  if (Entry* old = entries_.find(number_of(hidden))) old->shown = false;
  Ids& of_host = by_host_[record.host];
  VOLTA_ASSERT(of_host.empty() || of_host.back() < id);
  of_host.push_back(id);
  each_label(record.def, [&](std::string_view name, std::string_view value) {
    auto label = labels_.find(name);
    if (label == labels_.end()) label = labels_.emplace(name, Values()).first;
    auto ids = label->second.find(value);
    if (ids == label->second.end()) ids = label->second.emplace(value, Ids()).first;
    ids->second.push_back(id);
  });
}

void LabelIndex::apply_remove(std::span<const SeriesRecord> records,
                              std::span<const SeriesId> shown) const {
  Ids gone;
  std::set<std::pair<std::string_view, std::string_view>> touched;
  std::set<HostId> hosts;
  for (const SeriesRecord& record : records) {
    if (!entries_.erase(number_of(record.id))) continue;
    gone.push_back(number_of(record.id));
    hosts.insert(record.host);
    each_label(record.def, [&](std::string_view name, std::string_view value) {
      touched.emplace(name, value);
    });
  }
  std::sort(gone.begin(), gone.end());
  for (const auto& [name, value] : touched) {
    const auto label = labels_.find(name);
    const auto ids = label->second.find(value);
    ids->second = without(ids->second, gone);
    if (ids->second.empty()) label->second.erase(ids);
    if (label->second.empty()) labels_.erase(label);
  }
  for (const HostId host : hosts) {
    Ids& ids = by_host_.at(host);
    ids = without(ids, gone);
    if (ids.empty()) by_host_.erase(host);
  }
  for (const SeriesId id : shown) {
    if (Entry* entry = entries_.find(number_of(id))) entry->shown = true;
  }
}

void LabelIndex::add_values(std::string_view label,
                            const std::function<bool(std::string_view)>& wanted,
                            std::vector<const Ids*>& found) const {
  const auto values = labels_.find(label);
  if (values == labels_.end()) return;
  for (const auto& [value, ids] : values->second) {
    if (wanted(value)) found.push_back(&ids);
  }
}

// The series that have the label, with a value that matches (`wanted`) or does not.
LabelIndex::Ids LabelIndex::having(const LabelMatcher& matcher, bool wanted,
                                   const HostNames& hosts) const {
  std::vector<const Ids*> found;
  const auto fits = [&](std::string_view value) { return matcher.matches(value) == wanted; };
  const auto exact = matcher.exact_values();
  if (wanted && !exact.empty()) {
    const auto values = labels_.find(matcher.name());
    for (const std::string& value : exact) {
      if (values == labels_.end()) break;
      const auto ids = values->second.find(value);
      if (ids != values->second.end()) found.push_back(&ids->second);
    }
  } else {
    add_values(matcher.name(), fits, found);
  }
  if (matcher.name() == kHostLabel) {
    for (const auto& [id, name] : hosts) {
      const auto ids = by_host_.find(id);
      if (ids != by_host_.end() && fits(name)) found.push_back(&ids->second);
    }
  }
  return merged(found);
}

LabelIndex::Ids LabelIndex::candidates(std::span<const LabelMatcher> matchers,
                                       const HostNames& hosts) const {
  std::optional<Ids> ids;
  for (const LabelMatcher& matcher : matchers) {
    if (matcher.matches("")) continue;  // a series without the label fits too: see below
    Ids found = having(matcher, true, hosts);
    ids = ids ? common(*ids, found) : std::move(found);
    if (ids->empty()) return {};
  }
  if (!ids) {
    std::vector<const Ids*> all;
    for (const auto& [host, of_host] : by_host_) all.push_back(&of_host);
    ids = merged(all);
  }
  for (const LabelMatcher& matcher : matchers) {
    if (matcher.matches("")) ids = without(*ids, having(matcher, false, hosts));
  }
  std::erase_if(*ids, [&](std::uint32_t id) {
    const Entry* entry = entries_.find(id);
    return !entry->shown || !visible(entry->host, hosts);
  });
  return std::move(*ids);
}

bool LabelIndex::current(const Entry& entry, const HostNames& hosts) {
  if (entry.labels == nullptr) return false;
  const std::string* host = host_name(entry.host, hosts);
  return host == nullptr || label_value(*entry.labels, kHostLabel) == *host;
}

void LabelIndex::make_labels(const Ids& ids, const HostNames& hosts) const {
  const std::unique_lock lock(mutex_);
  for (const std::uint32_t id : ids) {
    Entry* entry = entries_.find(id);
    if (entry == nullptr || current(*entry, hosts)) continue;
    entry->labels = labels_of(*entry->def, host_name(entry->host, hosts));
  }
}

namespace {

std::uint64_t beside_ref(std::uint32_t foreign) {
  return std::uint64_t{foreign} << LabelIndex::kBesideBits;
}

// Sorted by labels, foreign ones behind hosts'. What has the same labels as the one before it
// stands beside that.
std::vector<QuerySeries> put_together(std::vector<QuerySeries> found) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (kept > 0 && *found[kept - 1].labels == *found[i].labels) {
      found[kept - 1].ref |= found[i].ref;
    } else {
      if (kept != i) found[kept] = std::move(found[i]);
      ++kept;
    }
  }
  found.resize(kept);
  for (QuerySeries& series : found) {
    if (static_cast<std::uint32_t>(series.ref) == 0) series.ref >>= LabelIndex::kBesideBits;
  }
  return found;
}

}  // namespace

Result<std::vector<QuerySeries>> LabelIndex::select(std::span<const LabelMatcher> matchers,
                                                    const HostNames& hosts,
                                                    std::size_t most) const {
  Ids ids;
  Ids bare;
  settle();
  {
    const std::shared_lock lock(mutex_);
    ids = candidates(matchers, hosts);
    if (ids.size() <= most) {
      std::copy_if(ids.begin(), ids.end(), std::back_inserter(bare),
                   [&](std::uint32_t id) { return !current(*entries_.find(id), hosts); });
    }
  }
  if (ids.size() > most) {
    return Error{"the selector matches " + std::to_string(ids.size()) + " series, more than the " +
                 std::to_string(most) +
                 " that one query may select; add matchers, such as the name or the host"};
  }
  if (!bare.empty()) make_labels(bare, hosts);
  std::vector<QuerySeries> found;
  found.reserve(ids.size());
  std::vector<QuerySeries> foreign;
  {
    const std::shared_lock lock(mutex_);
    for (const std::uint32_t id : ids) {
      const Entry* entry = entries_.find(id);  // it may have been forgotten in between
      if (entry == nullptr || entry->labels == nullptr) continue;
      const bool is_foreign = entry->host == kNoHost;
      auto& series = is_foreign ? foreign : found;
      series.push_back({is_foreign ? beside_ref(id) : id, entry->labels, entry->def->kind});
    }
  }
  std::move(foreign.begin(), foreign.end(), std::back_inserter(found));
  std::stable_sort(found.begin(), found.end(), [](const QuerySeries& a, const QuerySeries& b) {
    return *a.labels < *b.labels;
  });
  return put_together(std::move(found));
}

std::vector<std::string> LabelIndex::label_names(const HostNames& hosts) const {
  settle();
  const std::shared_lock lock(mutex_);
  std::set<std::string> names;
  for (const auto& [name, values] : labels_) names.insert(name);
  const bool any = std::any_of(by_host_.begin(), by_host_.end(),
                               [&](const auto& host) { return hosts.contains(host.first); });
  if (any) names.emplace(kHostLabel);
  return {names.begin(), names.end()};
}

void LabelIndex::visit_values(std::string_view label,
                              const std::function<void(std::string_view)>& visit) const {
  settle();
  const std::shared_lock lock(mutex_);
  const auto values = labels_.find(label);
  if (values == labels_.end()) return;
  for (const auto& [value, ids] : values->second) visit(value);
}

std::vector<std::string> LabelIndex::label_values(std::string_view name,
                                                  const HostNames& hosts) const {
  std::vector<std::string> found;
  visit_values(name, [&](std::string_view value) { found.emplace_back(value); });
  if (name != kHostLabel) return found;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [id, host] : hosts) {
      if (by_host_.contains(id)) found.push_back(host);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

bool LabelIndex::has_name(std::string_view metric) const {
  settle();
  const std::shared_lock lock(mutex_);
  const auto names = labels_.find(kNameLabel);
  return names != labels_.end() && names->second.contains(metric);
}

}  // namespace volta
