// Sealed samples as what is archived and then let go of: by windows, whoever they belong to. The
// tiers' windows of minutes and hours are not touched.
#pragma once

#include <cstdint>
#include <vector>

#include "store/sqlite.hpp"

namespace volta {

// Ends of the windows at or before `last_end_ms` that have packs of samples, rising.
std::vector<std::int64_t> sealed_window_ends(Connection& connection, std::int64_t last_end_ms);

// Deletes some of the packs of samples of one window end; true: none is left. The writer's thread
// only, in a transaction. Where a window's packs go, its mark stays: journal rows up to it are
// still only copies.
bool drop_sealed_window(Connection& connection, std::int64_t end_ms);

}  // namespace volta
