// Of a data directory: whether another engine keeps the samples ([store] engine = "prometheus"), so
// that those in it are its last hour only. The file volta.engine says so.
#pragma once

#include <filesystem>

namespace volta {

// Why small commands ask: what they read there is not all there is, and what they write into it
// reaches no engine.
bool another_engine_keeps(const std::filesystem::path& directory);
// For a role that starts with volta's own engine (false) or another one (true). Throws Failure.
void mark_engine(const std::filesystem::path& directory, bool another);

}  // namespace volta
