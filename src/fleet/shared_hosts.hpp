// Keeps a server's hosts as a file says that several servers read: the file is the truth, the
// store's table follows it. Whoever changes the file changes all servers within seconds.
//
// A file that is not there, not readable or not whole changes nothing: the hosts stay as they were.
// One thread at a time, but append_to() by any.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fleet/links.hpp"
#include "model/exposition.hpp"
#include "model/host_list.hpp"

namespace volta {

class SharedHosts final : public SelfMetrics {
 public:
  // Both must live longer.
  SharedHosts(std::filesystem::path file, HostList& hosts, LinkTable& links)
      : file_(std::move(file)), hosts_(hosts), links_(links) {}

  // Reads the file, and does what it says where that is new: links of hosts that are removed,
  // disabled or have another token now are closed. An Error names the file. Throws Failure where
  // the store fails.
  Result<void> look();
  // The same, again and again: says once in the log what is wrong, and when it is well again.
  void follow();
  // volta_server_hosts_file_unusable, of the last follow().
  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  Result<void> take(const std::string& content);
  void shut(const HostChanges& changes);

  const std::filesystem::path file_;
  HostList& hosts_;
  LinkTable& links_;
  std::optional<std::string> done_;  // the content that the directory has
  std::string complaint_;            // what was logged last; "" since all is well
  std::atomic<bool> unusable_{false};
};

}  // namespace volta
