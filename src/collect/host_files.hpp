// Small questions to /proc and /sys that several collectors ask.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"
#include "collect/collector.hpp"

namespace volta {

// Open for reading; empty with errno set where it is not there, may not be read or is no regular
// file (EINVAL): a pipe or a device where the kernel has a file would be waited for, or never end.
UniqueFd open_source(const char* path);

// The names in a folder, sorted; empty if it is not there or may not be read.
std::vector<std::string> list_folder(const std::filesystem::path& folder);

// Whether roots.proc is a kernel's procfs, not a recorded tree: only then may anything of the
// running machine (sizes of filesystems, volta's own cost) be shown beside it.
bool is_live(const HostRoots& roots);

// Whether `text` may stand in a label: not empty, at most `longest` bytes of UTF-8, no control
// bytes.
bool is_label(std::string_view text, std::size_t longest = 128);

}  // namespace volta
