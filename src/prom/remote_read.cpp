#include "prom/remote_read.hpp"

#include <algorithm>
#include <array>

#include "model/regex_budget.hpp"
#include "prom/label_rules.hpp"
#include "prom/protobuf.hpp"

namespace volta {
namespace {

constexpr const char* kBrokenRead = "the remote read message is not valid protobuf";

Result<LabelMatcher> read_matcher(std::string_view content, const ReadLimits& limits,
                                  RegexBudget& regexes) {
  constexpr std::array<MatchOp, 4> kOps = {MatchOp::equal, MatchOp::not_equal, MatchOp::regex,
                                           MatchOp::not_regex};
  std::uint64_t type = 0;
  std::string_view name, value;
  ProtoReader reader(content);
  while (reader.next()) {
    if (reader.field() == 1) type = reader.varint();
    if (reader.field() == 2) name = reader.bytes();
    if (reader.field() == 3) value = reader.bytes();
  }
  if (reader.failed()) return Error{kBrokenRead};
  if (type >= kOps.size()) return Error{"a matcher's type is none of =, !=, =~ and !~"};
  if (name.empty() || name.size() > limits.longest_text || value.size() > limits.longest_text) {
    return Error{"a matcher's name is empty, or its name or value too long"};
  }
  if (!is_utf8(name) || !is_utf8(value)) return Error{"a matcher is not UTF-8"};
  const MatchOp op = kOps[type];
  if (op == MatchOp::regex || op == MatchOp::not_regex) {
    if (const auto taken = regexes.take(value); !taken) return taken.error();
  }
  return LabelMatcher::make(std::string(name), op, std::string(value));
}

Result<ReadQuery> read_query(std::string_view content, const ReadLimits& limits,
                             RegexBudget& regexes) {
  ReadQuery query;
  ProtoReader reader(content);
  while (reader.next()) {
    if (reader.field() == 1) query.span.start_ms = reader.int64();
    if (reader.field() == 2) query.span.end_ms = reader.int64();
    if (reader.field() != 3) continue;
    auto matcher = read_matcher(reader.bytes(), limits, regexes);
    if (reader.failed()) break;
    if (!matcher) return matcher.error();
    if (query.matchers.size() == limits.most_matchers) {
      return Error{"a query has more than " + std::to_string(limits.most_matchers) + " matchers"};
    }
    query.matchers.push_back(std::move(*matcher));
  }
  if (reader.failed()) return Error{kBrokenRead};
  if (query.matchers.empty()) return Error{"a query has no matchers"};
  return query;
}

void put_series(std::string& out, const LabeledSamples& series) {
  std::string content;
  for (const auto& [name, value] : *series.labels) {
    put_proto_head(content, 1,
                   proto_bytes_size(1, name.size()) + proto_bytes_size(2, value.size()));
    put_proto_bytes(content, 1, name);
    put_proto_bytes(content, 2, value);
  }
  for (std::size_t i = 0; i < series.times_ms.size(); ++i) {
    const auto time = static_cast<std::uint64_t>(series.times_ms[i]);
    put_proto_head(content, 2, 9 + proto_uint_size(2, time));
    put_proto_double(content, 1, series.values[i]);
    put_proto_uint(content, 2, time);
  }
  put_proto_bytes(out, 1, content);
}

}  // namespace

Result<std::vector<ReadQuery>> decode_read_request(std::string_view message,
                                                   const ReadLimits& limits) {
  if (message.size() > limits.most_bytes) {
    return Error{"the remote read message is larger than " + std::to_string(limits.most_bytes) +
                 " bytes"};
  }
  std::vector<ReadQuery> queries;
  RegexBudget regexes;
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() != 1) continue;
    const std::string_view content = reader.bytes();
    if (reader.failed()) break;
    if (queries.size() == limits.most_queries) {
      return Error{"more than " + std::to_string(limits.most_queries) + " queries in one request"};
    }
    auto query = read_query(content, limits, regexes);
    if (!query) return query.error();
    queries.push_back(std::move(*query));
  }
  if (reader.failed()) return Error{kBrokenRead};
  return queries;
}

std::string encode_read_response(std::vector<std::vector<LabeledSamples>> results) {
  std::string out;
  for (auto& result : results) {
    std::sort(result.begin(), result.end(), [](const LabeledSamples& a, const LabeledSamples& b) {
      return *a.labels < *b.labels;
    });
    std::string content;
    for (auto& series : result) {
      if (!series.times_ms.empty()) put_series(content, series);
      series = {};  // what is written need not be held twice
    }
    put_proto_bytes(out, 1, content);
  }
  return out;
}

}  // namespace volta
