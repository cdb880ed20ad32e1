#include "app/replace_file.hpp"

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace volta {
namespace {

constexpr mode_t kNewFileMode = 0644;
constexpr mode_t kPermissions = 07777;

// Beside the name until it is whole; taken away where it never gets that far.
class FreshFile {
 public:
  explicit FreshFile(std::string path) : path_(std::move(path)) {
    ::unlink(path_.c_str());
    file_.reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNewFileMode));
    if (!file_) throw SystemFailure("create", path_, errno);
  }
  FreshFile(const FreshFile&) = delete;
  FreshFile& operator=(const FreshFile&) = delete;
  ~FreshFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  void dress_as(const struct stat& old) {
    if (::geteuid() == 0 && ::fchown(file_.get(), old.st_uid, old.st_gid) != 0)
      throw SystemFailure("change the owner of", path_, errno);
    if (::fchmod(file_.get(), old.st_mode & kPermissions) != 0)
      throw SystemFailure("change the mode of", path_, errno);
  }
  void write(std::string_view content) {
    while (!content.empty()) {
      const ssize_t wrote = ::write(file_.get(), content.data(), content.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) throw SystemFailure("write", path_, errno);
      content.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (::fsync(file_.get()) != 0) throw SystemFailure("write", path_, errno);
  }
  void rename_to(const std::string& name) {
    if (::rename(path_.c_str(), name.c_str()) != 0) throw SystemFailure("rename", path_, errno);
    path_.clear();
  }

 private:
  std::string path_;
  UniqueFd file_;
};

}  // namespace

void replace_file(const std::filesystem::path& path, std::string_view content) {
  std::error_code failed;
  std::filesystem::path name = std::filesystem::canonical(path, failed);
  if (failed) name = std::filesystem::absolute(path);
  struct stat old {};
  const bool there = ::stat(name.c_str(), &old) == 0;
  FreshFile fresh(name.string() + ".new-" + std::to_string(::getpid()));
  if (there) fresh.dress_as(old);
  fresh.write(content);
  fresh.rename_to(name.string());
  const std::filesystem::path folder = name.parent_path();
  const UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0)
    throw SystemFailure("write", folder.string(), errno);
}

}  // namespace volta
