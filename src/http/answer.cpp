#include "http/answer.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/format.h>
#include <zlib.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "http/request_rules.hpp"

namespace volta {
namespace {

constexpr std::size_t kWorthCompressing = 1024;

bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

std::string* find_header(HttpResponse& response, std::string_view lower_name) {
  for (auto& [name, value] : response.headers) {
    if (to_lower(name) == lower_name) return &value;
  }
  return nullptr;
}

void compress(HttpResponse& response, const AnswerFor& request) {
  if (!response.compressible || response.body.size() <= kWorthCompressing ||
      find_header(response, "content-encoding") != nullptr) {
    return;
  }
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (!accepts_gzip(request.accept_encoding)) return;
  auto packed = gzip(response.body);
  if (!packed || packed->size() >= response.body.size()) return;
  response.body = std::move(*packed);
  response.headers.emplace_back("Content-Encoding", "gzip");
  // The bytes differ from the uncompressed answer's, so the tag may no longer claim equal bytes.
  if (std::string* etag = find_header(response, "etag");
      etag != nullptr && etag->starts_with('"')) {
    etag->insert(0, "W/");
  }
}

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

WireAnswer render_answer(HttpResponse response, const AnswerFor& request) {
  compress(response, request);
  WireAnswer answer;
  answer.status = response.status;
  answer.keep_alive = request.keep_alive;
  answer.head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  answer.head += header_line("Date", http_date(system_clock().wall_ms()));
  answer.head += security_headers();
  answer.head += header_line("X-Request-Id", request.request_id);
  if (!response.content_type.empty()) {
    answer.head += header_line("Content-Type", response.content_type);
  }
  for (const auto& [name, value] : response.headers) answer.head += header_line(name, value);
  if (has_body(response.status)) {
    answer.head += fmt::format("Content-Length: {}\r\n", response.body.size());
    if (!request.head) answer.body = std::move(response.body);
  }
  answer.head +=
      request.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return answer;
}

std::string_view security_headers() {
  // Styles that scripts set through the style object are allowed by 'self'; no inline text is.
  return "Content-Security-Policy: default-src 'self'; style-src 'self'; img-src 'self' data:; "
         "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n"
         "X-Content-Type-Options: nosniff\r\n"
         "Referrer-Policy: no-referrer\r\n"
         "Cross-Origin-Resource-Policy: same-origin\r\n";
}

std::string header_line(std::string_view name, std::string_view value) {
  if (name.empty() || name.find(':') != std::string_view::npos || !is_clean(name) ||
      !is_clean(value)) {
    log::warning("left out a header that would split the answer", {{"header", name}});
    return {};
  }
  return fmt::format("{}: {}\r\n", name, value);
}

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<bool> named;
  bool any = false;
  while (!accept_encoding.empty()) {
    const std::string_view item = accept_encoding.substr(0, accept_encoding.find(','));
    accept_encoding.remove_prefix(std::min(accept_encoding.size(), item.size() + 1));
    const std::size_t semicolon = std::min(item.find(';'), item.size());
    const std::string coding = to_lower(trim(item.substr(0, semicolon)));
    std::string_view weight = trim(item.substr(std::min(item.size(), semicolon + 1)));
    bool wanted = true;
    if (weight.starts_with("q=") || weight.starts_with("Q=")) {
      const auto q = parse_number(weight.substr(2));
      wanted = q && *q > 0;
    }
    if (coding == "gzip" || coding == "x-gzip") named = wanted;
    if (coding == "*") any = wanted;
  }
  return named.value_or(any);
}

std::optional<std::string> gzip(std::string_view plain) {
  z_stream stream{};
  // 15 bits of window, 16 more for gzip's frame. Level 5: within 2 % of level 6 on JSON, cheaper.
  if (deflateInit2(&stream, 5, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string packed(deflateBound(&stream, plain.size()), '\0');
  // zlib's interface takes a pointer to non-const but only reads.
  stream.next_in = reinterpret_cast<Bytef*>(
      const_cast<char*>(plain.data()));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  return packed;
}

std::string http_date(std::int64_t unix_ms) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace volta
