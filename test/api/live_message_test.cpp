#include "api/live_message.hpp"

#include <catch2/catch.hpp>

namespace volta::test {
namespace {

std::string problem_at(const std::string& text) {
  const auto message = parse_client_message(text);
  const auto* bad = std::get_if<BadMessage>(&message);
  if (bad == nullptr) return "";
  return bad->problem.errors.empty() ? bad->problem.code : bad->problem.errors[0].first;
}

std::string subscribe(const std::string& more) {
  return R"({"op":"subscribe","id":"a","host":"h")" + more + "}";
}

}  // namespace

TEST_CASE("what a client may say") {
  const auto message = parse_client_message(
      R"({"op":"subscribe","id":"a","host":"h","names":["volta_*","x"],"interval_ms":500,"rates":true})");
  const auto& wish = std::get<Subscribe>(message);
  CHECK(wish.id == "a");
  CHECK(wish.host == "h");
  CHECK(wish.names == std::vector<std::string>{"volta_*", "x"});
  CHECK(wish.interval_ms == 500);
  CHECK(wish.rates);

  const auto least = parse_client_message(subscribe(""));
  CHECK(std::get<Subscribe>(least).names == std::vector<std::string>{"*"});
  CHECK(std::get<Subscribe>(least).interval_ms == 1000);
  CHECK_FALSE(std::get<Subscribe>(least).rates);

  CHECK(std::get<Unsubscribe>(parse_client_message(R"({"op":"unsubscribe","id":"b"})")).id == "b");
}

TEST_CASE("what a client may not say") {
  const auto check = [](const std::string& text, const std::string& want) {
    INFO(text.substr(0, 200));
    CHECK(problem_at(text) == want);
  };
  check("", "bad_message");
  check("null", "bad_message");
  check("{\"op\":", "bad_message");
  check(std::string(100'000, ' '), "bad_message");
  check(std::string(1000, '['), "bad_message");
  check("{\"op\":\"subscribe\",\"id\":\"\xff\"}", "bad_message");
  check("{} {}", "bad_message");
  check("{}", "/op");
  check(R"({"op":7})", "/op");
  check(R"({"op":"","id":"a"})", "/op");
  check(R"({"op":"unsubscribe"})", "/id");
  check(R"({"op":"unsubscribe","id":"a","host":"h"})", "/host");
  check(R"({"op":"subscribe","id":"a"})", "/host");
  check(R"({"op":"subscribe","id":")" + std::string(65, 'a') + R"(","host":"h"})", "/id");
  check(R"({"op":"subscribe","id":")" + std::string(64, 'a') + R"(","host":"h"})", "");
  check(subscribe(R"(,"names":[])"), "/names");
  check(subscribe(R"(,"names":"volta_*")"), "/names");
  check(subscribe(R"(,"names":[1])"), "/names");
  check(subscribe(R"(,"names":[""])"), "/names");
  check(subscribe(R"(,"names":[")" + std::string(257, 'a') + "\"]"), "/names");
  check(subscribe(R"(,"interval_ms":99)"), "/interval_ms");
  check(subscribe(R"(,"interval_ms":3600001)"), "/interval_ms");
  check(subscribe(R"(,"interval_ms":1.5)"), "/interval_ms");
  check(subscribe(R"(,"interval_ms":"1000")"), "/interval_ms");
  check(subscribe(R"(,"interval_ms":1e99)"), "/interval_ms");
  check(subscribe(R"(,"rates":1)"), "/rates");
  check(subscribe(R"(,"intervall_ms":1000)"), "/intervall_ms");
}

TEST_CASE("a refusal names the subscription it can read") {
  const auto id_of = [](const std::string& text) {
    return std::get<BadMessage>(parse_client_message(text)).id;
  };
  CHECK(id_of(R"({"op":"subscribe","id":"a"})") == "a");
  CHECK(id_of(R"({"op":"subscribe","id":7})").empty());
  CHECK(id_of("nonsense").empty());
  CHECK(std::get<BadMessage>(
            parse_client_message(R"({"op":"subscribe","id":"a","host":"h","name":[]})"))
            .problem.detail.find("did you mean 'names'?") != std::string::npos);
}

}  // namespace volta::test
