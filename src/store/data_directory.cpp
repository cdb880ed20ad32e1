#include "store/data_directory.hpp"

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.hpp"
#include "base/text.hpp"
#include "store/store_error.hpp"

namespace volta {
namespace {

constexpr const char* kLockName = "volta.lock";

[[noreturn]] void unwritable(const std::filesystem::path& path, const std::string& why) {
  throw StoreError(StoreError::Kind::unwritable,
                   "the data directory " + path.string() + " cannot be used: " + why);
}

// Makes the directory and its missing parents, each 0700. True: it is new.
bool make_directories(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> missing;
  for (std::filesystem::path at = path; !at.empty(); at = at.parent_path()) {
    struct stat status {};
    if (::stat(at.c_str(), &status) == 0) {
      if (!S_ISDIR(status.st_mode)) unwritable(path, at.string() + " is not a directory");
      break;
    }
    if (errno != ENOENT) unwritable(path, error_text(errno));
    missing.push_back(at);
    if (at == at.parent_path()) break;
  }
  for (auto next = missing.rbegin(); next != missing.rend(); ++next) {
    if (::mkdir(next->c_str(), 0700) != 0 && errno != EEXIST) {
      unwritable(path, "making " + next->string() + ": " + error_text(errno));
    }
  }
  return !missing.empty();
}

// A directory that somebody made for us is closed to others; one with other things in it is left
// as it is, for it may be /tmp or a home directory.
bool ours_to_close(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_empty(path, error) || std::filesystem::exists(path / kLockName, error);
}

// The whole file, by the open file description: unlike flock() it can be asked for without being
// taken, and unlike other record locks it survives a second descriptor of this process being
// closed.
struct flock whole_file(int type) {
  struct flock lock {};
  lock.l_type = static_cast<short>(type);
  lock.l_whence = SEEK_SET;
  return lock;
}

// Whether this file has the name. A name that cannot be looked at just now is believed to be as it
// was.
bool stands(const std::filesystem::path& name, dev_t device, ino_t number) {
  struct stat named {};
  if (::stat(name.c_str(), &named) != 0) return errno != ENOENT && errno != ENOTDIR;
  return named.st_dev == device && named.st_ino == number;
}

LockHolder read_holder(int fd) {
  std::array<char, 512> buffer{};
  const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), 0);
  std::string_view rest(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  LockHolder holder;
  holder.pid = parse_integer<pid_t>(next_line(rest).value_or("")).value_or(0);
  holder.text = next_line(rest).value_or("");
  return holder;
}

}  // namespace

DataDirectory::DataDirectory(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) unwritable(path, error.message());
  const bool is_new = make_directories(absolute.lexically_normal());
  path_ = std::filesystem::canonical(absolute, error);
  if (error) unwritable(path, error.message());
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) unwritable(path_, error_text(errno));
  owner_ = status.st_uid;
  group_ = status.st_gid;
  give_away_ = ::geteuid() == 0 && owner_ != 0;
  const bool open_to_others = (status.st_mode & 077) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (is_new || (open_to_others && ours_to_close(path_))) {
    if (::chmod(path_.c_str(), 0700) != 0) {
      log::warning("cannot close the data directory to others",
                   {{"path", path_.string()}, {"error", error_text(errno)}});
    }
  }
  lock_ = open_file(kLockName);
  const struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(lock_.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) unwritable(path_, "locking it: " + error_text(errno));
    const LockHolder holder = read_holder(lock_.get());
    std::string text = "the data directory " + path_.string() + " is in use by another volta";
    if (holder.pid != 0) text += ", process " + std::to_string(holder.pid);
    if (!holder.text.empty()) text += ", at " + holder.text;
    throw StoreError(StoreError::Kind::locked, text, holder.pid);
  }
  announce("");
}

DataDirectory::~DataDirectory() {
  // The file stays: removing it would let a waiting process lock a name that is gone.
  if (lock_ && ::ftruncate(lock_.get(), 0) != 0) {
    log::warning("cannot empty the lock file", {{"error", error_text(errno)}});
  }
}

void DataDirectory::announce(const std::string& text) const {
  const std::string line = std::to_string(::getpid()) + "\n" + text + "\n";
  if (::ftruncate(lock_.get(), 0) != 0 ||
      ::pwrite(lock_.get(), line.data(), line.size(), 0) != static_cast<ssize_t>(line.size())) {
    // Held all the same; only the sentence for a second process will lack the pid.
    log::warning("cannot write the lock file", {{"error", error_text(errno)}});
  }
}

void DataDirectory::watch(const std::string& name) {
  struct stat status {};
  const std::filesystem::path file = path_ / name;
  if (::stat(file.c_str(), &status) == 0) watched_.push_back({file, status.st_dev, status.st_ino});
}

std::optional<std::filesystem::path> DataDirectory::lost() const {
  struct stat held {};
  const bool known = ::fstat(lock_.get(), &held) == 0;
  if (known && !stands(path_ / kLockName, held.st_dev, held.st_ino)) return path_;
  for (const Watched& file : watched_) {
    if (!stands(file.path, file.device, file.number)) return file.path;
  }
  return std::nullopt;
}

UniqueFd DataDirectory::open_file(const std::string& name) const {
  const std::filesystem::path file = path_ / name;
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  UniqueFd made(::open(file.c_str(), flags | O_CREAT | O_EXCL, 0600));
  if (made) {
    if (::fchmod(made.get(), 0600) != 0) unwritable(path_, error_text(errno));
    if (give_away_ && ::fchown(made.get(), owner_, group_) != 0) {
      unwritable(path_, "giving " + name + " to its owner: " + error_text(errno));
    }
    return made;
  }
  if (errno != EEXIST) unwritable(path_, "making " + name + ": " + error_text(errno));
  UniqueFd found(::open(file.c_str(), flags));
  if (!found) unwritable(path_, "opening " + name + ": " + error_text(errno));
  return found;
}

std::filesystem::path DataDirectory::touch(const std::string& name) const {
  (void)open_file(name);
  return path_ / name;
}

std::optional<LockHolder> lock_holder(const std::filesystem::path& directory) {
  const UniqueFd fd(::open((directory / kLockName).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  // Only asks: taking it, however shortly, would turn away a role that starts at this moment.
  struct flock lock = whole_file(F_RDLCK);
  if (::fcntl(fd.get(), F_OFD_GETLK, &lock) != 0) {
    log::warning("cannot see who holds the data directory",
                 {{"path", directory.string()}, {"error", error_text(errno)}});
    return std::nullopt;
  }
  if (lock.l_type == F_UNLCK) return std::nullopt;
  return read_holder(fd.get());
}

}  // namespace volta
