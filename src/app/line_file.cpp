#include "app/line_file.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace volta {
namespace {

constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
constexpr int kLargestWindow = 27;  // 128 MiB: what `zstd` itself reads without being asked

}  // namespace

struct LineFile::Source {
  std::string name;
  UniqueFd file;
  int fd = -1;
  bool started = false;
  bool ended = false;
  bool frame_open = false;
  std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> decompressor{nullptr, ZSTD_freeDCtx};
  std::array<char, 1U << 16U> chunk{};
  ZSTD_inBuffer in{};

  // Reads the next chunk; false at the end.
  bool read() {
    for (;;) {
      const ssize_t got = ::read(fd, chunk.data(), chunk.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw SystemFailure("read", name, errno);
      in = {chunk.data(), static_cast<std::size_t>(got), 0};
      return got > 0;
    }
  }

  // Appends some text to `out`; false at the end.
  bool more(std::string& out) {
    if (ended) return false;
    if (!decompressor || in.pos == in.size) {
      if (!read()) {
        ended = true;
        if (frame_open) throw Failure(name + " ends in the middle of its compressed data");
        return false;
      }
    }
    if (!started) begin();
    if (!decompressor) {
      out.append(chunk.data(), in.size);
      return true;
    }
    std::array<char, 1U << 17U> plain{};
    ZSTD_outBuffer to{plain.data(), plain.size(), 0};
    const std::size_t left = ZSTD_decompressStream(decompressor.get(), &to, &in);
    if (ZSTD_isError(left) != 0U) throw Failure(name + " is broken: " + ZSTD_getErrorName(left));
    frame_open = left != 0;
    out.append(plain.data(), to.pos);
    return true;
  }

 private:
  void begin() {
    started = true;
    if (std::string_view(chunk.data(), in.size).substr(0, 4) != kZstdMagic) return;
    decompressor.reset(ZSTD_createDCtx());
    ZSTD_DCtx_setParameter(decompressor.get(), ZSTD_d_windowLogMax, kLargestWindow);
  }
};

LineFile::LineFile(const std::filesystem::path& path) : source_(std::make_unique<Source>()) {
  source_->name = path.string();
  if (path == "-") {
    source_->name = "standard input";
    source_->fd = STDIN_FILENO;
    return;
  }
  source_->file = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source_->file) throw SystemFailure("open", source_->name, errno);
  source_->fd = source_->file.get();
}

LineFile::~LineFile() = default;

bool LineFile::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  if (buffer_.size() > kLongestLine) {
    throw Failure(source_->name + ":" + std::to_string(number_ + 1) +
                  ": the line is longer than 256 MiB");
  }
  return source_->more(buffer_);
}

std::string_view LineFile::peek() {
  while (at_ == buffer_.size() && fill()) {
  }
  return std::string_view(buffer_).substr(at_);
}

std::optional<std::string_view> LineFile::next() {
  std::size_t searched = at_;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      const std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
      at_ = end + 1;
      ++number_;
      return line;
    }
    searched = buffer_.size() - at_;  // fill() moves what is left to the front
    if (fill()) continue;
    if (at_ == buffer_.size()) return std::nullopt;
    const std::string_view line = std::string_view(buffer_).substr(at_);
    at_ = buffer_.size();
    ++number_;
    return line;
  }
}

}  // namespace volta
