// Any bytes as a pack of a tier, with its checksums put right so that what stands behind them is
// reached. What reads as windows has all their parts, and comes back from another pack bit by bit.
#include <algorithm>
#include <bit>
#include <span>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "store/pack_layout.hpp"
#include "store/tier_codec.hpp"

namespace volta {
namespace {

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  });
}

void check_sizes(const WindowColumn& w) {
  for (const auto* times : {&w.first_ms, &w.last_ms}) VOLTA_ASSERT(times->size() == w.size());
  for (const auto* values : {&w.first, &w.last, &w.min, &w.max, &w.sum, &w.increase}) {
    VOLTA_ASSERT(values->size() == w.size());
  }
  VOLTA_ASSERT(w.count.size() == w.size() && w.ends_stale.size() == w.size());
}

void check_round_trip(const WindowColumn& windows, Kind kind, std::int64_t step_ms) {
  PackWriter writer;
  TierHints hints;
  add_tier_columns(writer, hints, SeriesId{1}, kind, windows);
  const Bytes bytes = writer.finish();
  const auto pack = Pack::open(bytes, bytes.size());
  VOLTA_ASSERT(pack.has_value());
  PackReader reader;
  const PackRow row;
  const auto back = read_tier_columns(reader, {row, *pack, bytes}, SeriesId{1}, step_ms);
  VOLTA_ASSERT(back.has_value());
  check_sizes(*back);
  VOLTA_ASSERT(kind_of_tier_columns(*pack, SeriesId{1}) == kind);
  VOLTA_ASSERT(back->end_ms == windows.end_ms && back->first_ms == windows.first_ms &&
               back->last_ms == windows.last_ms && back->count == windows.count &&
               back->ends_stale == windows.ends_stale);
  VOLTA_ASSERT(same_bits(back->first, windows.first) && same_bits(back->last, windows.last) &&
               same_bits(back->min, windows.min) && same_bits(back->max, windows.max) &&
               same_bits(back->sum, windows.sum));
  VOLTA_ASSERT(kind != Kind::counter || same_bits(back->increase, windows.increase));
}

void fuzz_tier_pack(std::span<const std::byte> bytes) {
  const auto pack = Pack::open(bytes, bytes.size());
  if (!pack) return;
  PackReader reader;
  const PackRow row;
  for (const Tier tier : {Tier::minute, Tier::hour}) {
    const std::int64_t step = tier_step_ms(tier);
    TierColumnsReader one_after_the_other(reader, step);
    const auto read = [&](SeriesId series) {
      if (!one_after_the_other.read({row, *pack, bytes}, series)) return;
      const WindowColumn& windows = one_after_the_other.windows();
      check_sizes(windows);
      if (windows.size() == 0) return;
      check_round_trip(windows, kind_of_tier_columns(*pack, series), step);
    };
    for (const PackEntry& entry : pack->entries()) {
      read(entry.series);
      read(SeriesId{UINT32_MAX});  // which hardly any pack has
    }
  }
}

// With the checksums that belong to the bytes: that of each column, then that of the head.
Bytes repaired(std::span<const std::byte> bytes, std::size_t head) {
  Bytes out(bytes.begin(), bytes.end());
  const auto all = std::span<const std::byte>(out);
  const auto put_head_crc = [&] {
    Bytes crc;
    put_u32(crc, crc32c(all.subspan(kPackPrefixBytes, head - kPackPrefixBytes),
                        crc32c(all.subspan(4, 4))));
    std::copy(crc.begin(), crc.end(), out.begin() + 8);
  };
  put_head_crc();
  const auto pack = Pack::open(out, out.size());
  if (!pack) return out;
  for (const PackEntry& entry : pack->entries()) {
    if (entry.in_head) continue;
    Bytes before;
    Bytes crc;
    put_u32(before, entry.crc);
    put_u32(crc, crc32c(all.subspan(entry.offset, entry.length)));
    const auto end = out.begin() + static_cast<std::ptrdiff_t>(head);
    const auto place =
        std::search(out.begin() + kPackPrefixBytes, end, before.begin(), before.end());
    if (place != end) std::copy(crc.begin(), crc.end(), place);
  }
  put_head_crc();
  return out;
}

}  // namespace
}  // namespace volta

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto head = volta::pack_head_bytes(bytes);
  if (!head || *head > size) return 0;
  volta::fuzz_tier_pack(volta::repaired(bytes, *head));
  return 0;
}
