#include "http/answer.hpp"

#include <catch2/catch.hpp>
#include <zlib.h>

namespace volta {
namespace {

using Catch::Contains;

std::string gunzip(std::string packed) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string plain(1U << 20U, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return plain;
}

HttpResponse plain_answer(std::string body) {
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

TEST_CASE("every answer carries the security headers and its length") {
  const WireAnswer answer = render_answer(plain_answer("hello"), {false, true, "", "id-1"});
  CHECK(answer.head.starts_with("HTTP/1.1 200 OK\r\n"));
  for (const char* line :
       {"Content-Security-Policy: default-src 'self';", "frame-ancestors 'none'",
        "object-src 'none'", "base-uri 'none'", "X-Content-Type-Options: nosniff\r\n",
        "Referrer-Policy: no-referrer\r\n", "X-Request-Id: id-1\r\n", "Content-Length: 5\r\n",
        "Content-Type: text/plain\r\n", "Connection: keep-alive\r\n\r\n"}) {
    CHECK_THAT(answer.head, Contains(line));
  }
  CHECK_THAT(answer.head, !Contains("unsafe"));
  CHECK(answer.body == "hello");
}

TEST_CASE("HEAD has the length of GET and no body, 204 and 304 have neither") {
  const WireAnswer head = render_answer(plain_answer("hello"), {true, true, "", "x"});
  CHECK_THAT(head.head, Contains("Content-Length: 5\r\n"));
  CHECK(head.body.empty());
  HttpResponse none;
  for (const int status : {204, 304}) {
    none.status = status;
    none.body = "ignored";
    const WireAnswer answer = render_answer(none, {false, false, "", "x"});
    CHECK_THAT(answer.head, !Contains("Content-Length"));
    CHECK_THAT(answer.head, Contains("Connection: close\r\n\r\n"));
    CHECK(answer.body.empty());
  }
}

TEST_CASE("bodies over 1 KiB are compressed for those who accept it") {
  const std::string body(5000, 'a');
  HttpResponse response = plain_answer(body);
  response.headers.emplace_back("ETag", "\"t\"");
  const WireAnswer packed = render_answer(response, {false, true, "br, gzip;q=0.5", "x"});
  CHECK_THAT(packed.head, Contains("Content-Encoding: gzip\r\n"));
  CHECK_THAT(packed.head, Contains("Vary: Accept-Encoding\r\n"));
  CHECK_THAT(packed.head, Contains("ETag: W/\"t\"\r\n"));
  CHECK(packed.body.size() < 200);
  CHECK(gunzip(packed.body) == body);
  const WireAnswer plain = render_answer(response, {false, true, "br", "x"});
  CHECK(plain.body == body);
  CHECK_THAT(plain.head, Contains("Vary: Accept-Encoding\r\n"));
  CHECK_THAT(plain.head, Contains("ETag: \"t\"\r\n"));
  CHECK(
      render_answer(plain_answer(std::string(1024, 'a')), {false, true, "gzip", "x"}).body.size() ==
      1024);
  response.compressible = false;
  CHECK(render_answer(response, {false, true, "gzip", "x"}).body == body);
}

TEST_CASE("a header that would split the answer is left out") {
  HttpResponse response = plain_answer("x");
  response.headers = {{"X-A", "1\r\nSet-Cookie: evil"}, {"X\r\nB", "1"}, {"X-C", "fine\tä"}};
  const std::string head = render_answer(response, {false, true, "", "x"}).head;
  CHECK_THAT(head, !Contains("evil"));
  CHECK_THAT(head, !Contains("B: 1"));
  CHECK_THAT(head, Contains("X-C: fine\tä\r\n"));
}

TEST_CASE("Accept-Encoding is read with its weights") {
  for (const char* yes : {"gzip", "GZIP", "deflate, gzip", "*", "gzip;q=0.1", "br;q=1, *;q=0.2"}) {
    INFO(yes);
    CHECK(accepts_gzip(yes));
  }
  for (const char* no :
       {"", "br", "gzip;q=0", "gzip; q=0.0, *", "*;q=0", "identity", "gzip;q=x", "gzipp"}) {
    INFO(no);
    CHECK_FALSE(accepts_gzip(no));
  }
}

TEST_CASE("dates are written as HTTP wants them") {
  CHECK(http_date(784'111'777'000) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
}

}  // namespace
}  // namespace volta
