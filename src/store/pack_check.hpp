// Looks at packs column by column, as `volta store check` does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "store/pack_rows.hpp"

namespace volta {

struct PackFindings {
  std::vector<std::string> problems;  // of the pack as a whole and of its series, the first few
  std::uint64_t further = 0;          // that are not listed
  std::uint64_t samples = 0;          // values, or windows of a tier, that could be read
};

// Whether every column decodes and what the row says of the pack is so.
PackFindings check_pack_row(const PackRow& row, std::span<const std::byte> bytes);

// Visits every pack that is there now, by rising id and a few to each read transaction, so that
// neither memory nor the WAL grows with the store. Throws SqliteFailure.
void visit_all_packs(Connection& connection,
                     const std::function<void(const PackRow&, std::span<const std::byte>)>& visit);

}  // namespace volta
