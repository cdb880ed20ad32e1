// Any bytes as the files of a spool: two segments and the open file, as they are and with their
// checksums made right, since these keep most others out. Whatever is found keeps its promises, and
// batches made of ticks decode.
#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "uplink/spool_scan.hpp"

namespace {

using volta::Bytes;

// The records of these bytes, each under a head of its own: kind, two bytes of length, body.
Bytes with_heads(std::span<const std::byte> bytes) {
  Bytes out;
  volta::put_spool_head(out);
  while (bytes.size() >= 3) {
    const auto kind = static_cast<volta::SpoolKind>(bytes[0]);
    const std::size_t length =
        static_cast<std::size_t>(bytes[1]) + 256 * static_cast<std::size_t>(bytes[2]);
    const auto body = bytes.subspan(3, std::min(length, bytes.size() - 3));
    volta::put_spool_record(out, kind, body);
    bytes = bytes.subspan(3 + body.size());
  }
  return out;
}

void check(const volta::SpoolContent& content, std::uint64_t given) {
  std::uint64_t before = 0;
  for (const volta::SpoolSegment& segment : content.segments) {
    VOLTA_ASSERT(segment.numbers.after >= before);
    VOLTA_ASSERT(segment.numbers.last > segment.numbers.after);
    before = segment.numbers.last;
  }
  for (const volta::EncodedBatch& batch : content.unfinished) {
    VOLTA_ASSERT(batch.seq > before && batch.seq == batch.key_seq);
    VOLTA_ASSERT(batch.slots <= content.series.size());
    VOLTA_ASSERT(volta::decode_batch(batch, {}));
    before = batch.seq;
  }
  VOLTA_ASSERT(content.newest == before);
  VOLTA_ASSERT(content.damaged_bytes <= given);
  std::uint64_t last = 0;
  for (const volta::SpoolRun& run : content.runs) {
    VOLTA_ASSERT(run.base >= last && run.last >= run.base);
    last = run.last;
  }
}

void scan(std::span<const std::byte> first, std::span<const std::byte> second,
          std::span<const std::byte> open) {
  volta::SpoolScan spool;
  spool.segment(1, first);
  spool.segment(2, second);
  spool.open_file(open);
  check(spool.take(), first.size() + second.size() + open.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(2);
  const std::size_t one = bytes.size() * data[0] / 256;
  const std::size_t two = (bytes.size() - one) * data[1] / 256;
  const auto first = bytes.first(one);
  const auto second = bytes.subspan(one, two);
  const auto open = bytes.subspan(one + two);
  scan(first, second, open);
  scan(with_heads(first), with_heads(second), with_heads(open));
  return 0;
}
