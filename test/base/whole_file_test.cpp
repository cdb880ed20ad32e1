#include "base/whole_file.hpp"

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "support/temp_dir.hpp"

namespace volta {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("a file up to the limit is read as it is") {
  const test::TempDir dir;
  const std::string content = std::string("a\0b\n", 4);
  dir.write("file", content);
  CHECK(*read_whole_file(dir.path() / "file", 4) == content);
  dir.write("empty", "");
  CHECK(read_whole_file(dir.path() / "empty", 4)->empty());
}

TEST_CASE("a large limit costs a small file nothing, and what says no length is read to its end") {
  const test::TempDir dir;
  dir.write("file", "a");
  CHECK(read_whole_file(dir.path() / "file", std::size_t{32} << 20U)->capacity() < 10'000);
  const auto mappings = read_whole_file("/proc/self/smaps", std::size_t{32} << 20U);
  REQUIRE(mappings);
  CHECK(mappings->size() > 5'000);
  CHECK(mappings->ends_with('\n'));
  CHECK_THAT(read_whole_file("/proc/self/smaps", 5'000).error().text, Contains("larger than 5000"));
}

TEST_CASE("what is no small regular file is refused with the reason, and never waited for") {
  const test::TempDir dir;
  dir.write("large", "12345");
  REQUIRE(::mkfifo((dir.path() / "pipe").c_str(), 0600) == 0);
  const auto refusal = [&](const std::filesystem::path& path) {
    const auto read = read_whole_file(path, 4);
    REQUIRE_FALSE(read);
    CHECK_THAT(read.error().text, Contains(path.string()));
    return read.error().text;
  };
  CHECK_THAT(refusal(dir.path() / "absent"), Contains("No such file"));
  CHECK_THAT(refusal(dir.path()), Contains("not a regular file"));
  CHECK_THAT(refusal(dir.path() / "pipe"), Contains("not a regular file"));
  CHECK_THAT(refusal("/dev/zero"), Contains("not a regular file"));
  CHECK_THAT(refusal(dir.path() / "large"), Contains("larger than 4 bytes"));
}

}  // namespace
}  // namespace volta
