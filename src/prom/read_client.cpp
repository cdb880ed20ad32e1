#include "prom/read_client.hpp"

#include "prom/protobuf.hpp"
#include "prom/remote_write.hpp"

namespace volta {
namespace {

// A label of a few bytes is two strings in memory.
constexpr std::size_t kMostLabelGrowth = 64;

std::string matcher_message(const LabelMatcher& matcher) {
  std::string out;
  put_proto_uint(out, 1, static_cast<std::uint64_t>(matcher.op()));
  put_proto_bytes(out, 2, matcher.name());
  put_proto_bytes(out, 3, matcher.value());
  return out;
}

// A QueryResult is laid out as a WriteRequest is: its first field is the series.
Result<std::vector<LabeledSamples>> decode_result(std::string_view content) {
  WriteLimits limits;
  // The answer is in memory already, and what it is decoded to is not much larger.
  limits.most_bytes = limits.most_series = limits.most_samples = content.size() + 1;
  limits.most_label_bytes = kMostLabelGrowth * (content.size() + 1);
  auto decoded = decode_write_request(WriteVersion::v1, content, limits);
  if (!decoded) return decoded.error();
  if (decoded->refused_series > 0) return Error{decoded->why};
  return std::move(decoded->series);
}

}  // namespace

std::string encode_read_request(std::span<const ReadQuery> queries) {
  static_assert(static_cast<int>(MatchOp::equal) == 0 && static_cast<int>(MatchOp::not_equal) == 1);
  static_assert(static_cast<int>(MatchOp::regex) == 2 && static_cast<int>(MatchOp::not_regex) == 3);
  std::string out;
  for (const ReadQuery& query : queries) {
    std::string content;
    put_proto_uint(content, 1, static_cast<std::uint64_t>(query.span.start_ms));
    put_proto_uint(content, 2, static_cast<std::uint64_t>(query.span.end_ms));
    for (const LabelMatcher& matcher : query.matchers)
      put_proto_bytes(content, 3, matcher_message(matcher));
    put_proto_bytes(out, 1, content);
  }
  return out;
}

Result<std::vector<std::vector<LabeledSamples>>> decode_read_response(std::string_view message,
                                                                      std::size_t queries) {
  std::vector<std::vector<LabeledSamples>> results;
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() != 1) continue;
    const std::string_view content = reader.bytes();
    if (reader.failed()) break;
    if (results.size() == queries) return Error{"the answer has more results than were asked for"};
    auto series = decode_result(content);
    if (!series) return series.error();
    results.push_back(std::move(*series));
  }
  if (reader.failed()) return Error{"the remote read answer is not valid protobuf"};
  if (results.size() != queries)
    return Error{"the answer has " + std::to_string(results.size()) + " results for " +
                 std::to_string(queries) + " queries"};
  return results;
}

}  // namespace volta
