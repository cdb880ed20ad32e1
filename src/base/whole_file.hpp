// A small file as a whole, for what is read once: configuration.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace volta {

// The content of a regular file of at most `limit` bytes. The error is a sentence that names the
// path: not there, not readable, a folder, a pipe or a device, too large.
Result<std::string> read_whole_file(const std::filesystem::path& path, std::size_t limit);
// The same of a file that is open for reading, best with O_NONBLOCK, from its beginning; `path` is
// for the sentence.
Result<std::string> read_whole_file(int fd, const std::filesystem::path& path, std::size_t limit);

}  // namespace volta
