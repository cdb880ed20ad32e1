#include "base/json_writer.hpp"

#include <limits>

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("commas stand where they must") {
  std::string out;
  JsonWriter json(out);
  json.begin_object()
      .member("a", 1)
      .key("b")
      .begin_array()
      .value(1.5)
      .null()
      .value("x")
      .end_array();
  json.key("c").begin_object().end_object().member("d", true).end_object();
  CHECK(out == R"({"a":1,"b":[1.5,null,"x"],"c":{},"d":true})");
}

TEST_CASE("strings are escaped, and what is not UTF-8 replaced") {
  std::string out;
  append_json_string(out, std::string_view("a\"\\\n\t\x01\x7f\xc3\xa9\xff<", 10));
  CHECK(out == "\"a\\\"\\\\\\n\\t\\u0001\\u007f\xc3\xa9\xEF\xBF\xBD\"");
}

TEST_CASE("the size of a text is known before it is written") {
  const auto check = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    CHECK(json_string_bytes(text) == out.size());
  };
  check("");
  check("plain");
  check(std::string_view("a\"\\\n\t\r\x01\x1f\x7f\xc3\xa9\xff<", 13));
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(3, static_cast<char>(byte));
    check(text);
  }
}

TEST_CASE("numbers read back as they were, what JSON has no word for is null") {
  const auto check = [](double value, const std::string& want) {
    std::string out;
    append_json_number(out, value);
    CHECK(out == want);
  };
  check(0.1, "0.1");
  check(1e21, "1e+21");
  check(-0.0, "-0");
  check(std::numeric_limits<double>::quiet_NaN(), "null");
  check(std::numeric_limits<double>::infinity(), "null");
}

}  // namespace
}  // namespace volta
