#include "app/engine_mark.hpp"

#include "app/replace_file.hpp"

namespace volta {
namespace {

constexpr const char* kEngineMark = "volta.engine";

}  // namespace

bool another_engine_keeps(const std::filesystem::path& directory) {
  std::error_code unseen;
  return std::filesystem::exists(directory / kEngineMark, unseen);
}

void mark_engine(const std::filesystem::path& directory, bool another) {
  const std::filesystem::path mark = directory / kEngineMark;
  if (!another) {
    std::filesystem::remove(mark);
  } else if (!std::filesystem::exists(mark)) {
    replace_file(mark, "another engine keeps the samples; here is the last hour of them\n");
  }
}

}  // namespace volta
