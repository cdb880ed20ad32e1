#include "store/backup.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "store/age_clock.hpp"
#include "store/data_directory.hpp"
#include "store/disk_space.hpp"
#include "store/schema.hpp"
#include "store/store.hpp"

namespace volta {
namespace {

constexpr int kBackupCacheKib = 2048;

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

// A file of its own beside the target, which goes away unless it becomes the target.
class Part {
 public:
  explicit Part(const std::filesystem::path& target) : path_(target.string() + ".part-XXXXXX") {
    fd_ = UniqueFd(::mkostemp(path_.data(), O_CLOEXEC));
    error_ = fd_ ? 0 : errno;
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    if (fd_) ::unlink(path_.c_str());
  }
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Gives it the name, unless somebody has it; true: it has it now, and for good.
  bool become(const std::filesystem::path& target) {
    if (::fsync(fd_.get()) != 0) throw SystemFailure("syncing", path_, errno);
    if (::link(path_.c_str(), target.c_str()) != 0) {
      if (errno == EEXIST) return false;
      throw SystemFailure("naming", target.string(), errno);
    }
    const UniqueFd folder(::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) {
      throw SystemFailure("syncing", folder_of(target).string(), errno);
    }
    return true;
  }

 private:
  std::string path_;
  UniqueFd fd_;
  int error_ = 0;
};

void copy_bytes(const std::filesystem::path& from, int to) {
  const UniqueFd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source) throw SystemFailure("opening", from.string(), errno);
  std::vector<std::byte> buffer(1U << 20U);
  for (;;) {
    const ssize_t got = ::read(source.get(), buffer.data(), buffer.size());
    if (got < 0) throw SystemFailure("reading", from.string(), errno);
    if (got == 0) return;
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::write(to, buffer.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0) throw SystemFailure("writing a copy of", from.string(), errno);
      done += put;
    }
  }
}

// "": it may become a store.
std::string backup_problem(const std::filesystem::path& file) {
  try {
    Connection copy(file.string(), Connection::Mode::reader, kBackupCacheKib);
    if (copy.number("PRAGMA application_id") != kApplicationId) return "it is not a store of volta";
    const std::int64_t version = copy.number("PRAGMA user_version");
    if (version > static_cast<std::int64_t>(migrations().size())) {
      return "it was written by a newer volta";
    }
    Query sound = copy.query("PRAGMA quick_check(1)");
    if (!sound.step() || sound.text(0) != "ok") return "it is damaged";
    return "";
  } catch (const SqliteFailure& failure) {
    return failure.what();
  }
}

}  // namespace

Result<void> back_up_store(Connection& source, const std::filesystem::path& file) {
  const std::string name = file.string();
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(file, ignored))) {
    return Error{name + " exists; a backup overwrites nothing"};
  }
  Part part(file);
  if (part.error() != 0) return Error{name + " cannot be made: " + error_text(part.error())};
  // It would refuse the new file too; a reader's connection to the store itself stays read-only.
  source.execute("PRAGMA query_only=OFF");
  try {
    Query copy = source.query("VACUUM INTO ?");
    copy.with(std::string_view(part.path())).run();
  } catch (const SqliteFailure& failure) {
    // Told of the source, of which this writes nothing.
    if (failure.disk_full()) return Error{name + " cannot be written: its disk is full"};
    throw;
  }
  if (!part.become(file)) return Error{name + " exists; a backup overwrites nothing"};
  return {};
}

Result<void> restore_store(const std::filesystem::path& file,
                           const std::filesystem::path& directory) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    return Error{file.string() + " is not there, or no regular file"};
  }
  if (file_bytes(file.string() + "-wal") > 0) {
    return Error{file.string() +
                 "-wal beside it has data that the file itself lacks; restore what "
                 "`volta backup` made, or move both files into a directory as " +
                 kDatabaseName + " and its -wal and start volta there"};
  }
  if (const std::string problem = backup_problem(file); !problem.empty()) {
    return Error{file.string() + " cannot be restored: " + problem};
  }
  const DataDirectory data(directory);  // the lock
  const std::filesystem::path target = data.path() / kDatabaseName;
  const std::string there =
      "there is a store in " + data.path().string() + "; move it away or name another directory";
  if (holds_store(data.path())) {
    if (file_bytes(target) > 0) return Error{there};
    return Error{target.string() +
                 " is there, and empty: no store, but perhaps all that a failing disk left of one; "
                 "remove it, or name another directory"};
  }
  // Of a store that is gone, the WAL empty: they would be taken for this one's.
  for (const char* ending : {"-wal", "-shm"}) std::filesystem::remove(target.string() + ending);
  std::filesystem::remove(data.path() / kAgeClockName);
  Part part(target);
  if (part.error() != 0) throw SystemFailure("making", part.path(), part.error());
  copy_bytes(file, part.fd());
  if (!part.become(target)) return Error{there};
  return {};
}

}  // namespace volta
