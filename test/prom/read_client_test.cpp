#include "prom/read_client.hpp"

#include <bit>
#include <limits>

#include <catch2/catch.hpp>

#include "prom/protobuf.hpp"

using namespace volta;

namespace {

LabeledSamples read_samples(const std::string& name, std::vector<std::int64_t> times,
                            std::vector<double> values) {
  return {std::make_shared<const Labels>(Labels{{"__name__", name}, {"l", "v"}}), std::move(times),
          std::move(values)};
}

}  // namespace

TEST_CASE("a read request says what it was made of") {
  std::vector<ReadQuery> want(2);
  want[0].span = {-5, 1'795'226'940'123};
  want[0].matchers = {LabelMatcher::equal("__name__", "up"), LabelMatcher::equal("job", "")};
  want[1].span = {7, 7};
  want[1].matchers = {LabelMatcher::make("a", MatchOp::not_regex, "x|y").value(),
                      LabelMatcher::equal("b", "c")};
  const auto got = decode_read_request(encode_read_request(want), {});
  REQUIRE(got.has_value());
  REQUIRE(got->size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK((*got)[i].span.start_ms == want[i].span.start_ms);
    CHECK((*got)[i].span.end_ms == want[i].span.end_ms);
    REQUIRE((*got)[i].matchers.size() == 2);
    for (std::size_t k = 0; k < 2; ++k)
      CHECK((*got)[i].matchers[k].text() == want[i].matchers[k].text());
  }
}

TEST_CASE("a read answer keeps every bit") {
  const std::vector<double> values = {0.1, -0.0, std::numeric_limits<double>::infinity(),
                                      std::bit_cast<double>(kStaleBits),
                                      std::bit_cast<double>(0xfff8'0000'dead'beefULL)};
  std::vector<std::vector<LabeledSamples>> want(3);
  want[0].push_back(read_samples("a", {-3, 1, 2, 3, 4}, values));
  want[2].push_back(read_samples("b", {9}, {1}));
  want[2].push_back(read_samples("c", {9}, {2}));
  const std::string message = encode_read_response(want);
  const auto got = decode_read_response(message, 3);
  REQUIRE(got.has_value());
  CHECK((*got)[0].size() == 1);
  CHECK((*got)[1].empty());
  CHECK((*got)[2].size() == 2);
  CHECK(*(*got)[2][1].labels == Labels{{"__name__", "c"}, {"l", "v"}});
  CHECK((*got)[0][0].times_ms == std::vector<std::int64_t>{-3, 1, 2, 3, 4});
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(std::bit_cast<std::uint64_t>((*got)[0][0].values[i]) ==
          std::bit_cast<std::uint64_t>(values[i]));
  // As many results as queries, and nothing broken.
  CHECK_FALSE(decode_read_response(message, 2).has_value());
  CHECK_FALSE(decode_read_response(message, 4).has_value());
  for (std::size_t size = 1; size < message.size(); ++size) {
    const auto cut = decode_read_response(std::string_view(message).substr(0, size), 3);
    CHECK_FALSE(cut.has_value());
  }
  std::string nameless;
  std::string sample;
  put_proto_bytes(sample, 1,
                  "\x0a\x01"
                  "a\x12\x01"
                  "b");
  std::string result;
  put_proto_bytes(result, 1, sample);
  put_proto_bytes(nameless, 1, result);
  CHECK_FALSE(decode_read_response(nameless, 1).has_value());
}
