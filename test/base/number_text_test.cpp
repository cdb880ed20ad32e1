#include "base/number_text.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("numbers without an exponent") {
  const auto check = [](double value, const std::string& want) {
    std::string out;
    append_plain_number(out, value);
    CHECK(out == want);
    const double read = std::strtod(out.c_str(), nullptr);
    CHECK(read == value);
    CHECK(std::signbit(read) == std::signbit(value));
  };
  check(0, "0");
  check(-0.0, "-0");
  check(1, "1");
  check(-1.5, "-1.5");
  check(100, "100");
  check(0.1, "0.1");
  check(1e-7, "0.0000001");
  check(1.25e-3, "0.00125");
  check(123456.789, "123456.789");
  check(1e20, "100000000000000000000");
  check(9007199254740992.0, "9007199254740992");
  check(std::numeric_limits<double>::max(), "17976931348623157" + std::string(292, '0'));
  check(std::numeric_limits<double>::denorm_min(), "0." + std::string(323, '0') + "5");
}

}  // namespace
}  // namespace volta
