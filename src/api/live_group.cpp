#include "api/live_group.hpp"

#include <algorithm>
#include <limits>

#include "api/reply.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

// About what the series takes in an index message; labels may be long.
std::size_t index_bytes(const SeriesDef& def) {
  constexpr std::size_t kFrame = 48;
  std::size_t bytes = kFrame + def.name.size() + def.unit.size();
  for (const auto& [key, value] : def.labels) bytes += key.size() + value.size() + 6;
  return bytes;
}

}  // namespace

bool LiveGroup::grow(const LiveFeed& feed) {
  const auto series = feed.series();
  const std::size_t before = entries_.size();
  for (; looked_at_ < series.size(); ++looked_at_) {
    const auto& record = series[looked_at_].record;
    const bool wanted =
        std::any_of(wishes_.names.begin(), wishes_.names.end(),
                    [&](const std::string& glob) { return glob_match(glob, record->def.name); });
    if (!wanted) continue;
    const std::size_t bytes = index_bytes(record->def);
    if (entries_.size() == kMostIndexed || index_bytes_ + bytes > kMostIndexBytes) {
      truncated_ = true;
      continue;
    }
    index_bytes_ += bytes;
    Entry entry;
    entry.place = looked_at_;
    entry.record = record;
    entry.as_rate = wishes_.rates && record->def.kind == Kind::counter;
    entries_.push_back(std::move(entry));
  }
  return entries_.size() > before;
}

std::string LiveGroup::index_tail(std::size_t from) const {
  std::string out = R"(,"index":[)";
  for (std::size_t i = from; i < entries_.size(); ++i) {
    const SeriesDef& def = entries_[i].record->def;
    if (i > from) out += ',';
    JsonWriter json(out);
    json.begin_object().member("i", static_cast<std::uint64_t>(i)).member("name", def.name);
    json.key("labels");
    append_labels(out, def.labels);
    out += ',';
    JsonWriter rest(out);
    rest.member("unit", entries_[i].as_rate ? def.unit + "/s" : def.unit);
    if (entries_[i].as_rate) rest.member("rate", true);
    rest.end_object();
  }
  return out + "]}";
}

bool LiveGroup::due(const LiveFeed& feed) const {
  if (!shown_ms_ || feed.last_ms() < *shown_ms_) return true;  // the first, or the clock went back
  // Counted on the clock's grid, as ticks are: the first frame of a start is off it, and the tick
  // of the next full second must not wait for that one's interval.
  const auto interval = [this](std::int64_t time_ms) {
    return (time_ms + wishes_.interval_ms / 10) / wishes_.interval_ms;
  };
  return interval(feed.last_ms()) > interval(*shown_ms_);
}

void LiveGroup::refresh(Entry& entry, const FeedSeries& newest) const {
  entry.shown = newest.value;
  if (entry.as_rate) {
    // Over the whole time since the last frame, so that thinning out loses nothing.
    entry.shown = entry.version == 0
                      ? newest.rate
                      : rate_between(entry.time_ms, entry.value, newest.time_ms, newest.value);
  }
  entry.version = newest.version;
  entry.time_ms = newest.time_ms;
  entry.value = newest.value;
}

std::optional<std::string> LiveGroup::frame_tail(const LiveFeed& feed) {
  const auto series = feed.series();
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const FeedSeries& newest = series[entries_[i].place];
    if (newest.version == entries_[i].version) continue;
    refresh(entries_[i], newest);
    changed.push_back(i);
  }
  if (changed.empty()) return std::nullopt;
  shown_ms_ = feed.last_ms();
  return tail(changed);
}

std::optional<std::string> LiveGroup::whole_tail() const {
  if (!shown_ms_) return std::nullopt;
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].version > 0) all.push_back(i);
  }
  return tail(all);
}

std::string LiveGroup::tail(const std::vector<std::size_t>& which) const {
  std::string out;
  out.reserve(32 + which.size() * 20);
  out += R"(,"ts":)" + std::to_string(*shown_ms_) + R"(,"i":[)";
  for (const std::size_t i : which) {
    if (out.back() != '[') out += ',';
    out += std::to_string(i);
  }
  out += R"(],"v":[)";
  for (const std::size_t i : which) {
    if (out.back() != '[') out += ',';
    append_json_number(out, entries_[i].shown.value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return out + "]}";
}

}  // namespace volta
