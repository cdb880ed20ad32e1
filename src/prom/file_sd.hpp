// Targets that stand in JSON files, as Prometheus' file_sd has them:
//   [ {"targets": ["host:9100", ...], "labels": {"rack": "7"}}, ... ]
// Whoever writes such a file renames it into place. A file that cannot be read or understood keeps
// the targets that it had, and so do the files of a folder that cannot be listed.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "prom/scrape_job.hpp"

namespace volta {

Result<std::vector<TargetGroup>> parse_target_groups(std::string_view json);

// One thread at a time.
class FileTargets {
 public:
  static constexpr std::size_t kLongestFile = 16U << 20U;

  // The last part of a path may hold `*`.
  explicit FileTargets(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  // Reads what changed. Files that are gone take their targets with them.
  void refresh();
  // In the order of the files' names.
  [[nodiscard]] std::vector<TargetGroup> groups() const;
  // Of the last refresh(), a sentence per file that could not be used.
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  struct File {
    std::string content;
    std::vector<TargetGroup> groups;
  };
  std::vector<std::string> paths_;
  std::map<std::filesystem::path, File> files_;
  std::vector<std::string> complaints_;
};

}  // namespace volta
