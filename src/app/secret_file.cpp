#include "app/secret_file.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/access.hpp"
#include "app/process.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace volta {
namespace {

constexpr std::size_t kLongestSecret = 4096;

void check_private(int fd, const std::string& what, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw SystemFailure("look at", path, errno);
  if ((info.st_mode & 077U) == 0) return;
  throw StartFailure(Exit::configuration, "others may read the " + what + " " + path +
                                              "; mend it with: chmod 600 " + path);
}

void check_usable(const std::string& key, const std::string& path) {
  const Result<AccessKey> parsed = AccessKey::parse(key);
  if (parsed) return;
  throw StartFailure(Exit::configuration, path + ": " + parsed.error().text +
                                              "; remove the file, and a new one is made");
}

std::string read_small(int fd, const std::string& path) {
  std::string content(kLongestSecret, '\0');
  const ssize_t got = ::read(fd, content.data(), content.size());
  if (got < 0) throw SystemFailure("read", path, errno);
  content.resize(static_cast<std::size_t>(got));
  return std::string(trim(content));
}

void write_whole(int fd, const std::string& content, const std::string& path) {
  if (::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      ::fsync(fd) != 0) {
    throw SystemFailure("write", path, errno);
  }
}

}  // namespace

std::string load_or_make_access_key(const std::filesystem::path& dir) {
  const std::string path = dir / "access-key";
  {
    const UniqueFd existing(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (existing) {
      check_private(existing.get(), "access key", path);
      std::string key = read_small(existing.get(), path);  // never torn: it was renamed into place
      check_usable(key, path);
      return key;
    }
    if (errno != ENOENT) throw SystemFailure("open", path, errno);
  }
  std::string key = AccessKey::generate();
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) throw SystemFailure("create", fresh, errno);
  struct stat owner {};
  if (::stat(dir.c_str(), &owner) == 0 && ::geteuid() == 0 &&
      ::fchown(file.get(), owner.st_uid, owner.st_gid) != 0) {
    throw SystemFailure("change the owner of", fresh, errno);
  }
  write_whole(file.get(), key + "\n", fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) throw SystemFailure("rename", fresh, errno);
  return key;
}

HostToken read_token_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    throw StartFailure(Exit::configuration,
                       "cannot read the token file " + name + ": " + error_text(errno));
  check_private(file.get(), "token file", name);
  const auto bytes = unhex(read_small(file.get(), name));
  HostToken token{};
  if (!bytes || bytes->size() != token.size()) {
    throw StartFailure(
        Exit::configuration,
        name + " does not hold a host token (64 hex digits, as `volta host add` prints it)");
  }
  std::copy(bytes->begin(), bytes->end(), token.begin());
  return token;
}

}  // namespace volta
