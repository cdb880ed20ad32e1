// A kernel file that stays open and is read anew at every tick: one pread instead of open, read and
// close (a half to a tenth of the cost, measured). Works for procfs, sysfs and cgroup files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace volta {

// One thread. The buffer grows to the file's largest content seen and then stays.
class KeptFile {
 public:
  // Does not open yet.
  explicit KeptFile(std::filesystem::path path);

  // The whole content as of now; valid until the next read. Opens if need be. Throws SystemFailure;
  // the descriptor is then closed, so that the next call starts afresh.
  std::string_view read();
  // Empty instead of a throw.
  std::optional<std::string_view> try_read();
  // The content, trimmed, as a decimal integer; empty if it cannot be read or is something else.
  std::optional<std::int64_t> try_integer();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  int read_into_buffer();  // errno or 0

  std::filesystem::path path_;
  UniqueFd fd_;
  std::string buffer_;
  std::size_t length_ = 0;
};

// A file that is read once: the content without white space at its ends, "" if it cannot be read.
std::string read_trimmed(const std::filesystem::path& path);

}  // namespace volta
