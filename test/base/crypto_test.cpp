#include "base/crypto.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("SHA-256 of FIPS 180-2's example") {
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("hex and base64url") {
  CHECK(unhex("00fF") == std::string("\x00\xff", 2));
  CHECK_FALSE(unhex("0"));
  CHECK_FALSE(unhex("0g"));
  const auto encode = [](std::string_view text) {
    return base64url({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  // RFC 4648 section 10, without padding.
  CHECK(encode("").empty());
  CHECK(encode("f") == "Zg");
  CHECK(encode("fo") == "Zm8");
  CHECK(encode("foobar") == "Zm9vYmFy");
  CHECK(encode("\xfb\xff") == "-_8");
  for (const std::string_view text : {"", "f", "fo", "foobar", "\xfb\xff"}) {
    CHECK(unbase64url(encode(text)) == std::string(text));
  }
  for (const std::string_view wrong : {"Z", "Zh", "Zg=", "Zm9v Y", "-_9"})
    CHECK_FALSE(unbase64url(wrong));
}

TEST_CASE("randomness is random") {
  std::array<std::uint8_t, 32> a{};
  std::array<std::uint8_t, 32> b{};
  random_bytes(a);
  random_bytes(b);
  CHECK(a != b);
}

TEST_CASE("secrets are compared") {
  CHECK(equal_constant_time("abc", "abc"));
  CHECK_FALSE(equal_constant_time("abc", "abd"));
  CHECK_FALSE(equal_constant_time("abc", "ab"));
  CHECK(equal_constant_time("", ""));
}

}  // namespace
}  // namespace volta
