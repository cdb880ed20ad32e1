#include "collect/scalar_file.hpp"

#include <cerrno>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "collect/host_files.hpp"
#include "collect/kept_file.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

TEST_CASE("one integer, read anew each time through the same descriptor") {
  const test::TempDir dir;
  ScalarFile file((dir.path() / "n").string());
  std::int64_t value = 7;
  CHECK(file.read(value) == ENOENT);
  CHECK(value == 7);
  const auto check = [&](std::string_view content, int error, std::int64_t want) {
    INFO(content);
    dir.write("n", content);
    std::int64_t number = 7;
    CHECK(file.read(number) == error);
    CHECK(number == want);
  };
  check("42\n", 0, 42);
  check("-42", 0, -42);
  check("  5 \n", 0, 5);
  check("9223372036854775807\n", 0, INT64_MAX);
  for (const char* bad : {"", "\n", "x", "1 2", "1.5", "0x10", "+1", "9223372036854775808"}) {
    check(bad, EBADMSG, 7);
  }
  check(std::string(1000, '1'), EBADMSG, 7);
}

TEST_CASE("labels are short text") {
  CHECK(is_label("Package id 0"));
  CHECK(is_label("\xc3\xa9"));
  CHECK_FALSE(is_label(""));
  CHECK_FALSE(is_label("a\nb"));
  CHECK_FALSE(is_label(std::string_view("a\0b", 3)));
  CHECK_FALSE(is_label("\xff"));
  CHECK_FALSE(is_label(std::string(129, 'a')));
}

TEST_CASE("only a kernel's procfs is live") {
  CHECK(is_live({}));
  const test::TempDir dir;
  CHECK_FALSE(is_live({dir.path(), "/sys", "/"}));
  CHECK_FALSE(is_live({"/nonexistent", "/sys", "/"}));
  CHECK(list_folder("/nonexistent").empty());
}

TEST_CASE("a pipe or a device is no source, and is not waited for") {
  const test::TempDir dir;
  const auto pipe = dir.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  for (const std::filesystem::path& path : {pipe, std::filesystem::path("/dev/zero"), dir.path()}) {
    CAPTURE(path);
    std::int64_t value = 0;
    CHECK(ScalarFile(path.string()).read(value) == EINVAL);
    CHECK_FALSE(KeptFile(path).try_read());
  }
}

}  // namespace
}  // namespace volta
