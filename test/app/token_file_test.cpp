#include "app/token_file.hpp"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "app/process.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

namespace fs = std::filesystem;

void put_token(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
}

std::string token_text(char digit) { return std::string(64, digit) + '\n'; }

}  // namespace

TEST_CASE("a token that was replaced is read anew, one that is broken leaves the old in force") {
  const test::TempDir dir;
  const fs::path file = dir.path() / "token";
  CHECK_THROWS_AS(TokenFile(file), StartFailure);
  put_token(file, token_text('1'));
  TokenFile token(file);
  CHECK(token.newest().front() == 0x11);
  put_token(file, token_text('2'));
  CHECK(token.newest().front() == 0x22);
  put_token(file, "333");  // half written
  CHECK(token.newest().front() == 0x22);
  put_token(file, token_text('3'));
  CHECK(token.newest().front() == 0x33);
  put_token(file, token_text('4'));
  fs::permissions(file, fs::perms::others_read, fs::perm_options::add);
  CHECK(token.newest().front() == 0x33);
  fs::remove(file);
  CHECK(token.newest().front() == 0x33);
}

}  // namespace volta
