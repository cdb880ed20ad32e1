#include "store/series_table.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "base/assert.hpp"
#include "base/text.hpp"
#include "base/varint.hpp"
#include "store/store_error.hpp"

namespace volta {
namespace {

// A layout is committed seconds after its series were named; only an agent that drains a long
// backlog takes hours.
constexpr std::chrono::hours kGivenOut{24 * 7};

void put_text(Bytes& out, std::string_view text) {
  put_varint(out, text.size());
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::string take_text(ByteReader& in) {
  const auto bytes = in.take(static_cast<std::size_t>(in.varint()));
  std::string text(bytes.size(), '\0');
  std::transform(bytes.begin(), bytes.end(), text.begin(),
                 [](std::byte byte) { return static_cast<char>(byte); });
  return text;
}

Bytes encode_labels(const Labels& labels) {
  Bytes out;
  for (const auto& [key, value] : labels) {
    put_text(out, key);
    put_text(out, value);
  }
  return out;
}

}  // namespace

Labels decode_labels(std::span<const std::byte> bytes) {
  Labels labels;
  ByteReader in(bytes);
  while (in.left() != 0) {
    std::string key = take_text(in);
    std::string value = take_text(in);
    if (in.failed()) {
      throw StoreError(StoreError::Kind::damaged,
                       "the store is damaged: its table of series has malformed labels; move it "
                       "away or restore a backup");
    }
    labels.emplace_back(std::move(key), std::move(value));
  }
  return labels;
}

bool SeriesTable::Before::operator()(const Record& a, const Record& b) const {
  return std::tie(a->def.name, a->def.labels, a->id) < std::tie(b->def.name, b->def.labels, b->id);
}
bool SeriesTable::Before::operator()(const Record& a, const SeriesDef& b) const {
  return std::tie(a->def.name, a->def.labels) < std::tie(b.name, b.labels);
}
bool SeriesTable::Before::operator()(const SeriesDef& a, const Record& b) const {
  return std::tie(a.name, a.labels) < std::tie(b->def.name, b->def.labels);
}

void SeriesTable::load(Connection& connection) {
  const std::lock_guard lock(mutex_);
  Query query = connection.query(
      "SELECT id, host_id, name, labels, kind, type, scale, unit, quality FROM series ORDER BY id");
  while (query.step()) {
    auto record = std::make_shared<SeriesRecord>();
    record->id = SeriesId(static_cast<std::uint32_t>(query.integer(0)));
    record->host = HostId(static_cast<std::uint32_t>(query.integer(1)));
    record->def.name = query.text(2);
    record->def.labels = decode_labels(query.blob(3));
    record->def.kind = Kind(static_cast<std::uint8_t>(query.integer(4)));
    record->def.type = ValueType(static_cast<std::uint8_t>(query.integer(5)));
    record->def.scale = static_cast<std::int8_t>(query.integer(6));
    record->def.unit = query.text(7);
    record->def.quality = Quality(static_cast<std::uint8_t>(query.integer(8)));
    HostSeries& of_host = by_host_[record->host];
    add(of_host, record);
  }
  last_id_ = static_cast<std::uint32_t>(
      connection.number("SELECT seq FROM sqlite_sequence WHERE name='series'"));
}

void SeriesTable::add(HostSeries& of_host, const Record& record) {
  const SeriesId hidden = remaining(of_host, record->def);
  of_host.insert(record);
  by_id_.emplace(record->id, record);
  index_.add(record, hidden);
}

SeriesId SeriesTable::remaining(const HostSeries& of_host, const SeriesDef& def) {
  const auto [first, last] = of_host.equal_range(def);
  return first == last ? SeriesId{} : (*std::prev(last))->id;
}

SeriesId SeriesTable::resolve(HostId host, const SeriesDef& series) {
  const std::lock_guard lock(mutex_);
  HostSeries& known = by_host_[host];
  const auto [first, last] = known.equal_range(series);
  const auto found =
      std::find_if(first, last, [&](const Record& candidate) { return candidate->def == series; });
  if (found != last) {
    given_out_[(*found)->id] = clock_.monotonic();
    return (*found)->id;
  }
  if (known.size() >= (host == kNoHost ? limits_.foreign : limits_.of_host)) {
    ++refused_;
    return SeriesId{};
  }
  const SeriesId id{++last_id_};
  const Record record = std::make_shared<SeriesRecord>(SeriesRecord{id, host, series});
  add(known, record);
  unstored_.insert(id);
  given_out_[id] = clock_.monotonic();
  return id;
}

std::vector<SeriesRecord> SeriesTable::find(HostId host, std::string_view name_glob) const {
  const std::lock_guard lock(mutex_);
  std::vector<SeriesRecord> found;
  const auto series = by_host_.find(host);
  if (series == by_host_.end()) return found;
  const SeriesRecord* before = nullptr;
  for (const Record& record : series->second) {
    if (!glob_match(name_glob, record->def.name)) continue;
    const bool variant = before != nullptr && before->def.name == record->def.name &&
                         before->def.labels == record->def.labels;
    if (variant) {
      found.back() = *record;
    } else {
      found.push_back(*record);
    }
    before = record.get();
  }
  return found;
}

SeriesTable::Record SeriesTable::record(SeriesId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<SeriesTable::Record> SeriesTable::variants(HostId host, SeriesId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end() || found->second->host != host) return {};
  const auto [first, last] = by_host_.at(host).equal_range(found->second->def);
  return {first, last};
}

std::size_t SeriesTable::size() const {
  const std::lock_guard lock(mutex_);
  return by_id_.size();
}

std::size_t SeriesTable::size(HostId host) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_host_.find(host);
  return found == by_host_.end() ? 0 : found->second.size();
}

std::vector<SeriesId> SeriesTable::ids(HostId host) const {
  const std::lock_guard lock(mutex_);
  std::vector<SeriesId> ids;
  const auto found = by_host_.find(host);
  if (found == by_host_.end()) return ids;
  for (const Record& record : found->second) ids.push_back(record->id);
  return ids;
}

std::vector<SeriesTable::Record> SeriesTable::unstored(std::span<const SeriesId> ids) const {
  const std::lock_guard lock(mutex_);
  std::vector<Record> found;
  if (unstored_.empty()) return found;
  for (const SeriesId id : ids) {
    if (unstored_.contains(id)) found.push_back(by_id_.at(id));
  }
  return found;
}

void SeriesTable::insert(Connection& connection, const SeriesRecord& record) {
  const Bytes labels = encode_labels(record.def.labels);
  connection.query("INSERT OR IGNORE INTO series VALUES (?,?,?,?,?,?,?,?,?)")
      .with(std::int64_t{static_cast<std::uint32_t>(record.id)},
            std::int64_t{static_cast<std::uint32_t>(record.host)},
            std::string_view(record.def.name), std::span<const std::byte>(labels),
            static_cast<std::int64_t>(record.def.kind), static_cast<std::int64_t>(record.def.type),
            std::int64_t{record.def.scale}, std::string_view(record.def.unit),
            static_cast<std::int64_t>(record.def.quality))
      .run();
}

void SeriesTable::mark_stored(std::span<const Record> records) {
  const std::lock_guard lock(mutex_);
  for (const Record& record : records) unstored_.erase(record->id);
}

void SeriesTable::forget(HostId host) {
  const std::lock_guard lock(mutex_);
  const auto found = by_host_.find(host);
  if (found == by_host_.end()) return;
  index_.remove(std::vector<Record>(found->second.begin(), found->second.end()), {});
  for (const Record& record : found->second) {
    by_id_.erase(record->id);
    unstored_.erase(record->id);
    given_out_.erase(record->id);
  }
  by_host_.erase(found);
}

bool SeriesTable::knows(std::span<const SeriesId> ids) const {
  const std::lock_guard lock(mutex_);
  return std::all_of(ids.begin(), ids.end(),
                     [&](SeriesId id) { return id == SeriesId{} || by_id_.contains(id); });
}

std::vector<SeriesId> SeriesTable::forget_idle(std::span<const SeriesId> ids, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<SeriesId> forgotten;
  std::vector<Record> records;
  std::vector<SeriesId> shown;
  for (const SeriesId id : ids) {
    if (forgotten.size() == most) break;
    const auto given = given_out_.find(id);
    if (given != given_out_.end()) {
      if (clock_.monotonic() - given->second < kGivenOut) continue;
      given_out_.erase(given);
    }
    forgotten.push_back(id);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) continue;  // forgotten before, when its row could not be deleted
    const Record record = found->second;
    HostSeries& of_host = by_host_.at(record->host);
    of_host.erase(record);
    by_id_.erase(found);
    unstored_.erase(id);
    if (record->host == kNoHost) ++forgotten_;
    shown.push_back(remaining(of_host, record->def));
    records.push_back(record);
  }
  if (!records.empty()) index_.remove(std::move(records), std::move(shown));
  return forgotten;
}

}  // namespace volta
