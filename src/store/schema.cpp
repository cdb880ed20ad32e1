#include "store/schema.hpp"

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/log.hpp"
#include "store/disk_space.hpp"
#include "store/store_error.hpp"

namespace volta {
namespace {

constexpr Migration kMigrations[] = {
#include "store_migrations.inc"
};

// The copy is complete or not there: it gets its name when it is finished.
void back_up(Connection& writer, const DataDirectory& directory, std::int64_t version) {
  const std::string name = "before-v" + std::to_string(version + 1) + ".sqlite";
  std::error_code ignored;
  std::filesystem::remove(directory.path() / (name + ".part"), ignored);
  const std::filesystem::path part = directory.touch(name + ".part");
  Query copy = writer.query("VACUUM INTO ?");
  copy.with(std::string_view(part.native())).run();
  std::filesystem::rename(part, directory.path() / name);
  log::info("the older store was copied before its migration",
            {{"copy", (directory.path() / name).string()}});
}

}  // namespace

std::vector<std::filesystem::path> migration_copies(const DataDirectory& directory) {
  std::vector<std::filesystem::path> copies;
  std::error_code error;  // a directory that cannot be listed has none that we could delete
  std::filesystem::directory_iterator at(directory.path(), error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool whole = name.ends_with(".sqlite") || name.ends_with(".sqlite.part");
    if (name.starts_with("before-v") && whole) copies.push_back(at->path());
  }
  std::sort(copies.begin(), copies.end(), [](const auto& a, const auto& b) {
    return std::pair(a.native().size(), a) < std::pair(b.native().size(), b);  // v9 before v10
  });
  return copies;
}

std::span<const Migration> migrations() { return kMigrations; }

void refuse_orphaned_wal(const std::filesystem::path& directory) {
  const std::string database = (directory / kDatabaseName).string();
  const std::string wal = database + "-wal";
  if (file_bytes(database) > 0 || file_bytes(wal) == 0) return;
  std::error_code none;
  const bool empty = std::filesystem::exists(database, none);
  throw StoreError(StoreError::Kind::incomplete,
                   database + (empty ? " is empty" : " is missing") + ", but " + wal +
                       " holds what was last written to it; put " + kDatabaseName +
                       " back beside it, or move " + kDatabaseName + "-wal and " + kDatabaseName +
                       "-shm away");
}

void migrate(Connection& writer, const DataDirectory& directory, std::span<const Migration> steps) {
  const std::int64_t version = writer.number("PRAGMA user_version");
  const bool is_empty = writer.number("SELECT count(*) FROM sqlite_schema") == 0;
  const std::string place = "the store in " + directory.path().string();
  if (!is_empty && writer.number("PRAGMA application_id") != kApplicationId) {
    throw StoreError(StoreError::Kind::damaged, place + " is a database of another program");
  }
  if (version > static_cast<std::int64_t>(steps.size())) {
    throw StoreError(StoreError::Kind::newer_schema,
                     place + " was written by a newer volta (schema " + std::to_string(version) +
                         ", this one knows up to " + std::to_string(steps.size()) + ")");
  }
  if (is_empty) {
    writer.execute("PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL");
  }
  writer.execute("PRAGMA journal_mode=WAL");
  writer.execute("PRAGMA synchronous=FULL");
  if (version == static_cast<std::int64_t>(steps.size())) return;
  if (!is_empty) back_up(writer, directory, version);
  Transaction transaction(writer);
  for (const Migration& step : steps.subspan(static_cast<std::size_t>(version))) {
    writer.execute(std::string(step.sql));
  }
  writer.execute("PRAGMA application_id=" + std::to_string(kApplicationId) +
                 "; PRAGMA user_version=" + std::to_string(steps.size()));
  transaction.commit();
}

}  // namespace volta
