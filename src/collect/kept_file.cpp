#include "collect/kept_file.hpp"

#include <cerrno>

#include <unistd.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "collect/host_files.hpp"

namespace volta {
namespace {

constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kLargestBuffer = 16U << 20U;  // /proc/stat of 1000s of CPUs stays below 1 MiB

}  // namespace

KeptFile::KeptFile(std::filesystem::path path) : path_(std::move(path)) {}

int KeptFile::read_into_buffer() {
  length_ = 0;
  if (!fd_) {
    fd_ = open_source(path_.c_str());
    if (!fd_) return errno;
  }
  if (buffer_.empty()) buffer_.resize(kFirstBuffer);
  // A seq file returns less than asked although more is there, so only 0 means the end. Reading on
  // at an offset may tear the content; a buffer that fits it in the first call makes that rare.
  while (true) {
    if (length_ == buffer_.size()) {
      if (buffer_.size() >= kLargestBuffer) return EFBIG;
      buffer_.resize(buffer_.size() * 2);
    }
    const ssize_t got = ::pread(fd_.get(), buffer_.data() + length_, buffer_.size() - length_,
                                static_cast<off_t>(length_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      fd_.reset();
      return error;
    }
    if (got == 0) return 0;
    length_ += static_cast<std::size_t>(got);
  }
}

std::string_view KeptFile::read() {
  if (const int error = read_into_buffer()) throw SystemFailure("read", path_.string(), error);
  return {buffer_.data(), length_};
}

std::optional<std::string_view> KeptFile::try_read() {
  if (read_into_buffer() != 0) return std::nullopt;
  return std::string_view(buffer_.data(), length_);
}

std::optional<std::int64_t> KeptFile::try_integer() {
  const auto content = try_read();
  return content ? parse_integer<std::int64_t>(trim(*content)) : std::nullopt;
}

std::string read_trimmed(const std::filesystem::path& path) {
  KeptFile file(path);
  const auto content = file.try_read();
  return content ? std::string(trim(*content)) : std::string();
}

}  // namespace volta
