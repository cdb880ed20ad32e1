#include "app/replace_file.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/whole_file.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

namespace fs = std::filesystem;

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST_CASE("a file is replaced whole, with its mode, and nothing is left beside it") {
  const test::TempDir folder;
  const fs::path file = folder.path() / "hosts.json";
  replace_file(file, "one");
  CHECK(*read_whole_file(file, 10) == "one");
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  replace_file(file, "two");
  CHECK(*read_whole_file(file, 10) == "two");
  CHECK(fs::status(file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a link stays a link, and a folder that is not there is said") {
  const test::TempDir folder;
  fs::create_directory(folder.path() / "real");
  const fs::path real = folder.path() / "real" / "hosts.json";
  const fs::path link = folder.path() / "hosts.json";
  replace_file(real, "one");
  fs::create_symlink(real, link);
  replace_file(link, "two");
  CHECK(fs::is_symlink(link));
  CHECK(*read_whole_file(real, 10) == "two");
  CHECK_THROWS_AS(replace_file(folder.path() / "none" / "x", "y"), SystemFailure);
}

}  // namespace
}  // namespace volta
