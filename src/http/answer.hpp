// An HttpResponse -> the bytes on the wire: status line, the headers that every answer carries,
// compression. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/http.hpp"

namespace volta {

// What of the request shapes its answer.
struct AnswerFor {
  bool head = false;        // HEAD: the headers of GET, no body
  bool keep_alive = false;  // else `Connection: close`
  std::string accept_encoding;
  std::string request_id;
};

struct WireAnswer {
  std::string head;
  std::string body;
  int status = 0;
  bool keep_alive = false;
};

// Compresses bodies over 1 KiB where the client accepts it. Headers of `response` that are not
// clean text are left out and logged: they would split the answer.
WireAnswer render_answer(HttpResponse response, const AnswerFor& request);

// The headers that every answer carries, "Name: value\r\n" each: content policy, sniffing,
// referrer.
std::string_view security_headers();

// "Name: value\r\n"; empty if either could split the answer.
std::string header_line(std::string_view name, std::string_view value);

// By RFC 9110 weights; "*" counts, q=0 forbids.
bool accepts_gzip(std::string_view accept_encoding);

// Empty when zlib refuses (it has no memory).
std::optional<std::string> gzip(std::string_view plain);

// "Sat, 21 Nov 2026 04:39:44 GMT", the Date header's form.
std::string http_date(std::int64_t unix_ms);

}  // namespace volta
