#include "prom/protobuf.hpp"

#include <catch2/catch.hpp>

#include "bytes_text.hpp"

namespace volta {
namespace {

// Every field as "number:content", then "!" where the reader failed.
std::string fields_of(std::string_view message) {
  std::string out;
  ProtoReader reader(message);
  while (reader.next()) {
    out += std::to_string(reader.field()) + ":";
    switch (reader.type()) {
      case WireType::varint:
        out += std::to_string(reader.varint());
        break;
      case WireType::fixed64:
        out += std::to_string(reader.real());
        break;
      case WireType::bytes:
        out += '"' + std::string(reader.bytes()) + '"';
        break;
      case WireType::fixed32:
        reader.skip();
        out += "f";
        break;
    }
    out += ' ';
  }
  return reader.failed() ? out + "!" : out;
}

TEST_CASE("a message's fields are read, and nothing beyond its end") {
  const auto check = [](std::string_view hex, const std::string& want) {
    CAPTURE(hex);
    CHECK(fields_of(bytes_of(hex)) == want);
  };
  check("", "");
  check("0801", "1:1 ");
  check("089601", "1:150 ");
  check("08ffffffffffffffffff01", "1:18446744073709551615 ");
  check("08ffffffffffffffffff02", "1:0 !");  // 65 bits
  check("0880808080808080808080", "1:0 !");
  check("08", "1:0 !");
  check("0880", "1:0 !");
  check("80", "!");
  check("0a0161", "1:\"a\" ");
  check("0a00", "1:\"\" ");
  check("0a0261", "1:\"\" !");
  check("0affffffffffffffffff01", "1:\"\" !");  // a length that would wrap an end pointer
  check("09000000000000f03f", "1:1.000000 ");
  check("09000000000000f0", "1:0.000000 !");
  check("0d000000000801", "1:f 1:1 ");
  check("0d0000", "1:f !");
  check("0b", "!");    // groups
  check("0e", "!");    // no such wire type
  check("0001", "!");  // field 0
  check("f8ffffff0f01", "536870911:1 ");
  check("8080808010", "!");  // a field number of 30 bits
}

TEST_CASE("what is not read is skipped; another wire type than expected is a failure") {
  const std::string message = bytes_of("08010a016109000000000000f03f0d000000001002");
  ProtoReader reader(message);
  int fields = 0;
  while (reader.next()) ++fields;
  CHECK(fields == 5);
  CHECK_FALSE(reader.failed());

  ProtoReader wrong(message);
  REQUIRE(wrong.next());
  CHECK(wrong.bytes().empty());
  CHECK(wrong.failed());
  CHECK_FALSE(wrong.next());
}

TEST_CASE("packed varints") {
  const std::string content = bytes_of("01960103");
  PackedVarints values(content);
  std::uint64_t value = 0;
  std::vector<std::uint64_t> seen;
  while (values.next(value)) seen.push_back(value);
  CHECK(seen == std::vector<std::uint64_t>{1, 150, 3});
  CHECK_FALSE(values.failed());
  PackedVarints broken(std::string_view(content).substr(0, 2));
  CHECK(broken.next(value));
  CHECK_FALSE(broken.next(value));
  CHECK(broken.failed());
}

TEST_CASE("what is written has the announced size") {
  const auto check = [](std::uint64_t value) {
    CAPTURE(value);
    std::string out;
    put_proto_varint(out, value);
    CHECK(out.size() == proto_varint_size(value));
    std::string field;
    put_proto_uint(field, 16, value);
    CHECK(field.size() == proto_uint_size(16, value));
    CHECK(fields_of(field) == "16:" + std::to_string(value) + " ");
  };
  check(0);
  for (unsigned bit = 0; bit < 64; ++bit) {
    check(std::uint64_t{1} << bit);
    check((std::uint64_t{1} << bit) - 1);
  }
  check(UINT64_MAX);
  std::string out;
  put_proto_bytes(out, 2, std::string(300, 'x'));
  CHECK(out.size() == proto_bytes_size(2, 300));
  out.clear();
  put_proto_double(out, 1, 1.0);
  CHECK(hex_text(out) == "09000000000000f03f");
}

}  // namespace
}  // namespace volta
