#include "api/prometheus_parameters.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "api/prometheus_reply.hpp"
#include "base/text.hpp"
#include "model/names.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostPairs = 1024;
constexpr double kLongestSeconds = 9'223'372'036;  // of Prometheus' nanoseconds in 64 bits

std::string cannot_parse(std::string_view text, std::string_view what) {
  return "cannot parse \"" + std::string(text) + "\" to a valid " + std::string(what);
}

bool is_form(std::string_view content_type) {
  return trim(content_type.substr(0, content_type.find(';'))) ==
         "application/x-www-form-urlencoded";
}

// As UTF-8; false: there is no such character.
bool append_character(std::string& out, std::uint32_t code) {
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  if (code < 0x80) {
    out += static_cast<char>(code);
    return true;
  }
  const unsigned tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  const unsigned mark = tail == 1 ? 0xc0 : tail == 2 ? 0xe0 : 0xf0;
  out += static_cast<char>(mark | code >> (6 * tail));
  for (unsigned i = tail; i-- > 0;) out += static_cast<char>(0x80 | (code >> (6 * i) & 0x3fU));
  return true;
}

// Of the text behind `U__`.
std::optional<std::string> unescape_label(std::string_view rest) {
  std::string out;
  while (!rest.empty()) {
    if (rest.front() != '_') {
      out += rest.front();
      rest.remove_prefix(1);
      continue;
    }
    const auto end = rest.find('_', 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view digits = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (digits.empty()) {
      out += '_';
      continue;
    }
    const auto code = parse_integer<std::uint32_t>(digits, 16);
    if (!code || digits.size() > 6 || !append_character(out, *code)) return std::nullopt;
  }
  if (out.empty()) return std::nullopt;
  return out;
}

}  // namespace

Result<std::int64_t> parse_prometheus_time(std::string_view text) {
  if (const auto seconds = parse_number(text)) {
    const double ms = *seconds * 1000;
    if (ms <= static_cast<double>(kAllTime.start_ms)) return kAllTime.start_ms;
    if (ms >= static_cast<double>(kAllTime.end_ms)) return kAllTime.end_ms;
    return static_cast<std::int64_t>(std::llround(ms));
  }
  if (const auto ms = parse_rfc3339(text)) {
    return std::clamp(*ms, kAllTime.start_ms, kAllTime.end_ms);
  }
  // How Go's clients write the first and the last time that it has.
  if (text == "-292273086-05-16T16:47:06Z") return kAllTime.start_ms;
  if (text == "292277025-08-18T07:12:54.999999999Z") return kAllTime.end_ms;
  return Error{cannot_parse(text, "timestamp")};
}

Result<std::int64_t> parse_prometheus_duration(std::string_view text) {
  if (const auto seconds = parse_number(text)) {
    if (std::abs(*seconds) > kLongestSeconds) {
      return Error{cannot_parse(text, "duration") + ". It overflows int64"};
    }
    return static_cast<std::int64_t>(std::llround(*seconds * 1000));
  }
  if (const auto duration = parse_duration(text)) return duration->count();
  return Error{cannot_parse(text, "duration")};
}

std::optional<std::string> label_of_path(std::string_view text) {
  if (text.starts_with("U__")) return unescape_label(text.substr(3));
  if (!is_label_name(text)) return std::nullopt;
  return std::string(text);
}

std::variant<PrometheusParameters, Declined> PrometheusParameters::of(const HttpRequest& request) {
  QueryPairs pairs;
  if (request.method == "POST" && !request.body.empty()) {
    if (!is_form(request.header("content-type"))) {
      return decline(415, "bad_data", "the body must be application/x-www-form-urlencoded");
    }
    auto form = parse_query_pairs(request.body, kMostPairs);
    if (!form) return decline(400, "bad_data", "the form: " + form.error().text);
    pairs = *std::move(form);
  }
  auto query = parse_query_pairs(request.query, kMostPairs);
  if (!query) return decline(400, "bad_data", query.error().text);
  for (auto& pair : query->items) pairs.items.push_back(std::move(pair));
  return PrometheusParameters(std::move(pairs));
}

std::string_view PrometheusParameters::text(std::string_view name) const {
  return pairs_.first(name).value_or(std::string_view());
}

std::vector<std::string_view> PrometheusParameters::all(std::string_view name) const {
  return pairs_.all(name);
}

std::int64_t PrometheusParameters::time(std::string_view name, std::int64_t otherwise) {
  const std::string_view given = text(name);
  if (given.empty()) return otherwise;
  const auto ms = parse_prometheus_time(given);
  if (ms) return *ms;
  wrong(name, "Invalid time value for '" + std::string(name) + "': " + ms.error().text);
  return otherwise;
}

std::int64_t PrometheusParameters::required_time(std::string_view name) {
  const auto ms = parse_prometheus_time(text(name));
  if (ms) return *ms;
  wrong(name, ms.error().text);
  return 0;
}

TimeSpan PrometheusParameters::span() {
  const std::int64_t start = time("start", kAllTime.start_ms);
  const std::int64_t end = time("end", kAllTime.end_ms);
  if (end < start) wrong("end", "end timestamp must not be before start time");
  return {start, end};
}

std::int64_t PrometheusParameters::required_duration(std::string_view name) {
  const auto ms = parse_prometheus_duration(text(name));
  if (ms) return *ms;
  wrong(name, ms.error().text);
  return 0;
}

std::optional<std::int64_t> PrometheusParameters::duration(std::string_view name) {
  if (text(name).empty()) return std::nullopt;
  return required_duration(name);
}

std::size_t PrometheusParameters::limit(std::string_view name) {
  const std::string_view given = text(name);
  if (given.empty()) return 0;
  const auto number = parse_integer<std::int64_t>(given);
  if (number) return *number > 0 ? static_cast<std::size_t>(*number) : 0;
  refuse(decline(400, "bad_data", std::string(name) + " must be a number"));
  return 0;
}

void PrometheusParameters::wrong(std::string_view name, std::string_view detail) {
  refuse(decline(400, "bad_data",
                 "invalid parameter \"" + std::string(name) + "\": " + std::string(detail)));
}

void PrometheusParameters::refuse(Declined declined) {
  if (!declined_) declined_ = std::move(declined);
}

}  // namespace volta
