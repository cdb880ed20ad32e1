// Looks at a store: SQLite's own check, then whether each row of both journals and each column of
// each pack decodes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/sqlite.hpp"

namespace volta {

struct StoreCheck {
  std::vector<std::string> problems;  // the first hundred
  std::uint64_t further = 0;          // that are not listed
  std::uint64_t rows = 0;             // of both journals, that were decoded
  std::uint64_t samples = 0;          // in them; also those that packs have already
  std::uint64_t packs = 0;            // of all tiers
  std::uint64_t packed = 0;           // samples in packs of samples
  std::uint64_t put_aside = 0;        // packs that were found broken before, no part of the store

  [[nodiscard]] bool sound() const { return problems.empty(); }
  void add(std::string problem);
};

// Changes nothing; others may go on reading and writing. Reads the whole file, in portions: the
// longest read transaction is SQLite's own check of one table of the journals. Throws SqliteFailure
// where the disk fails or the database cannot be opened at all.
StoreCheck check_store(Connection& connection);
// The same, and the file beside the database that says what left it.
StoreCheck check_directory(const std::filesystem::path& directory, Connection& connection);

}  // namespace volta
