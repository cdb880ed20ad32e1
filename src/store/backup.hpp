// Copies of a whole store: made while it runs, and put in place of one that is lost.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "store/sqlite.hpp"

namespace volta {

// Writes the store, as it is at one moment, to a new file: compact, synced, mode 0600, and by its
// name only when it is complete. Others go on reading and writing meanwhile; the WAL cannot be
// emptied until it is done. `source` has no transaction open. An Error: the file exists, or cannot
// be made. Throws SqliteFailure, SystemFailure; then there is no file by that name.
Result<void> back_up_store(Connection& source, const std::filesystem::path& file);

// Makes the file the store of a directory that has none. It is copied, not moved. An Error: there
// is a store, or the file is no sound store of this or an older schema. Throws StoreError (locked,
// unwritable, incomplete), SystemFailure.
Result<void> restore_store(const std::filesystem::path& file,
                           const std::filesystem::path& directory);

}  // namespace volta
