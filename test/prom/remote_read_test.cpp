#include "prom/remote_read.hpp"

#include <catch2/catch.hpp>

#include "bytes_text.hpp"
#include "prom/protobuf.hpp"

namespace volta {
namespace {

// {__name__="up",job=~"a|b",x!="",y!~".+"} from 1000 to -1, with hints and accepted types.
constexpr std::string_view kGoldenRead =
    "0a4808e80710ffffffffffffffffff011a0e12085f5f6e616d655f5f1a0275701a0c080212036a6f621a03617c621a"
    "0508011201781a0908031201791a022e2b220808051a04726174651001";
// a{} 1.5 at 7 and b{} 2 at 8; then a query without an answer.
constexpr std::string_view kGoldenAnswer =
    "0a3c0a1c0a0d0a085f5f6e616d655f5f120161120b09000000000000f83f10070a1c0a0d0a085f5f6e616d655f5f12"
    "0162120b09000000000000004010080a00";

TEST_CASE("a golden read request") {
  const auto queries = decode_read_request(bytes_of(kGoldenRead), {});
  REQUIRE(queries);
  REQUIRE(queries->size() == 1);
  const auto& query = queries->front();
  CHECK(query.span.start_ms == 1000);
  CHECK(query.span.end_ms == -1);
  std::string text;
  for (const auto& matcher : query.matchers) text += matcher.text() + ' ';
  CHECK(text == "__name__=\"up\" job=~\"a|b\" x!=\"\" y!~\".+\" ");
}

TEST_CASE("read requests that are refused") {
  const auto check = [](const std::string& message, std::string_view want) {
    CAPTURE(hex_text(message));
    const auto queries = decode_read_request(message, {100, 2, 2, 10});
    REQUIRE_FALSE(queries);
    CHECK(queries.error().text.find(want) != std::string::npos);
  };
  const auto matcher = [](std::uint64_t type, const std::string& name, const std::string& value) {
    std::string content, out;
    put_proto_uint(content, 1, type);
    put_proto_bytes(content, 2, name);
    put_proto_bytes(content, 3, value);
    put_proto_bytes(out, 3, content);
    return out;
  };
  const auto query = [](const std::string& content) {
    std::string out;
    put_proto_bytes(out, 1, content);
    return out;
  };
  const std::string good = matcher(0, "a", "b");
  CHECK(decode_read_request(query(good + good), {100, 2, 2, 10}));
  CHECK(decode_read_request("", {})->empty());
  check(std::string(101, ' '), "larger than 100");
  check("x", "not valid");
  check(bytes_of("0a05"), "not valid");
  check(query(""), "no matchers");
  check(query(bytes_of("1a02")), "not valid");
  check(query(bytes_of("1a020805")), "none of");
  check(query(matcher(4, "a", "b")), "none of");
  check(query(matcher(2, "a", "(")), "does not compile");
  check(query(matcher(0, "", "b")), "name is empty");
  check(query(matcher(0, "a", "\xFF")), "UTF-8");
  check(query(matcher(0, "a", "01234567890")), "too long");
  check(query(good + good + good), "more than 2 matchers");
  check(query(good) + query(good) + query(good), "more than 2 queries");
}

TEST_CASE("the regular expressions of a read count together, over all its queries") {
  const auto request = [](std::size_t queries, const std::string& regex) {
    std::string matcher, query, out;
    put_proto_uint(matcher, 1, 2);
    put_proto_bytes(matcher, 2, "a");
    put_proto_bytes(matcher, 3, regex);
    put_proto_bytes(query, 3, matcher);
    put_proto_bytes(query, 3, matcher);
    for (std::size_t i = 0; i < queries; ++i) put_proto_bytes(out, 1, query);
    return out;
  };
  const auto refusal = [&](std::size_t queries, const std::string& regex) {
    const auto decoded = decode_read_request(request(queries, regex), {});
    return decoded ? std::string() : decoded.error().text;
  };
  CHECK(refusal(50, "x.*").empty());
  CHECK(refusal(51, "x.*") == "more than 100 regular expressions in one request");
  CHECK(refusal(20, "x{900}y{900}").empty());
  CHECK(refusal(40, "x{900}y{900}").find("too large") != std::string::npos);
}

TEST_CASE("a golden read answer, its series in order") {
  const auto series = [](const char* name, std::vector<std::int64_t> times,
                         std::vector<double> values) {
    return LabeledSamples{std::make_shared<const Labels>(Labels{{"__name__", name}}),
                          std::move(times), std::move(values)};
  };
  std::vector<std::vector<LabeledSamples>> results(2);
  results[0] = {series("b", {8}, {2}), series("c", {}, {}), series("a", {7}, {1.5})};
  CHECK(hex_text(encode_read_response(std::move(results))) == kGoldenAnswer);
  CHECK(encode_read_response({}).empty());
}

}  // namespace
}  // namespace volta
