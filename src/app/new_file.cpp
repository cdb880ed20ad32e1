#include "app/new_file.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zstd.h>

#include "base/error.hpp"

namespace volta {
namespace {

constexpr int kCompression = 6;

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

void write_out(int file, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw SystemFailure("write", path.string(), errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

NewZstdFile::NewZstdFile(std::filesystem::path path)
    : path_(std::move(path)),
      part_(path_.string() + ".part"),
      compressor_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(path_, error)))
    throw Failure(path_.string() + " exists; choose another name");
  file_ = UniqueFd(::open(part_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_) throw SystemFailure("make", part_.string(), errno);
  // Another one that writes it just now keeps it.
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    file_.reset();
    throw Failure(part_.string() + " is being written by another process");
  }
  if (::ftruncate(file_.get(), 0) != 0) throw SystemFailure("empty", part_.string(), errno);
  ZSTD_CCtx_setParameter(compressor_.get(), ZSTD_c_compressionLevel, kCompression);
  ZSTD_CCtx_setParameter(compressor_.get(), ZSTD_c_checksumFlag, 1);
}

NewZstdFile::~NewZstdFile() {
  if (finished_ || !file_) return;
  ::unlink(part_.c_str());
}

void NewZstdFile::compress(std::string_view text, bool last) {
  std::array<char, 1U << 16U> packed{};
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  for (bool more = true; more;) {
    ZSTD_outBuffer out{packed.data(), packed.size(), 0};
    const std::size_t left =
        ZSTD_compressStream2(compressor_.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0U)
      throw Failure("cannot compress " + path_.string() + ": " + ZSTD_getErrorName(left));
    write_out(file_.get(), {packed.data(), out.pos}, part_);
    more = last ? left != 0 : in.pos < in.size;
  }
}

void NewZstdFile::write(std::string_view text) { compress(text, false); }

void NewZstdFile::finish() {
  compress({}, true);
  if (::fsync(file_.get()) != 0) throw SystemFailure("sync", part_.string(), errno);
  // A link, since that fails where the name has been taken meanwhile; a rename would replace it.
  if (::link(part_.c_str(), path_.c_str()) != 0)
    throw SystemFailure("give its name to", path_.string(), errno);
  ::unlink(part_.c_str());
  finished_ = true;
  const std::filesystem::path parent = directory_of(path_);
  const UniqueFd directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0)
    throw SystemFailure("sync", parent.string(), errno);
}

}  // namespace volta
