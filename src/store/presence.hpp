// Which ticks of a column have a value, as run lengths: gaps are rare and long. FORMAT.md, `gaps`.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/varint.hpp"

namespace volta {

// Appends the runs. `present` has 0 or another number per tick.
void put_presence(std::span<const std::uint8_t> present, Bytes& out);
// The ticks that have a value, replacing what is in `with_value`. False: these are no runs of
// exactly `ticks` ticks.
bool read_presence(ByteReader& in, std::size_t ticks, std::vector<std::uint32_t>& with_value);

}  // namespace volta
