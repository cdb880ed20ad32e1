// How much room the data directory's file system has, and how much of it is left to others: a store
// that fills the last byte of a disk harms everything else that lives there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

namespace volta {

struct DiskSpace {
  std::int64_t total_bytes = 0;
  std::int64_t available_bytes = 0;  // to us; what is kept for root is not counted

  // One hundredth of the disk, but at least 200 MB and at most 1 GB; of a small disk a twentieth.
  [[nodiscard]] std::int64_t reserve_bytes() const;
};

using DiskSpaceOf = std::function<std::optional<DiskSpace>(const std::filesystem::path&)>;

// Empty: the file system does not say.
std::optional<DiskSpace> disk_space(const std::filesystem::path& path);

// 0: there is no such file. Looks at the name only: opening and closing a database's file would
// drop the locks that SQLite has on it.
std::int64_t file_bytes(const std::filesystem::path& path);

// Watches over the reserve. One thread only.
class DiskWatch {
 public:
  DiskWatch(DiskSpaceOf space, std::filesystem::path path)
      : space_(std::move(space)), path_(std::move(path)) {}

  // Asks the file system. Low from where the reserve is touched until there is an eighth more than
  // it again, so that nobody's small change turns it to and fro.
  bool look();
  [[nodiscard]] bool low() const { return low_; }
  // As of the last look().
  [[nodiscard]] const DiskSpace& space() const { return last_; }

 private:
  DiskSpaceOf space_;
  std::filesystem::path path_;
  DiskSpace last_;
  bool low_ = false;
};

}  // namespace volta
