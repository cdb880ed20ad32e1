#include "base/whole_file.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace volta {

namespace {

Error cannot_read(const std::filesystem::path& path, const std::string& why) {
  return Error{"cannot read " + path.string() + ": " + why};
}

}  // namespace

Result<std::string> read_whole_file(const std::filesystem::path& path, std::size_t limit) {
  // Without O_NONBLOCK, a pipe that nobody writes to would be waited for.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return cannot_read(path, error_text(errno));
  return read_whole_file(file.get(), path, limit);
}

Result<std::string> read_whole_file(int fd, const std::filesystem::path& path, std::size_t limit) {
  const auto cannot = [&](const std::string& why) { return cannot_read(path, why); };
  struct stat info {};
  if (::fstat(fd, &info) != 0) return cannot(error_text(errno));
  if (!S_ISREG(info.st_mode)) return cannot("it is not a regular file");
  // As much as it says it has, and a byte to see that this was all: limits may be large.
  constexpr std::size_t kLeast = 4096;  // of the kernel's own files, which say 0
  const auto said = std::max(kLeast, static_cast<std::size_t>(info.st_size));
  std::string content(std::min(limit, said) + 1, '\0');
  std::size_t length = 0;
  while (length <= limit) {
    if (length == content.size()) content.resize(std::min(limit + 1, 2 * content.size()));
    const ssize_t got =
        ::pread(fd, content.data() + length, content.size() - length, static_cast<off_t>(length));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot(error_text(errno));
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length > limit) return cannot("it is larger than " + std::to_string(limit) + " bytes");
  content.resize(length);
  return content;
}

}  // namespace volta
