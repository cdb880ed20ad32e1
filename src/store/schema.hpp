// The steps from an empty file to today's schema, schema/store/NNNN_what.sql, embedded.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "store/data_directory.hpp"
#include "store/sqlite.hpp"

namespace volta {

constexpr const char* kDatabaseName = "volta.db";
constexpr std::int64_t kApplicationId = 0x564f4c54;  // "VOLT"; PRAGMA application_id

// Throws StoreError (incomplete) where a WAL has data and its database is gone or empty: SQLite
// takes the latter for a new one and deletes the WAL. Before the database is made or opened.
void refuse_orphaned_wal(const std::filesystem::path& directory);

struct Migration {
  std::string_view name;  // NNNN_what.sql, NNNN the user_version it leads to
  std::string_view sql;
};

// All steps, the first leads to version 1, each next one to one more.
std::span<const Migration> migrations();

// Brings the database to the last of `steps` in one transaction; an older store is first copied to
// DIR/before-vN.sqlite. Throws StoreError (newer_schema, damaged), SqliteFailure.
void migrate(Connection& writer, const DataDirectory& directory, std::span<const Migration> steps);

// The copies that are still there, the oldest first.
std::vector<std::filesystem::path> migration_copies(const DataDirectory& directory);

}  // namespace volta
