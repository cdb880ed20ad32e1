// A sysfs file that holds one integer and stays open: one pread into the stack per reading, and the
// reason when there is none. KeptFile is for whole texts.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.hpp"

namespace volta {

// One thread at a time.
class ScalarFile {
 public:
  // Does not open yet.
  explicit ScalarFile(std::string path) : path_(std::move(path)) {}

  // Reads the number as of now. 0, or an errno value: EBADMSG if the content is not one integer,
  // otherwise the kernel's. One attempt: flaky chips answer EAGAIN for ever.
  int read(std::int64_t& value);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  UniqueFd fd_;
};

// The device behind the file went away, as against a reading that failed this once.
bool means_gone(int error);

}  // namespace volta
