#include "store/inspect.hpp"

#include "store/backup.hpp"
#include "store/schema.hpp"

namespace volta {
namespace {

constexpr int kInspectCacheKib = 2048;

Connection reader_of(const std::filesystem::path& directory) {
  return {(directory / kDatabaseName).string(), Connection::Mode::reader, kInspectCacheKib};
}

}  // namespace

bool holds_packs(const std::filesystem::path& directory) {
  Connection source = reader_of(directory);
  return source.number("SELECT count(*) FROM (SELECT 1 FROM pack LIMIT 1)") > 0;
}

StoreStats stats_of_served(const std::filesystem::path& directory, std::size_t most) {
  Connection source = reader_of(directory);
  return read_stats(source, directory / kDatabaseName, most);
}

StoreCheck check_served(const std::filesystem::path& directory) {
  Connection source = reader_of(directory);
  return check_store(source);
}

Result<void> back_up_served(const std::filesystem::path& directory,
                            const std::filesystem::path& file) {
  Connection source = reader_of(directory);
  return back_up_store(source, file);
}

}  // namespace volta
