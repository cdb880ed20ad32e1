#include "app/secret_file.hpp"

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "app/exposure.hpp"
#include "app/process.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

TEST_CASE("the access key is made once, for its owner alone") {
  const test::TempDir dir;
  const std::string key = load_or_make_access_key(dir.path());
  CHECK(key.size() == 43);
  CHECK(load_or_make_access_key(dir.path()) == key);
  struct stat info {};
  REQUIRE(::stat((dir.path() / "access-key").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600);
  const test::TempDir other;
  CHECK(load_or_make_access_key(other.path()) != key);
}

TEST_CASE("an access key that somebody brought is neither replaced nor left open") {
  const test::TempDir dir;
  dir.write("access-key", "abc");
  const std::string path = dir.path() / "access-key";
  ::chmod(path.c_str(), 0644);
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(load_or_make_access_key(dir.path()), Contains("chmod 600"));
  ::chmod(path.c_str(), 0600);
  const std::string enough(32, 'k');
  for (const std::string& bad : {std::string(), std::string("abc"), enough + "$"}) {
    CAPTURE(bad);
    dir.write("access-key", bad);
    CHECK_THROWS_WITH(load_or_make_access_key(dir.path()), Contains("32 to 256 characters"));
    CHECK(std::filesystem::file_size(path) == bad.size());
  }
  dir.write("access-key", enough + "\n");
  CHECK(load_or_make_access_key(dir.path()) == enough);
  CHECK(access_key_of(dir.path()).matches(enough));
}

TEST_CASE("a token file is read, or refused with what to do") {
  const test::TempDir dir;
  const auto put = [&](const std::string& content, mode_t mode) {
    dir.write("token", content);
    ::chmod((dir.path() / "token").c_str(), mode);
    return dir.path() / "token";
  };
  const std::string digits = "00ff" + std::string(60, 'a');
  const HostToken token = read_token_file(put(" " + digits + "\n", 0600));
  CHECK(token[0] == 0);
  CHECK(token[1] == 255);
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(read_token_file(put(digits, 0644)), Contains("chmod 600"));
  CHECK_THROWS_WITH(read_token_file(put("abc", 0600)), Contains("64 hex digits"));
  CHECK_THROWS_WITH(read_token_file(put("", 0600)), Contains("64 hex digits"));
  CHECK_THROWS_WITH(read_token_file(dir.path() / "none"), Contains("No such file"));
}

}  // namespace
}  // namespace volta
