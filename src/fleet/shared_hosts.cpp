#include "fleet/shared_hosts.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/whole_file.hpp"
#include "fleet/hosts_file.hpp"
#include "model/metric_ids.hpp"

namespace volta {

Result<void> SharedHosts::look() {
  auto content = read_whole_file(file_, kLongestHostsFile);
  if (!content) return content.error();
  if (done_ == *content) return {};
  return take(*content);
}

Result<void> SharedHosts::take(const std::string& content) {
  const auto list = parse_hosts_file(content);
  if (!list) return Error{file_.string() + ": " + list.error().text};
  const auto changes = hosts_.assume(*list);
  if (!changes) return Error{file_.string() + ": " + changes.error().text};
  shut(*changes);
  // A host that is still on its way out comes in with a later look.
  done_ = changes->waits ? std::nullopt : std::optional(content);
  if (changes->added + changes->removed.size() + changes->shut.size() > 0) {
    log::info("the hosts are those of the shared file", {{"file", file_.string()},
                                                         {"hosts", list->size()},
                                                         {"added", changes->added},
                                                         {"removed", changes->removed.size()},
                                                         {"shut_out", changes->shut.size()}});
  }
  return {};
}

void SharedHosts::shut(const HostChanges& changes) {
  for (const HostId id : changes.shut)
    links_.close(id, "the host was disabled, or its token replaced");
  for (const HostId id : changes.removed) links_.forget(id, "the host was removed");
}

void SharedHosts::follow() {
  std::string complaint;
  try {
    if (const auto done = look(); !done) complaint = done.error().text;
  } catch (const Failure& failure) {
    complaint = failure.what();
  }
  unusable_ = !complaint.empty();
  if (complaint == complaint_) return;
  complaint_ = complaint;
  if (complaint.empty()) {
    log::info("the shared list of hosts is in force again", {{"file", file_.string()}});
  } else {
    log::error("the shared list of hosts cannot be used; the hosts stay as they were",
               {{"reason", complaint}});
  }
}

void SharedHosts::append_to(std::vector<MetricFamily>& families) const {
  families.push_back(family(metrics::server_hosts_file_unusable));
  families.back().samples.push_back({{}, unusable_ ? 1.0 : 0.0});
}

}  // namespace volta
