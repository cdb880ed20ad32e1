// What small commands do with a store while another process serves it: all as a reader, beside its
// lock. Each throws SqliteFailure where the database cannot be read, as one of an older schema;
// StoreError where only its WAL is there.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.hpp"
#include "model/host_list.hpp"
#include "store/check.hpp"
#include "store/stats.hpp"

namespace volta {

// Whether there are samples, sealed or not.
bool holds_samples(const std::filesystem::path& directory);
// The hosts that are there, by name.
std::vector<HostEntry> hosts_of_served(const std::filesystem::path& directory);
StoreStats stats_of_served(const std::filesystem::path& directory, std::size_t most);
StoreCheck check_served(const std::filesystem::path& directory);
// As Store::back_up.
Result<void> back_up_served(const std::filesystem::path& directory,
                            const std::filesystem::path& file);

}  // namespace volta
