#include "base/log.hpp"

#include <catch2/catch.hpp>

namespace volta::log {
namespace {

TEST_CASE("a line is one line, whatever is in it") {
  CHECK(
      format_line(Format::logfmt, 0, Level::warning, "two words",
                  {{"path", "/a b"}, {"n", 5}, {"evil", "x\ny=\"z\""}}) ==
      R"(ts=1970-01-01T00:00:00.000Z level=warning msg="two words" path="/a b" n=5 evil="x\ny=\"z\"")");
  CHECK(format_line(Format::json, 0, Level::info, "m", {{"empty", ""}, {"flag", true}}) ==
        R"({"ts":"1970-01-01T00:00:00.000Z","level":"info","msg":"m","empty":"","flag":"true"})");
  CHECK(format_line(Format::logfmt, 0, Level::info, "m", {{"empty", ""}}) ==
        R"(ts=1970-01-01T00:00:00.000Z level=info msg=m empty="")");
}

}  // namespace
}  // namespace volta::log
