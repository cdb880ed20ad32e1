#include "rpc/preface.hpp"

#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

namespace volta::rpc {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), std::min(text.size(), kPrefaceBytes)));
}

TEST_CASE("both sides understand their own prefaces") {
  CHECK(*read_agent_preface(agent_preface(), PrefaceEnd::complete) == kProtocolVersion);
  CHECK(*read_agent_preface(agent_preface(0xabcd), PrefaceEnd::complete) == 0xabcd);
  CHECK_FALSE(read_server_preface(server_preface(PrefaceStatus::ok), PrefaceEnd::complete, "s:1"));
}

TEST_CASE("a server's status becomes a refusal") {
  const auto check = [](const Preface& preface, RefusalReason reason, const std::string& part) {
    const auto refusal = read_server_preface(preface, PrefaceEnd::complete, "s:1");
    REQUIRE(refusal);
    CHECK(refusal->reason == reason);
    CHECK_THAT(refusal->text, Catch::Contains(part) && Catch::StartsWith("s:1 "));
  };
  check(server_preface(PrefaceStatus::wrong_version, 7), RefusalReason::wrong_version,
        "speaks version 7 of volta's protocol, this agent version 1: update the agent");
  check(server_preface(PrefaceStatus::ok, 0), RefusalReason::wrong_version, "update the server");
  check(server_preface(PrefaceStatus::tls_required), RefusalReason::plaintext, "TLS");
  check(server_preface(PrefaceStatus::too_busy), RefusalReason::too_busy, "as many connections");
  check(server_preface(PrefaceStatus{99}), RefusalReason::unreachable, "unknown");
}

TEST_CASE("a wrong server has its own sentence") {
  const auto check = [](std::string_view received, PrefaceEnd end, const std::string& part) {
    const auto refusal = read_server_preface(bytes_of(received), end, "s:1");
    REQUIRE(refusal);
    CHECK(refusal->reason == RefusalReason::unreachable);
    CHECK_THAT(refusal->text, Catch::Contains(part));
  };
  check("HTTP/1.1 400 Bad Request", PrefaceEnd::complete, "web server");
  check("HTTP", PrefaceEnd::closed, "web server");
  check(std::string_view("\x15\x03\x01\x00\x02\x02\x46", 7), PrefaceEnd::closed, "speaks TLS");
  check("SSH-2.0-OpenSSH", PrefaceEnd::complete, "not a volta server");
  check("", PrefaceEnd::silent, "says nothing");
  check("", PrefaceEnd::closed, "without a word");
  check("VOLT", PrefaceEnd::silent, "not a volta server");
}

TEST_CASE("a wrong agent has its own sentence") {
  const auto check = [](std::string_view received, PrefaceEnd end, const std::string& part) {
    const auto version = read_agent_preface(bytes_of(received), end);
    REQUIRE_FALSE(version);
    CHECK_THAT(version.error().text, Catch::Contains(part));
  };
  check("GET / HTTP/1.1", PrefaceEnd::complete, "HTTP request");
  check("PRI * HTTP/2.0", PrefaceEnd::complete, "HTTP request");
  check(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01", 8), PrefaceEnd::complete, "TLS");
  check("volta\1\0\0", PrefaceEnd::complete, "not a volta agent");
  check("", PrefaceEnd::silent, "said nothing");
  check("", PrefaceEnd::closed, "without a word");
  check("VOL", PrefaceEnd::closed, "not a volta agent");
}

TEST_CASE("only an HTTP request is answered in HTTP") {
  CHECK_THAT(answer_for_stranger(bytes_of("GET / HTTP/1.1")), Catch::StartsWith("HTTP/1.1 400 "));
  CHECK(answer_for_stranger(bytes_of("VOLTA\1")).empty());
  CHECK(answer_for_stranger({}).empty());
}

}  // namespace
}  // namespace volta::rpc
