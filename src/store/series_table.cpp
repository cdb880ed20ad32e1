#include "store/series_table.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/varint.hpp"
#include "store/store_error.hpp"

namespace volta {
namespace {

// A layout is committed seconds after its series were named; only an agent that drains a long
// backlog takes hours.
constexpr std::uint32_t kGivenOutS = 7 * 24 * 3600;

std::uint32_t series_number(SeriesId id) { return static_cast<std::uint32_t>(id); }

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

void SeriesTable::load(Connection& connection) {
  const std::lock_guard lock(mutex_);
  Query query = connection.query(
      "SELECT id, host_id, name, labels, kind, type, scale, unit, quality FROM series ORDER BY id");
  std::int64_t last = 0;
  std::uint64_t damaged = 0;
  while (query.step()) {
    // SQLite believes its pages that rows lie in order.
    const std::int64_t id = query.integer(0);
    if (id <= last || id > UINT32_MAX) {
      ++damaged;
      continue;
    }
    last = id;
    SeriesDef def;
    def.name = query.text(2);
    def.labels = decode_labels(query.blob(3));
    def.kind = Kind(static_cast<std::uint8_t>(query.integer(4)));
    def.type = ValueType(static_cast<std::uint8_t>(query.integer(5)));
    def.scale = static_cast<std::int8_t>(query.integer(6));
    def.unit = query.text(7);
    def.quality = Quality(static_cast<std::uint8_t>(query.integer(8)));
    const std::uint64_t hash = hash_(def);
    add(SeriesId(static_cast<std::uint32_t>(id)),
        HostId(static_cast<std::uint32_t>(query.integer(1))), std::move(def), hash);
  }
  if (damaged > 0) {
    log::error(
        "the table of series is damaged; what is left out cannot be asked for, and `volta store "
        "check` says more",
        {{"left_out", damaged}});
  }
  last_id_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      connection.number("SELECT seq FROM sqlite_sequence WHERE name='series'"), last, UINT32_MAX));
}

std::uint32_t SeriesTable::now_s() const {
  const auto passed = clock_.monotonic() - born_;
  return static_cast<std::uint32_t>(
             std::chrono::duration_cast<std::chrono::seconds>(passed).count()) +
         1;
}

SeriesRecord::Def SeriesTable::share(std::uint64_t hash, SeriesDef def) {
  const auto [first, last] = shared_.equal_range(hash);
  auto found =
      std::find_if(first, last, [&](const auto& shared) { return *shared.second.def == def; });
  if (found == last) {
    found = shared_.emplace(hash, Shared{std::make_shared<const SeriesDef>(std::move(def)), 0});
  }
  ++found->second.series;
  return found->second.def;
}

void SeriesTable::unshare(std::uint64_t hash, const SeriesRecord::Def& def) {
  const auto [first, last] = shared_.equal_range(hash);
  const auto found =
      std::find_if(first, last, [&](const auto& shared) { return shared.second.def == def; });
  VOLTA_ASSERT(found != last);
  if (--found->second.series == 0) shared_.erase(found);
}

const SeriesTable::Known* SeriesTable::known(SeriesId id) const {
  return known_.find(series_number(id));
}

// Those with the name and the labels, in rising order; so variants are neighbours.
std::vector<SeriesId> SeriesTable::kin(HostId host, const SeriesDef& def,
                                       std::uint64_t hash) const {
  std::vector<SeriesId> found;
  const auto of_host = by_host_.find(host);
  if (of_host == by_host_.end()) return found;
  of_host->second.each(hash, [&](SeriesId id) {
    const SeriesDef& other = *known(id)->def;
    if (other.name == def.name && other.labels == def.labels) found.push_back(id);
  });
  std::sort(found.begin(), found.end());
  return found;
}

void SeriesTable::add(SeriesId id, HostId host, SeriesDef def, std::uint64_t hash) {
  const std::vector<SeriesId> before = kin(host, def, hash);
  const SeriesRecord::Def held = host == kNoHost ? std::make_shared<const SeriesDef>(std::move(def))
                                                 : share(hash, std::move(def));
  known_.add(series_number(id), {held, host, 0});
  by_host_[host].insert(hash, id);
  index_.add({id, host, held}, before.empty() ? SeriesId{} : before.back());
}

SeriesId SeriesTable::resolve(HostId host, const SeriesDef& series) {
  const std::uint64_t hash = hash_(series);
  const std::lock_guard lock(mutex_);
  const std::vector<SeriesId> variants = kin(host, series, hash);
  const auto found = std::find_if(variants.begin(), variants.end(),
                                  [&](SeriesId id) { return *known(id)->def == series; });
  SeriesId id{};
  if (found != variants.end()) {
    id = *found;
  } else {
    if (by_host_[host].size() >= (host == kNoHost ? limits_.foreign : limits_.of_host)) {
      ++refused_;
      return SeriesId{};
    }
    id = SeriesId{++last_id_};
    add(id, host, series, hash);
    unstored_.insert(id);
  }
  known_.find(series_number(id))->given_out_s = now_s();
  return id;
}

std::vector<SeriesRecord> SeriesTable::find(HostId host, std::string_view name_glob) const {
  std::vector<SeriesRecord> found;
  {
    const std::lock_guard lock(mutex_);
    const auto of_host = by_host_.find(host);
    if (of_host == by_host_.end()) return found;
    of_host->second.each([&](SeriesId id) {
      const SeriesRecord::Def& def = known(id)->def;
      if (glob_match(name_glob, def->name)) found.emplace_back(id, host, def);
    });
  }
  std::sort(found.begin(), found.end(), [](const SeriesRecord& a, const SeriesRecord& b) {
    return std::tie(a.def.name, a.def.labels, a.id) < std::tie(b.def.name, b.def.labels, b.id);
  });
  // Of variants the newest.
  const auto same = [](const SeriesRecord& a, const SeriesRecord& b) {
    return a.def.name == b.def.name && a.def.labels == b.def.labels;
  };
  const auto kept = std::unique(found.rbegin(), found.rend(), same);
  found.erase(found.begin(), kept.base());
  return found;
}

SeriesTable::Record SeriesTable::record(SeriesId id) const {
  const std::lock_guard lock(mutex_);
  const Known* series = known(id);
  if (series == nullptr) return nullptr;
  return std::make_shared<const SeriesRecord>(id, series->host, series->def);
}

std::vector<SeriesTable::Record> SeriesTable::variants(HostId host, SeriesId id) const {
  const std::lock_guard lock(mutex_);
  std::vector<Record> found;
  const Known* series = known(id);
  if (series == nullptr || series->host != host) return found;
  for (const SeriesId each : kin(host, *series->def, hash_(*series->def))) {
    found.push_back(std::make_shared<const SeriesRecord>(each, host, known(each)->def));
  }
  return found;
}

std::size_t SeriesTable::size() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
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
  ids.reserve(found->second.size());
  found->second.each([&](SeriesId id) { ids.push_back(id); });
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<SeriesTable::Record> SeriesTable::unstored(std::span<const SeriesId> ids) const {
  const std::lock_guard lock(mutex_);
  std::vector<Record> found;
  if (unstored_.empty()) return found;
  for (const SeriesId id : ids) {
    if (!unstored_.contains(id)) continue;
    const Known* series = known(id);
    VOLTA_ASSERT(series != nullptr);
    found.push_back(std::make_shared<const SeriesRecord>(id, series->host, series->def));
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
  // It never gives back the room of its fullest hour by itself.
  if (unstored_.empty()) unstored_ = {};
}

void SeriesTable::erase(SeriesId id, const Known& series) {
  const std::uint64_t hash = hash_(*series.def);
  if (series.host != kNoHost) unshare(hash, series.def);
  by_host_.at(series.host).erase(hash, id);
  known_.erase(series_number(id));
  unstored_.erase(id);
}

void SeriesTable::forget(HostId host) {
  const std::lock_guard lock(mutex_);
  const auto found = by_host_.find(host);
  if (found == by_host_.end()) return;
  std::vector<SeriesRecord> records;
  records.reserve(found->second.size());
  found->second.each([&](SeriesId id) { records.emplace_back(id, host, known(id)->def); });
  for (const SeriesRecord& record : records) erase(record.id, Known{record.shared, host, 0});
  by_host_.erase(found);
  index_.remove(std::move(records), {});
}

bool SeriesTable::knows(std::span<const SeriesId> ids) const {
  const std::lock_guard lock(mutex_);
  return std::all_of(ids.begin(), ids.end(),
                     [&](SeriesId id) { return id == SeriesId{} || known(id) != nullptr; });
}

std::vector<SeriesId> SeriesTable::forget_idle(std::span<const SeriesId> ids, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<SeriesId> forgotten;
  std::vector<SeriesRecord> records;
  std::vector<SeriesId> shown;
  for (const SeriesId id : ids) {
    if (forgotten.size() == most) break;
    const Known* found = known(id);
    if (found == nullptr) {  // forgotten before, when its row could not be deleted
      forgotten.push_back(id);
      continue;
    }
    const Known series = *found;
    if (series.given_out_s != 0 && now_s() - series.given_out_s < kGivenOutS) continue;
    forgotten.push_back(id);
    erase(id, series);
    if (series.host == kNoHost) ++forgotten_;
    const std::vector<SeriesId> left = kin(series.host, *series.def, hash_(*series.def));
    shown.push_back(left.empty() ? SeriesId{} : left.back());
    records.emplace_back(id, series.host, series.def);
  }
  if (!records.empty()) index_.remove(std::move(records), std::move(shown));
  return forgotten;
}

}  // namespace volta
