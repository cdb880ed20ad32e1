// Looks at a store: SQLite's own check, then whether each row of both journals decodes. Packs are
// not opened.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/sqlite.hpp"

namespace volta {

struct StoreCheck {
  std::vector<std::string> problems;  // the first hundred
  std::uint64_t further = 0;          // that are not listed
  std::uint64_t rows = 0;             // of both journals, that were decoded
  std::uint64_t samples = 0;          // in them

  [[nodiscard]] bool sound() const { return problems.empty(); }
  void add(std::string problem);
};

// Changes nothing; others may go on reading and writing. Reads the whole file. Throws SqliteFailure
// where the disk fails or the database cannot be opened at all.
StoreCheck check_store(Connection& connection);

}  // namespace volta
