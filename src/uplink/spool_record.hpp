// Records of the spool's files, as bytes. Pure: no file is touched here. Layout and validity:
// FORMAT.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/varint.hpp"
#include "model/batch.hpp"
#include "model/tick.hpp"

namespace volta {

enum class SpoolKind : std::uint8_t {
  series = 1,
  run = 2,
  batch = 3,
  keyframe = 4,
  gone = 5,
  tick = 6,
  host = 7
};

// Numbers above `after` up to and including `last`.
struct NumberSpan {
  std::uint64_t after = 0;
  std::uint64_t last = 0;
  bool operator==(const NumberSpan&) const = default;
};

// Which numbers are a run's. Sequence = number - base.
struct SpoolRun {
  RunId id{};
  std::uint64_t base = 0;
  std::uint64_t last = 0;  // Outbox::kNoLast: it goes on
  bool operator==(const SpoolRun&) const = default;
};

struct SpoolTick {
  std::uint64_t number = 0;
  std::uint32_t slots = 0;
  std::int64_t wall_ms = 0;
  std::vector<Reading> readings;  // their slots rise
};

struct SpoolSeries {
  std::size_t first = 0;
  std::vector<SeriesDef> series;
};

constexpr std::size_t kSpoolHeadBytes = 16;
constexpr std::size_t kSpoolRecordHeadBytes = 9;
// A batch with room for what stands before its payload.
constexpr std::size_t kLargestSpoolBody = kLargestBatchBytes + 128;

void put_spool_head(Bytes& out);
// Whether these bytes begin with one.
bool is_spool_head(std::span<const std::byte> bytes);

void put_spool_record(Bytes& out, SpoolKind kind, std::span<const std::byte> body);

struct FoundRecord {
  std::uint8_t kind = 0;
  std::span<const std::byte> body;
  std::size_t size = 0;  // with its head
};
// The record at the beginning of these bytes; empty if it is cut off or damaged.
std::optional<FoundRecord> first_spool_record(std::span<const std::byte> bytes);
// Kind and length as a record's head says them, unproved.
struct RecordHead {
  std::uint8_t kind = 0;
  std::size_t size = 0;
};
RecordHead spool_record_head(std::span<const std::byte> nine);

// As many records as the series need.
void put_spool_series(Bytes& out, std::size_t first, std::span<const SeriesDef> series);
Result<SpoolSeries> parse_spool_series(std::span<const std::byte> body);

void put_spool_batch(Bytes& out, SpoolKind kind, const EncodedBatch& batch);
// Its numbers are looked at, its payload is not.
Result<EncodedBatch> parse_spool_batch(std::span<const std::byte> body);

void put_spool_run(Bytes& out, const SpoolRun& run);
Result<SpoolRun> parse_spool_run(std::span<const std::byte> body);

void put_spool_gone(Bytes& out, NumberSpan gone);
Result<NumberSpan> parse_spool_gone(std::span<const std::byte> body);

// Writes ticks as differences from the tick before of the same number. `readings` may come in any
// order; of two for one slot the later counts.
class TickWriter {
 public:
  void put(Bytes& out, std::uint64_t number, std::uint32_t slots, std::int64_t wall_ms,
           std::span<const Reading> readings);

 private:
  std::uint64_t number_ = 0;
  std::vector<std::uint64_t> before_;  // by slot, of the ticks of this number
  std::vector<Reading> sorted_;
  Bytes body_;
};

class TickReader {
 public:
  Result<SpoolTick> read(std::span<const std::byte> body);

 private:
  std::uint64_t number_ = 0;
  std::vector<std::uint64_t> before_;
};

}  // namespace volta
