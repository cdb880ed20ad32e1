#include "prom/sender_policy.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

OutboundResponse write_answer(int status,
                              std::vector<std::pair<std::string, std::string>> headers = {}) {
  OutboundResponse response;
  response.status = status;
  response.headers = std::move(headers);
  return response;
}

TEST_CASE("what an answer to remote write means") {
  const auto check = [](int status, WriteVersion version, SendVerdict wanted) {
    INFO(status);
    CHECK(judge_write_answer(write_answer(status), version, true) == wanted);
  };
  for (const int status : {200, 202, 204}) check(status, WriteVersion::v1, SendVerdict::done);
  for (const int status : {301, 302, 307, 400, 401, 403, 404, 409, 413, 415, 422, 431}) {
    check(status, WriteVersion::v1, SendVerdict::dropped);
  }
  for (const int status : {400, 401, 403, 404, 413}) {
    check(status, WriteVersion::v2, SendVerdict::dropped);
  }
  for (const WriteVersion version : {WriteVersion::v1, WriteVersion::v2}) {
    for (const int status : {429, 500, 501, 502, 503, 504, 599}) {
      check(status, version, SendVerdict::again);
    }
  }
  for (const int status : {200, 204, 415})
    check(status, WriteVersion::v2, SendVerdict::as_version_1);
}

TEST_CASE("a sample that Prometheus calls too old is dropped, whatever the status says") {
  OutboundResponse response = write_answer(500);
  response.body = "too old sample\n";
  CHECK(judge_write_answer(response, WriteVersion::v1, false) == SendVerdict::dropped);
  response.body = "storage is not ready";
  CHECK(judge_write_answer(response, WriteVersion::v1, false) == SendVerdict::again);
}

TEST_CASE("only who says what was written has understood 2.0") {
  for (const char* what : {"samples", "histograms", "exemplars"}) {
    const auto response =
        write_answer(204, {{std::string("x-prometheus-remote-write-") + what + "-written", "0"}});
    CHECK(judge_write_answer(response, WriteVersion::v2, false) == SendVerdict::done);
  }
  CHECK(judge_write_answer(write_answer(400), WriteVersion::v2, false) ==
        SendVerdict::try_version_1);
  CHECK(judge_write_answer(write_answer(400), WriteVersion::v1, false) == SendVerdict::dropped);
  const auto partial = write_answer(400, {{"x-prometheus-remote-write-samples-written", "7"}});
  CHECK(judge_write_answer(partial, WriteVersion::v2, false) == SendVerdict::dropped);
  CHECK(samples_written(partial) == 7U);
  CHECK_FALSE(samples_written(write_answer(200)));
  CHECK_FALSE(
      samples_written(write_answer(200, {{"x-prometheus-remote-write-samples-written", "many"}})));
}

TEST_CASE("Retry-After is seconds or a date") {
  // Sun, 06 Nov 1994 08:49:37 GMT
  constexpr std::int64_t kNow = 784'111'777'000;
  const auto check = [](const std::string& text, std::optional<int> wanted_ms) {
    INFO(text);
    const auto wait = retry_after(write_answer(429, {{"retry-after", text}}), kNow);
    CHECK(wait.has_value() == wanted_ms.has_value());
    if (wait && wanted_ms) CHECK(wait->count() == *wanted_ms);
  };
  check("0", 0);
  check("7", 7'000);
  check(" 7 ", 7'000);
  check("86400", 600'000);
  check("Sun, 06 Nov 1994 08:49:40 GMT", 3'000);
  check("Sun, 06 Nov 1994 08:49:00 GMT", 0);
  check("Wed, 06 Nov 2047 08:49:00 GMT", 600'000);
  for (const char* text : {"", "-1", "1.5", "soon", "99999999999", "Sun, 06 Nox 1994 08:49:40 GMT",
                           "Sun, 06 Nov 1994 08:49:40 CET", "Sunday, 06-Nov-94 08:49:37 GMT"}) {
    check(text, std::nullopt);
  }
  CHECK_FALSE(retry_after(write_answer(429), kNow));
}

TEST_CASE("the back-off doubles from 30 ms to 5 s, half of it by chance") {
  for (const double random : {0.0, 0.999999}) {
    SendBackoff backoff;
    int bound = 30;
    for (int i = 0; i < 12; ++i) {
      const auto wait = backoff.next(random).count();
      CHECK(wait >= bound / 2);
      CHECK(wait <= bound);
      CHECK((random == 0.0 ? wait == bound / 2 : wait == bound));
      bound = std::min(2 * bound, 5'000);
    }
    CHECK(bound == 5'000);
    backoff.reset();
    CHECK(backoff.next(random).count() <= 30);
  }
}

}  // namespace
}  // namespace volta
