#include "app/group.hpp"

#include <algorithm>

#include "app/process.hpp"
#include "app/replace_file.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/whole_file.hpp"
#include "fleet/hosts_file.hpp"

namespace volta {
namespace {

constexpr std::chrono::seconds kFollowPause{1};
constexpr std::chrono::seconds kLookPause{10};
// In a data directory whose hosts came from a file: names it.
constexpr const char* kFollowMark = "hosts-file";
constexpr std::size_t kMostNamed = 5;
constexpr std::size_t kLongestMark = 8192;

}  // namespace

std::filesystem::path shared_hosts_file(const Settings& settings) {
  const std::string& file = settings.text("hosts.file");
  if (!file.empty() && settings.text("store.engine") == "volta")
    throw StartFailure(Exit::configuration,
                       settings.value("hosts.file").origin +
                           ": hosts.file is for several servers in front of another engine; it "
                           "needs store.engine = \"prometheus\"");
  return file;
}

std::optional<std::string> followed_hosts_file(const std::filesystem::path& data) {
  const auto mark = read_whole_file(data / kFollowMark, kLongestMark);
  if (!mark) return std::nullopt;
  return std::string(trim(*mark));
}

void follow_no_hosts_file(const std::filesystem::path& data) {
  std::error_code failed;  // then its owner must name the file's hosts once more
  std::filesystem::remove(data / kFollowMark, failed);
}

Group::Group(const std::filesystem::path& hosts_file, Store& store, LinkTable& links,
             const QueryEngine& engine, const Clock& clock)
    : file_(std::filesystem::absolute(hosts_file)),
      shared_(file_, store.host_list(), links),
      sightings_(engine, clock) {
  keep_own_hosts(store);
  try {
    if (const auto taken = shared_.look(); !taken)
      throw StartFailure(Exit::configuration, taken.error().text);
    replace_file(store.directory() / kFollowMark, file_.string() + "\n");
  } catch (const Failure& failure) {
    throw StartFailure(Exit::data_directory, failure.what());
  }
}

// A directory that follows a file for the first time may have hosts whose tokens are nowhere else.
void Group::keep_own_hosts(Store& store) const {
  const std::filesystem::path& data = store.directory();
  if (followed_hosts_file(data)) return;
  const auto content = read_whole_file(file_, kLongestHostsFile);
  const auto list = content ? parse_hosts_file(*content) : content.error();
  if (!list) return;  // which taking it says
  std::string lost;
  std::size_t count = 0;
  for (const HostRecord& host : store.hosts().list()) {
    if (std::any_of(list->begin(), list->end(),
                    [&](const HostEntry& entry) { return entry.uid == host.uid; })) {
      continue;
    }
    if (++count <= kMostNamed) lost += (lost.empty() ? "" : ", ") + host.name;
  }
  if (count == 0) return;
  if (count > kMostNamed) lost += " and " + std::to_string(count - kMostNamed) + " more";
  throw StartFailure(Exit::configuration,
                     data.string() + " has hosts that " + file_.string() + " does not: " + lost +
                         "; bring them over with `volta host export --data " + data.string() +
                         "`, remove them, or name another directory with --data");
}

void Group::start() {
  following_ = std::make_unique<SteadyWork>(kFollowPause, [this] { shared_.follow(); });
  looking_ = std::make_unique<SteadyWork>(kLookPause, [this] { sightings_.look(); });
}

void Group::stop() {
  sightings_.cancel();
  if (looking_) looking_->stop();
  if (following_) following_->stop();
}

}  // namespace volta
