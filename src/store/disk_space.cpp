#include "store/disk_space.hpp"

#include <algorithm>

#include <sys/stat.h>
#include <sys/statvfs.h>

namespace volta {

std::int64_t DiskSpace::reserve_bytes() const {
  constexpr std::int64_t kLeast = 200'000'000;
  constexpr std::int64_t kMost = 1'000'000'000;
  return std::min(std::clamp(total_bytes / 100, kLeast, kMost), total_bytes / 20);
}

std::optional<DiskSpace> disk_space(const std::filesystem::path& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0 || status.f_blocks == 0) return std::nullopt;
  const auto bytes = [&](fsblkcnt_t blocks) {
    return static_cast<std::int64_t>(blocks) * static_cast<std::int64_t>(status.f_frsize);
  };
  return DiskSpace{bytes(status.f_blocks), bytes(status.f_bavail)};
}

std::int64_t file_bytes(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

bool DiskWatch::look() {
  const auto space = space_(path_);
  if (!space) {
    low_ = false;
    return false;
  }
  last_ = *space;
  const std::int64_t reserve = last_.reserve_bytes();
  low_ = last_.available_bytes < (low_ ? reserve + reserve / 8 : reserve);
  return low_;
}

}  // namespace volta
