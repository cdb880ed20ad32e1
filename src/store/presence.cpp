#include "store/presence.hpp"

#include <algorithm>

namespace volta {

void put_presence(std::span<const std::uint8_t> present, Bytes& out) {
  std::vector<std::size_t> runs;
  bool now = true;
  std::size_t length = 0;
  for (const auto tick : present) {
    if ((tick != 0) != now) {
      runs.push_back(length);
      length = 0;
      now = !now;
    }
    ++length;
  }
  runs.push_back(length);
  put_varint(out, runs.size());
  for (const auto run : runs) put_varint(out, run);
}

bool read_presence(ByteReader& in, std::size_t ticks, std::vector<std::uint32_t>& with_value) {
  with_value.clear();
  const auto runs = in.varint();
  if (in.failed() || runs > in.left()) return false;
  std::size_t tick = 0;
  for (std::uint64_t run = 0; run < runs; ++run) {
    const auto length = in.varint();
    if (in.failed() || length > ticks - tick || (length == 0 && run > 0)) return false;
    const std::size_t end = tick + static_cast<std::size_t>(length);
    if (run % 2 == 0) {
      for (; tick < end; ++tick) with_value.push_back(static_cast<std::uint32_t>(tick));
    }
    tick = end;
  }
  return tick == ticks;
}

}  // namespace volta
