#include "app/toml_guard.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("TOML as people write it passes") {
  const std::string dots(100, '.');
  const std::string pieces[] = {
      "",
      "[http]\r\nlisten = \"127.0.0.1:5\"\t\r\n",
      "\xef\xbb\xbf[http]\n",
      "# \xc3\xa9 " + dots + "\nx = 1 # " + dots + " \xef\xbb\xbb\n",
      "x = \"" + dots + "\xc3\xa9 \\\" " + dots + "\"\n",
      "x = '" + dots + "\xef\xbb\xbb\\'\ny = 'b'\n",
      "x = \"\"\"\n\xc3\xa9 \" " + dots + "\n\\\"\"\"" + dots + "\"\"\"\ny = 1.5\n",
      "x = '''\n\xc3\xa9 ' " + dots + "\n'''\n",
      "a.b.c.d = 1\n\"a\".'b'.c = 2\n",
  };
  for (const std::string& piece : pieces) {
    CAPTURE(piece);
    CHECK_FALSE(unfit_for_toml_parser(piece));
  }
}

TEST_CASE("what the parser does not stand is refused with its line") {
  std::string parts = "a";
  for (int i = 0; i < 40; ++i) parts += ".a";
  const auto check = [](const std::string& content, const std::string& refusal) {
    CAPTURE(content);
    CHECK(unfit_for_toml_parser(content).value_or("nothing").starts_with(refusal));
  };
  const std::string many = "2: not TOML: a key has too many parts";
  check("\n" + parts + " = 1\n", many);
  check("\n[" + parts + "]", many);
  check("\n'x'.\"y\\\"\"." + parts, many);
  check("x = \"open\n" + parts, many);
  check("x = '''\n'''" + parts, many);
  const std::string beyond = "not TOML: a character beyond ASCII";
  check("\xef\xbb\xbb", "1: " + beyond);
  check("x = 1\n\xc2\xa0y = 2", "2: " + beyond);
  check("# c\nx = \"a\" \xff", "2: " + beyond);
}

}  // namespace
}  // namespace volta
