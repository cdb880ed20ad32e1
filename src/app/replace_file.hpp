// A file that is the old one or the new one, whole, whatever happens: written beside its name,
// synced, and renamed over it.
#pragma once

#include <filesystem>
#include <string_view>

namespace volta {

// Keeps the mode and the owner of the file that is there; a new one is readable by all. Follows
// symbolic links. Durable on return. Throws SystemFailure.
void replace_file(const std::filesystem::path& path, std::string_view content);

}  // namespace volta
