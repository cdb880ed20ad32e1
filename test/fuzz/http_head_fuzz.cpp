// Any bytes as a request head, in two pieces: Beast's parser and the rules above it. What is
// accepted keeps the promises that the rest of http/ and api/ build on.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "http/head_parser.hpp"
#include "http/request_rules.hpp"

namespace {

void check_accepted(const volta::RequestHead& head, const volta::JudgedHead& judged) {
  const auto times = [&](std::string_view name) {
    return std::count_if(head.headers.begin(), head.headers.end(),
                         [&](const auto& field) { return field.first == name; });
  };
  VOLTA_ASSERT(times("transfer-encoding") == 0);
  VOLTA_ASSERT(times("host") == 1);
  VOLTA_ASSERT(times("content-length") <= 1);
  VOLTA_ASSERT(judged.path.starts_with('/') && !judged.path.starts_with("//"));
  VOLTA_ASSERT(judged.path.find('\0') == std::string::npos);
  VOLTA_ASSERT(judged.path.find('\\') == std::string::npos);
  VOLTA_ASSERT((judged.path + "/").find("/../") == std::string::npos);
  VOLTA_ASSERT((judged.path + "/").find("/./") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte says where the bytes are cut in two.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  volta::HeadParser parser(8192);
  const std::size_t cut = std::min<std::size_t>(bytes.size(), data[0]);
  auto state = parser.put(bytes.substr(0, cut));
  if (state == volta::HeadParser::State::need_more) state = parser.put(bytes);
  if (state == volta::HeadParser::State::refused) {
    VOLTA_ASSERT(parser.refusal().status >= 400);
    return 0;
  }
  if (state == volta::HeadParser::State::need_more) return 0;
  VOLTA_ASSERT(parser.consumed() <= bytes.size() && parser.consumed() <= 8192);
  const volta::RequestHead head = parser.head();
  const volta::RequestRules rules{{"volta.example"}, {"https://panel.example"}, {"/api/ask"}};
  const auto verdict = judge_head(head, rules, {"192.168.7.9", false, false, false});
  if (const auto* judged = std::get_if<volta::JudgedHead>(&verdict)) check_accepted(head, *judged);
  judge_event_stream_origin(head, rules, {"127.0.0.1", true, false, false});
  return 0;
}
