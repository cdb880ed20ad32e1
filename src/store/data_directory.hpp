// The one directory that holds a store, owned by one process at a time.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/unique_fd.hpp"

namespace volta {

// Holds DIR/volta.lock for as long as it lives. The directory is 0700 and its files 0600 whatever
// the umask; where root opens another user's directory, what it makes belongs to that user.
class DataDirectory {
 public:
  // Makes what is missing. Throws StoreError (locked, unwritable).
  explicit DataDirectory(const std::filesystem::path& path);
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;
  ~DataDirectory();

  // Absolute, without symbolic links.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // From now on lost() tells also of this file, if it is there.
  void watch(const std::string& name);
  // What was removed, moved away or replaced since it was opened: the directory, whose lock file
  // has its name no more, or a watched file; empty: all is in its place. From any thread.
  [[nodiscard]] std::optional<std::filesystem::path> lost() const;
  // What a second process is told about the owner, usually the URL it serves.
  void announce(const std::string& text) const;
  // Makes the file, empty, if it is missing. It must not be a symbolic link.
  [[nodiscard]] std::filesystem::path touch(const std::string& name) const;

 private:
  [[nodiscard]] UniqueFd open_file(const std::string& name) const;

  std::filesystem::path path_;
  uid_t owner_ = 0;
  gid_t group_ = 0;
  bool give_away_ = false;  // we are root and the directory is another user's
  UniqueFd lock_;
  struct Watched {
    std::filesystem::path path;
    dev_t device;
    ino_t number;
  };
  std::vector<Watched> watched_;
};

struct LockHolder {
  pid_t pid = 0;
  std::string text;  // as announced; may be empty
};

// Who holds the directory now; empty: nobody does. Looks on only, so it disturbs nobody.
std::optional<LockHolder> lock_holder(const std::filesystem::path& directory);

}  // namespace volta
