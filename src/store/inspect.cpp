#include "store/inspect.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "store/backup.hpp"
#include "store/schema.hpp"

namespace volta {
namespace {

constexpr int kInspectCacheKib = 2048;

Connection reader_of(const std::filesystem::path& directory) {
  refuse_orphaned_wal(directory);
  return {(directory / kDatabaseName).string(), Connection::Mode::reader, kInspectCacheKib};
}

}  // namespace

bool holds_samples(const std::filesystem::path& directory) {
  Connection source = reader_of(directory);
  return source.number(
             "SELECT EXISTS(SELECT 1 FROM pack) OR EXISTS(SELECT 1 FROM journal) OR "
             "EXISTS(SELECT 1 FROM foreign_row)") > 0;
}

std::vector<HostEntry> hosts_of_served(const std::filesystem::path& directory) {
  Connection source = reader_of(directory);
  std::vector<HostEntry> hosts;
  Query query = source.query(
      "SELECT uid, name, token_hash, disabled FROM host WHERE removed = 0 ORDER BY name");
  while (query.step()) {
    HostEntry host;
    host.uid = query.text(0);
    host.name = query.text(1);
    const auto hash = query.blob(2);
    if (hash.size() != host.token_hash.size())
      throw Failure("the store's table of hosts is malformed");
    std::transform(hash.begin(), hash.end(), host.token_hash.begin(),
                   [](std::byte byte) { return static_cast<std::uint8_t>(byte); });
    host.disabled = query.integer(3) != 0;
    hosts.push_back(std::move(host));
  }
  return hosts;
}

StoreStats stats_of_served(const std::filesystem::path& directory, std::size_t most) {
  Connection source = reader_of(directory);
  return read_stats(source, directory / kDatabaseName, most);
}

StoreCheck check_served(const std::filesystem::path& directory) {
  Connection source = reader_of(directory);
  return check_directory(directory, source);
}

Result<void> back_up_served(const std::filesystem::path& directory,
                            const std::filesystem::path& file) {
  Connection source = reader_of(directory);
  return back_up_store(source, file);
}

}  // namespace volta
