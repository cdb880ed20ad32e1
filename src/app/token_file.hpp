// The host token of a running agent. One that was replaced is put into its file meanwhile: by a
// restart the agent would lose what it holds in memory.
#pragma once

#include <filesystem>
#include <string>

#include "model/link.hpp"

namespace volta {

// One thread at a time.
class TokenFile {
 public:
  // Throws StartFailure as read_token_file() does.
  explicit TokenFile(std::filesystem::path path);

  // What the file holds now; while it cannot be read, which is said once for each reason, what it
  // held before.
  const HostToken& newest();

 private:
  std::filesystem::path path_;
  HostToken token_;
  std::string complaint_;
};

}  // namespace volta
