// Sealed samples out of a store into a file, and then out of the store.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.hpp"
#include "store/store.hpp"

namespace volta {

struct ArchiveReport {
  std::size_t windows = 0;    // hours of which samples were let go
  std::uint64_t samples = 0;  // written
  std::uint64_t series = 0;
  std::int64_t end_ms = 0;  // of the last window
};

// Writes the samples of every sealed window that ends at or before `before_ms` as JSON lines,
// compressed with zstd, to a new file; lets go of them once the file is on the disk for good. The
// file also has what the journal holds of the same hours, which stays where it is. Windows of
// minutes and hours stay. Nothing may seal meanwhile: the caller owns the store.
//
// An Error, with nothing let go: there is nothing to archive, or a part of it cannot be read.
// Throws Failure, with nothing let go, where the file cannot be written; a crash before the file
// has its name leaves the store as it was, one after it leaves the samples in both. What of the
// file is imported into the same store counts once (store/window_intake.hpp).
Result<ArchiveReport> archive_store(Store& store, std::int64_t before_ms,
                                    const std::filesystem::path& file);

}  // namespace volta
