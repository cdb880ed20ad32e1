#include "app/secret_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/access.hpp"
#include "app/process.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "base/whole_file.hpp"

namespace volta {
namespace {

constexpr std::size_t kLongestSecret = 16384;  // a key with a chain of certificates

// A secret that volta makes.
struct KeptSecret {
  const char* file;  // its name
  const char* what;  // for texts
  std::string (*make)();
  // Throws StartFailure: it is none, and what to do.
  void (*check)(const std::string& secret, const std::string& path);
};

// The secret in the open file: private, regular, small.
std::string read_secret(int fd, const std::string& what, const std::string& path) {
  Result<std::string> content = read_whole_file(fd, path, kLongestSecret);
  if (!content) throw StartFailure(Exit::configuration, content.error().text);
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw SystemFailure("look at", path, errno);
  if ((info.st_mode & 077U) != 0)
    throw StartFailure(Exit::configuration, "others may read the " + what + " " + path +
                                                "; mend it with: chmod 600 " + path);
  return std::string(trim(*content));
}

void check_access_key(const std::string& key, const std::string& path) {
  const Result<AccessKey> parsed = AccessKey::parse(key);
  if (parsed) return;
  throw StartFailure(Exit::configuration, path + ": " + parsed.error().text +
                                              "; remove the file, and a new one is made");
}

void check_tls_key(const std::string& pem, const std::string& path) {
  const auto context = tls_server_context(split_pem(pem));
  if (context) return;
  throw StartFailure(Exit::configuration,
                     path + ": " + context.error().text +
                         "; put the file back from a backup, or remove it: a new key is made, "
                         "whose pin all agents have to be told");
}

std::string make_tls_key() {
  const TlsKeyPair pair = make_tls_key_pair("volta");
  return pair.key_pem + pair.chain_pem;
}

constexpr KeptSecret kAccessKey = {"access-key", "access key", AccessKey::generate,
                                   check_access_key};
constexpr KeptSecret kTlsKey = {"tls-key.pem", "TLS key", make_tls_key, check_tls_key};

void write_whole(int fd, const std::string& content, const std::string& path) {
  if (::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      ::fsync(fd) != 0) {
    throw SystemFailure("write", path, errno);
  }
}

// Empty: there is none. Never torn: it was renamed into place.
std::optional<std::string> existing(const KeptSecret& secret, const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) throw SystemFailure("open", path, errno);
  std::string key = read_secret(file.get(), secret.what, path);
  secret.check(key, path);
  return key;
}

std::string load_or_make(const KeptSecret& secret, const std::filesystem::path& dir) {
  const std::string path = dir / secret.file;
  if (auto key = existing(secret, path)) return *key;
  std::string key(trim(secret.make()));
  const std::string fresh = path + ".new-" + std::to_string(::getpid());
  ::unlink(fresh.c_str());
  const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) throw SystemFailure("create", fresh, errno);
  struct stat owner {};
  if (::stat(dir.c_str(), &owner) == 0 && ::geteuid() == 0 &&
      ::fchown(file.get(), owner.st_uid, owner.st_gid) != 0) {
    throw SystemFailure("change the owner of", fresh, errno);
  }
  write_whole(file.get(), key + "\n", fresh);
  // Two that start at once have one key: that of the first.
  const bool ours =
      ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0;
  const int error = errno;
  if (!ours) ::unlink(fresh.c_str());
  if (!ours && error != EEXIST) throw SystemFailure("rename", fresh, error);
  // Before anybody is told the key: it must be the same after a power cut.
  const UniqueFd folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) throw SystemFailure("write", dir.string(), errno);
  return ours ? key : existing(secret, path).value();
}

}  // namespace

std::string load_or_make_access_key(const std::filesystem::path& dir) {
  return load_or_make(kAccessKey, dir);
}

TlsKeyPair load_or_make_tls_key(const std::filesystem::path& dir) {
  return split_pem(load_or_make(kTlsKey, dir) + "\n");
}

std::string tls_pin_of(const std::filesystem::path& dir) {
  return pin_text(*pin_of(load_or_make_tls_key(dir).chain_pem));
}

std::string read_key_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file)
    throw StartFailure(Exit::configuration,
                       "cannot read the key file " + name + ": " + error_text(errno));
  std::string key = read_secret(file.get(), "key file", name);
  const bool printable_key = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return c > ' ' && c < '\x7f';
  });
  if (!printable_key)
    throw StartFailure(Exit::configuration,
                       name + " does not hold a key: one word of visible ASCII");
  return key;
}

HostToken read_token_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file)
    throw StartFailure(Exit::configuration,
                       "cannot read the token file " + name + ": " + error_text(errno));
  const auto bytes = unhex(read_secret(file.get(), "token file", name));
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
