#include "collect/scalar_file.hpp"

#include <array>
#include <cerrno>

#include <unistd.h>

#include "base/text.hpp"
#include "collect/host_files.hpp"

namespace volta {

int ScalarFile::read(std::int64_t& value) {
  if (!fd_) {
    fd_ = open_source(path_.c_str());
    if (!fd_) return errno;
  }
  std::array<char, 64> buffer;
  const ssize_t length = ::pread(fd_.get(), buffer.data(), buffer.size(), 0);
  if (length < 0) {
    const int error = errno;
    if (means_gone(error)) fd_.reset();
    return error;
  }
  const auto number = parse_integer<std::int64_t>(
      trim(std::string_view(buffer.data(), static_cast<std::size_t>(length))));
  if (!number) return EBADMSG;
  value = *number;
  return 0;
}

bool means_gone(int error) { return error == ENODEV || error == ENOENT || error == ESTALE; }

}  // namespace volta
