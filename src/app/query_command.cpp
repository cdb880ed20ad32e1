// volta query 'EXPR': PromQL from the command line, asked of a running volta (--server URL), or of
// a data directory (--data DIR), whether somebody serves it or not.
#include <fstream>
#include <iostream>

#include <boost/json.hpp>

#include "app/admin_door.hpp"
#include "app/commands.hpp"
#include "app/process.hpp"
#include "app/query_output.hpp"
#include "app/secret_file.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "model/query_string.hpp"
#include "outbound/curl_client.hpp"
#include "store/data_directory.hpp"
#include "store/store.hpp"

namespace volta {
namespace {

constexpr int kPatienceMs = 150'000;  // somewhat longer than a query may take
constexpr std::size_t kMostBytes = 512U << 20U;

[[noreturn]] void wrong(const std::string& text) { throw StartFailure(Exit::usage, text); }

std::int64_t time_of(const std::string& text, const char* flag, std::int64_t now) {
  if (text.empty() || text == "now") return now;
  if (const auto instant = parse_rfc3339(text)) return *instant;
  constexpr double kLatestSeconds = 253'402'300'799;  // the end of the year 9999
  if (const auto seconds = parse_number(text);
      seconds && *seconds >= 0 && *seconds <= kLatestSeconds)
    return static_cast<std::int64_t>(*seconds * 1000);
  if (text.starts_with("now-")) {
    const auto back = parse_duration(std::string_view(text).substr(4));
    if (back) return now - back->count();
  }
  wrong(std::string(flag) + ": " + text +
        " is no time; write RFC 3339 (2026-11-22T06:00:00Z), unix seconds, now or now-1h");
}

std::int64_t duration_of(const std::string& text, const char* flag) {
  const auto parsed = parse_duration(text);
  if (!parsed || parsed->count() <= 0)
    wrong(std::string(flag) + ": " + text + " is no duration; write 30s, 5m, 1h30m");
  return parsed->count();
}

std::string seconds_text(std::int64_t ms) {
  const std::string digits = std::to_string(ms < 0 ? -ms : ms);
  const std::string padded =
      digits.size() < 4 ? std::string(4 - digits.size(), '0') + digits : digits;
  return (ms < 0 ? "-" : "") + padded.substr(0, padded.size() - 3) + "." +
         padded.substr(padded.size() - 3);
}

// The parameters of the request, percent-encoded, and which of the two routes they are for.
DoorRequest request_of(const QueryOptions& options) {
  const std::int64_t now = system_clock().wall_ms();
  const std::int64_t at = time_of(options.time, "--time", now);
  DoorRequest request;
  request.timeout_ms = kPatienceMs;
  request.most_bytes = kMostBytes;
  std::string form = "query=" + percent_encode(options.expression);
  if (options.range.empty()) {
    if (!options.step.empty()) wrong("--step needs --range");
    request.path = "/prometheus/api/v1/query";
    form += "&time=" + seconds_text(at);
  } else {
    const std::int64_t range = duration_of(options.range, "--range");
    // As many steps as a page is wide, whole seconds.
    const std::int64_t step = options.step.empty()
                                  ? std::max<std::int64_t>(1000, range / 250 / 1000 * 1000)
                                  : duration_of(options.step, "--step");
    request.path = "/prometheus/api/v1/query_range";
    form += "&start=" + seconds_text(at - range) + "&end=" + seconds_text(at) +
            "&step=" + seconds_text(step);
  }
  // A GET needs no proof of origin; a very long expression goes into a body.
  if (form.size() <= 6000) {
    request.query = std::move(form);
  } else {
    request.method = "POST";
    request.body = std::move(form);
    request.content_type = "application/x-www-form-urlencoded";
  }
  return request;
}

DoorAnswer ask_server(const QueryOptions& options, const DoorRequest& asked) {
  CurlClient client(std::string("volta/") + kVersion);
  OutboundRequest request;
  request.method = asked.method;
  request.url = options.server.substr(0, options.server.find_last_not_of('/') + 1) + asked.path +
                (asked.query.empty() ? "" : "?" + asked.query);
  request.body = asked.body;
  request.timeout_ms = asked.timeout_ms;
  request.most_bytes = asked.most_bytes;
  if (!asked.body.empty()) request.headers.emplace_back("Content-Type", asked.content_type);
  if (!options.key_file.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + read_key_file(options.key_file));
  }
  try {
    const OutboundResponse response = client.perform(request);
    return {response.status, response.body, {}};
  } catch (const Failure& failure) {
    throw StartFailure(Exit::unreachable, failure.what());
  }
}

DoorAnswer ask(const QueryOptions& options) {
  const DoorRequest request = request_of(options);
  if (!options.data) return ask_server(options, request);
  if (!holds_store(*options.data))
    throw StartFailure(Exit::failed, "there is no store in " + *options.data);
  AdminDoor door("local", *options.data);
  return door.ask(request);
}

std::string text_member(const boost::json::object& object, std::string_view key) {
  const auto* member = object.if_contains(key);
  return member != nullptr && member->is_string() ? std::string(member->as_string()) : "";
}

[[noreturn]] void refuse(const DoorAnswer& answer, const boost::json::object& body) {
  std::string text = text_member(body, "error");
  if (text.empty()) text = text_member(body, "detail");
  if (text.empty()) text = "the server answered with status " + std::to_string(answer.status);
  const bool not_allowed = answer.status == 401 || answer.status == 403;
  if (not_allowed) text += "; give the access key with --key-file";
  throw StartFailure(not_allowed ? Exit::refused : Exit::failed, text);
}

}  // namespace

int run_query(const QueryOptions& options) {
  const DoorAnswer answer = ask(options);
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(answer.body, error);
  if (error || !body.is_object()) {
    throw StartFailure(Exit::failed, "what answers there is no volta: status " +
                                         std::to_string(answer.status) + ", and no JSON");
  }
  const boost::json::object& members = body.as_object();
  const auto* data = members.if_contains("data");
  if (answer.status != 200 || data == nullptr) refuse(answer, members);
  if (options.format == "json") {
    std::cout << answer.body << '\n';
    return code(Exit::done);
  }
  const auto text = options.format == "csv" ? query_csv(*data) : query_table(*data);
  if (!text) throw StartFailure(Exit::failed, text.error().text);
  std::cout << *text;
  if (const auto* warnings = members.if_contains("warnings");
      warnings != nullptr && warnings->is_array()) {
    for (const auto& warning : warnings->as_array()) {
      if (warning.is_string())
        std::cerr << "warning: " << printable(std::string(warning.as_string())) << '\n';
    }
  }
  return code(Exit::done);
}

}  // namespace volta
