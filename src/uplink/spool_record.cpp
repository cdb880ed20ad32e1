#include "uplink/spool_record.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/crc32c.hpp"

namespace volta {
namespace {

constexpr std::string_view kMagic = "VOLTASPL";
constexpr std::uint32_t kSpoolVersion = 1;
// One record of series is small enough to be read at a start without much memory.
constexpr std::size_t kSeriesPerRecord = 1000;
// 32 labels of 1 KiB names and values, and the rest.
constexpr std::size_t kLargestDefinition = 80U << 10U;

void put_u32(Bytes& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) {
    out.push_back(static_cast<std::byte>(value >> shift));
  }
}

std::uint32_t get_u32(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
  return value;
}

void append(Bytes& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_text(Bytes& out, const std::string& text) {
  put_varint(out, text.size());
  append(out, std::as_bytes(std::span(text)));
}

std::string get_text(ByteReader& in) {
  const auto bytes = in.take(static_cast<std::size_t>(in.varint()));
  std::string text(bytes.size(), '\0');
  if (!bytes.empty()) std::memcpy(text.data(), bytes.data(), bytes.size());
  return text;
}

std::uint8_t get_byte(ByteReader& in) {
  const auto byte = in.take(1);
  return byte.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(byte[0]);
}

void put_definition(Bytes& out, const SeriesDef& def) {
  put_text(out, def.name);
  put_text(out, def.unit);
  for (const auto byte :
       {static_cast<std::uint8_t>(def.kind), static_cast<std::uint8_t>(def.type),
        static_cast<std::uint8_t>(def.scale), static_cast<std::uint8_t>(def.quality)}) {
    out.push_back(static_cast<std::byte>(byte));
  }
  put_varint(out, def.labels.size());
  for (const auto& [key, value] : def.labels) {
    put_text(out, key);
    put_text(out, value);
  }
}

// False: not a definition.
bool get_definition(ByteReader& in, SeriesDef& def) {
  def.name = get_text(in);
  def.unit = get_text(in);
  const std::uint8_t kind = get_byte(in);
  const std::uint8_t type = get_byte(in);
  def.scale = static_cast<std::int8_t>(get_byte(in));
  const std::uint8_t quality = get_byte(in);
  if (kind > static_cast<std::uint8_t>(Kind::gauge) ||
      type > static_cast<std::uint8_t>(ValueType::float64) ||
      quality > static_cast<std::uint8_t>(Quality::estimated)) {
    return false;
  }
  def.kind = static_cast<Kind>(kind);
  def.type = static_cast<ValueType>(type);
  def.quality = static_cast<Quality>(quality);
  const std::uint64_t labels = in.varint();
  if (labels > kMostSeriesLabels) return false;
  for (std::uint64_t i = 0; i < labels; ++i) {
    std::string key = get_text(in);
    def.labels.emplace_back(std::move(key), get_text(in));
  }
  return !in.failed();
}

// Series that stand beside each other begin alike, so only what differs is said: a layout takes a
// third of the bytes.
void put_series_record(Bytes& out, std::size_t first, std::span<const SeriesDef> series) {
  Bytes body;
  put_varint(body, first);
  put_varint(body, series.size());
  Bytes before;
  Bytes now;
  for (const SeriesDef& def : series) {
    now.clear();
    put_definition(now, def);
    const auto end =
        before.begin() + static_cast<std::ptrdiff_t>(std::min(before.size(), now.size()));
    const auto shared = static_cast<std::size_t>(
        std::mismatch(before.begin(), end, now.begin()).first - before.begin());
    put_varint(body, shared);
    put_varint(body, now.size() - shared);
    append(body, std::span(now).subspan(shared));
    before.swap(now);
  }
  put_spool_record(out, SpoolKind::series, body);
}

}  // namespace

void put_spool_head(Bytes& out) {
  const std::size_t start = out.size();
  append(out, std::as_bytes(std::span(kMagic)));
  put_u32(out, kSpoolVersion);
  put_u32(out, crc32c(std::span(out).subspan(start, 12)));
}

bool is_spool_head(std::span<const std::byte> bytes) {
  Bytes want;
  put_spool_head(want);
  return bytes.size() >= want.size() && std::equal(want.begin(), want.end(), bytes.begin());
}

void put_spool_record(Bytes& out, SpoolKind kind, std::span<const std::byte> body) {
  const std::size_t start = out.size();
  put_u32(out, static_cast<std::uint32_t>(body.size()));
  put_u32(out, 0);
  out.push_back(static_cast<std::byte>(kind));
  append(out, body);
  const auto record = std::span(out).subspan(start);
  const std::uint32_t crc = crc32c(record.subspan(8), crc32c(record.first(4)));
  for (unsigned i = 0; i < 4; ++i) record[4 + i] = static_cast<std::byte>(crc >> (8 * i));
}

RecordHead spool_record_head(std::span<const std::byte> nine) {
  return {static_cast<std::uint8_t>(nine[8]), kSpoolRecordHeadBytes + get_u32(nine)};
}

std::optional<FoundRecord> first_spool_record(std::span<const std::byte> bytes) {
  if (bytes.size() < kSpoolRecordHeadBytes) return std::nullopt;
  const RecordHead head = spool_record_head(bytes);
  if (head.size > bytes.size() || head.size > kSpoolRecordHeadBytes + kLargestSpoolBody) {
    return std::nullopt;
  }
  const auto record = bytes.first(head.size);
  if (crc32c(record.subspan(8), crc32c(record.first(4))) != get_u32(record.subspan(4))) {
    return std::nullopt;
  }
  return FoundRecord{head.kind, record.subspan(kSpoolRecordHeadBytes), head.size};
}

void put_spool_series(Bytes& out, std::size_t first, std::span<const SeriesDef> series) {
  while (!series.empty()) {
    const std::size_t count = std::min(series.size(), kSeriesPerRecord);
    put_series_record(out, first, series.first(count));
    series = series.subspan(count);
    first += count;
  }
}

Result<SpoolSeries> parse_spool_series(std::span<const std::byte> body) {
  ByteReader in(body);
  SpoolSeries out;
  const std::uint64_t first = in.varint();
  const std::uint64_t count = in.varint();
  if (in.failed() || first > kMostSlots || count > kSeriesPerRecord) {
    return Error{"a record of series is malformed"};
  }
  out.first = static_cast<std::size_t>(first);
  Bytes definition;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t shared = in.varint();
    const auto rest = in.take(static_cast<std::size_t>(in.varint()));
    if (in.failed() || shared > definition.size() || shared + rest.size() > kLargestDefinition) {
      return Error{"a record of series is malformed"};
    }
    definition.resize(static_cast<std::size_t>(shared));
    append(definition, rest);
    ByteReader one(definition);
    if (!get_definition(one, out.series.emplace_back()) || one.left() != 0) {
      return Error{"a record of series holds what is no series"};
    }
  }
  if (in.left() != 0) return Error{"a record of series is longer than it should be"};
  return out;
}

void put_spool_batch(Bytes& out, SpoolKind kind, const EncodedBatch& batch) {
  Bytes body;
  body.reserve(batch.payload.size() + 64);
  put_varint(body, batch.seq);
  put_varint(body, batch.key_seq);
  put_varint(body, batch.slots);
  put_varint(body, zigzag(batch.first_ms));
  put_varint(body, zigzag(batch.last_ms));
  put_varint(body, batch.points);
  append(body, batch.payload);
  put_spool_record(out, kind, body);
}

Result<EncodedBatch> parse_spool_batch(std::span<const std::byte> body) {
  ByteReader in(body);
  EncodedBatch batch;
  batch.seq = in.varint();
  batch.key_seq = in.varint();
  const std::uint64_t slots = in.varint();
  batch.first_ms = unzigzag(in.varint());
  batch.last_ms = unzigzag(in.varint());
  const std::uint64_t points = in.varint();
  // The last number there is stands for none.
  if (in.failed() || batch.seq == 0 || batch.seq == UINT64_MAX || batch.key_seq == 0 ||
      batch.key_seq > batch.seq || slots > kMostSlots || points > kMostBatchPoints ||
      in.left() == 0 || in.left() > kLargestBatchBytes) {
    return Error{"a batch in the spool is malformed"};
  }
  batch.slots = static_cast<std::uint32_t>(slots);
  batch.points = static_cast<std::uint32_t>(points);
  const auto payload = in.take(in.left());
  batch.payload.assign(payload.begin(), payload.end());
  return batch;
}

void put_spool_run(Bytes& out, const SpoolRun& run) {
  Bytes body;
  append(body, std::as_bytes(std::span(run.id)));
  put_varint(body, run.base);
  put_varint(body, run.last + 1);  // none: all ones, and so 0
  put_spool_record(out, SpoolKind::run, body);
}

Result<SpoolRun> parse_spool_run(std::span<const std::byte> body) {
  ByteReader in(body);
  SpoolRun run;
  const auto id = in.take(run.id.size());
  if (!id.empty()) std::memcpy(run.id.data(), id.data(), id.size());
  run.base = in.varint();
  run.last = in.varint() - 1;
  if (in.failed() || in.left() != 0 || run.last < run.base) {
    return Error{"a run in the spool is malformed"};
  }
  return run;
}

void put_spool_gone(Bytes& out, NumberSpan gone) {
  Bytes body;
  put_varint(body, gone.after);
  put_varint(body, gone.last);
  put_spool_record(out, SpoolKind::gone, body);
}

Result<NumberSpan> parse_spool_gone(std::span<const std::byte> body) {
  ByteReader in(body);
  NumberSpan gone;
  gone.after = in.varint();
  gone.last = in.varint();
  if (in.failed() || in.left() != 0 || gone.last < gone.after) {
    return Error{"a span of numbers in the spool is malformed"};
  }
  return gone;
}

void TickWriter::put(Bytes& out, std::uint64_t number, std::uint32_t slots, std::int64_t wall_ms,
                     std::span<const Reading> readings) {
  if (number != number_) before_.clear();
  number_ = number;
  before_.resize(slots);
  sorted_.assign(readings.begin(), readings.end());
  std::stable_sort(sorted_.begin(), sorted_.end(),
                   [](const Reading& a, const Reading& b) { return a.slot < b.slot; });
  // Of equal slots the later one stays.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < sorted_.size(); ++i) {
    if (i + 1 == sorted_.size() || sorted_[i + 1].slot != sorted_[i].slot) {
      sorted_[kept++] = sorted_[i];
    }
  }
  sorted_.resize(kept);
  body_.clear();
  put_varint(body_, number);
  put_varint(body_, slots);
  put_varint(body_, zigzag(wall_ms));
  put_varint(body_, sorted_.size());
  std::uint64_t next_slot = 0;
  for (const Reading& reading : sorted_) {
    put_varint(body_, reading.slot - next_slot);
    next_slot = std::uint64_t{reading.slot} + 1;
    std::uint64_t& before = before_[reading.slot];
    put_varint(body_, zigzag(static_cast<std::int64_t>(reading.raw - before)));
    before = reading.raw;
  }
  put_spool_record(out, SpoolKind::tick, body_);
}

Result<SpoolTick> TickReader::read(std::span<const std::byte> body) {
  ByteReader in(body);
  SpoolTick tick;
  tick.number = in.varint();
  const std::uint64_t slots = in.varint();
  tick.wall_ms = unzigzag(in.varint());
  const std::uint64_t count = in.varint();
  if (in.failed() || tick.number == 0 || tick.number == UINT64_MAX || slots > kMostSlots ||
      count > slots || count > kMostBatchPoints) {
    return Error{"a tick in the spool is malformed"};
  }
  tick.slots = static_cast<std::uint32_t>(slots);
  if (tick.number != number_) before_.clear();
  number_ = tick.number;
  before_.resize(std::max<std::size_t>(before_.size(), tick.slots));
  std::uint64_t slot = 0;
  for (std::uint64_t i = 0; i < count; ++i, ++slot) {
    const std::uint64_t skipped = in.varint();
    if (in.failed() || skipped >= slots - std::min(slot, slots)) {
      return Error{"a tick in the spool names a slot that there is not"};
    }
    slot += skipped;
    std::uint64_t& before = before_[slot];
    before += static_cast<std::uint64_t>(unzigzag(in.varint()));
    tick.readings.push_back({static_cast<Slot>(slot), before});
  }
  if (in.failed() || in.left() != 0) return Error{"a tick in the spool is malformed"};
  return tick;
}

}  // namespace volta
