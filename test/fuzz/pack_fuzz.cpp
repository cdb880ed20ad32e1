// Any bytes as a pack, once as they are and once with its checksums put right, so that what stands
// behind them is reached. Whatever comes: an Error, or columns that read or are Errors.
#include <algorithm>
#include <span>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "store/pack.hpp"
#include "store/pack_layout.hpp"

namespace volta {
namespace {

void fuzz_pack(std::span<const std::byte> bytes) {
  const auto pack = Pack::open(bytes, bytes.size());
  if (!pack) return;
  PackReader reader;
  for (auto entry : pack->entries()) {
    const auto column = bytes.subspan(entry.offset, entry.length);
    VOLTA_ASSERT(pack->find(entry.series, entry.part) != nullptr);
    entry.crc = crc32c(column);
    const auto samples = reader.raw(*pack, entry, column);
    if (!samples) continue;
    VOLTA_ASSERT(samples->times_ms.size() == samples->values.size());
    VOLTA_ASSERT(samples->times_ms.size() <= pack->times_ms(entry).size());
  }
}

}  // namespace
}  // namespace volta

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  volta::fuzz_pack(bytes);
  const auto head = volta::pack_head_bytes(bytes);
  if (!head || *head > size) return 0;
  volta::Bytes repaired(bytes.begin(), bytes.end());
  const auto all = std::span<const std::byte>(repaired);
  volta::Bytes crc;
  volta::put_u32(
      crc, volta::crc32c(all.subspan(volta::kPackPrefixBytes, *head - volta::kPackPrefixBytes),
                         volta::crc32c(all.subspan(4, 4))));
  std::copy(crc.begin(), crc.end(), repaired.begin() + 8);
  volta::fuzz_pack(repaired);
  return 0;
}
