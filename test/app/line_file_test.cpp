#include "app/line_file.hpp"

#include <fstream>
#include <vector>

#include <catch2/catch.hpp>
#include <zstd.h>

#include "base/error.hpp"
#include "support/temp_dir.hpp"

using namespace volta;

namespace {

std::string compressed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::vector<std::string> lines_of(const std::string& content) {
  const test::TempDir dir;
  const auto path = dir.path() / "file";
  std::ofstream(path, std::ios::binary) << content;
  LineFile file(path);
  std::vector<std::string> lines;
  while (const auto line = file.next()) {
    lines.emplace_back(*line);
    CHECK(file.number() == lines.size());
  }
  return lines;
}

}  // namespace

TEST_CASE("a file is read line by line, compressed or not") {
  std::string text;
  std::vector<std::string> want;
  for (int i = 0; i < 30'000; ++i) {
    want.push_back("line " + std::to_string(i * i) +
                   std::string(static_cast<std::size_t>(i % 90), '.'));
    text += want.back() + '\n';
  }
  want.emplace_back("without an end");
  text += want.back();
  CHECK(lines_of(text) == want);
  CHECK(lines_of(compressed(text)) == want);
  // Two frames behind each other are one text.
  CHECK(lines_of(compressed(text.substr(0, 777)) + compressed(text.substr(777))) == want);
}

TEST_CASE("the smallest files") {
  CHECK(lines_of("").empty());
  CHECK(lines_of("\n") == std::vector<std::string>{""});
  CHECK(lines_of("a") == std::vector<std::string>{"a"});
  CHECK(lines_of("a\n\nb\n") == std::vector<std::string>{"a", "", "b"});
  CHECK(lines_of(compressed("")).empty());
}

TEST_CASE("what comes first can be looked at") {
  const test::TempDir dir;
  std::ofstream(dir.path() / "f") << "{\"a\":1}\n";
  LineFile file(dir.path() / "f");
  CHECK(file.peek().substr(0, 1) == "{");
  CHECK(*file.next() == "{\"a\":1}");
  CHECK(file.peek().empty());
}

TEST_CASE("broken compression and missing files are said") {
  const std::string whole = compressed(std::string(5000, 'x') + "\nyy");
  CHECK_THROWS_WITH(lines_of(whole.substr(0, whole.size() - 3)), Catch::Contains("in the middle"));
  CHECK_THROWS_AS(lines_of(whole + "no frame"), Failure);
  CHECK_THROWS_AS(LineFile("/nowhere/at/all"), SystemFailure);
}
