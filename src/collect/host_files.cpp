#include "collect/host_files.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/text.hpp"

namespace volta {
namespace {

constexpr long kProcfsMagic = 0x9fa0;  // PROC_SUPER_MAGIC in linux/magic.h

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

}  // namespace

UniqueFd open_source(const char* path) {
  UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || S_ISREG(info.st_mode)) return fd;
  fd.reset();
  errno = EINVAL;
  return fd;
}

std::vector<std::string> list_folder(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseFolder> open(::opendir(folder.c_str()));
  if (!open) return names;
  while (const dirent* entry = ::readdir(open.get())) {  // NOLINT(concurrency-mt-unsafe): own DIR
    const std::string_view name = &entry->d_name[0];
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_live(const HostRoots& roots) {
  struct statfs filesystem {};
  return ::statfs(roots.proc.c_str(), &filesystem) == 0 && filesystem.f_type == kProcfsMagic;
}

bool is_label(std::string_view text, std::size_t longest) {
  if (text.empty() || text.size() > longest) return false;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (length == 0 || first < 0x20 || first == 0x7f) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace volta
