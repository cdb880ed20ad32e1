#include "fleet/hosts_file.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

const std::string kOneHash(64, 'a');
const std::string kOtherHash(64, 'B');

std::string host_text(const std::string& name, const std::string& id, const std::string& hash,
                      const std::string& more = "") {
  return R"({"name":")" + name + R"(","id":")" + id + R"(","token_sha256":")" + hash + "\"" + more +
         "}";
}

std::string list_of(const std::string& entries) { return R"({"hosts":[)" + entries + "]}"; }

TEST_CASE("a list of hosts is read as it was written") {
  const std::string text =
      list_of(host_text("web-2", "123456789abcdef0", kOtherHash, R"(,"disabled":true)") + "," +
              host_text("web-1", "0123456789abcdef", kOneHash));
  const auto hosts = parse_hosts_file(text);
  REQUIRE(hosts);
  REQUIRE(hosts->size() == 2);
  CHECK(hosts->at(0).name == "web-2");
  CHECK(hosts->at(0).disabled);
  CHECK(hosts->at(0).token_hash[31] == 0xbb);
  CHECK(hosts->at(1).uid == "0123456789abcdef");
  CHECK_FALSE(hosts->at(1).disabled);

  const std::string written = hosts_file_text(*hosts);
  CHECK(written == list_of("\n" + host_text("web-1", "0123456789abcdef", kOneHash) + ",\n" +
                           host_text("web-2", "123456789abcdef0", std::string(64, 'b'),
                                     R"(,"disabled":true)") +
                           "\n") +
                       "\n");
  const auto again = parse_hosts_file(written);
  REQUIRE(again);
  CHECK(hosts_file_text(*again) == written);
  CHECK(hosts_file_text({}) == "{\"hosts\":[\n]}\n");
  CHECK(parse_hosts_file(hosts_file_text({}))->empty());
}

TEST_CASE("what cannot be meant as a list of hosts is refused with its place") {
  const std::string good = host_text("a", "0123456789abcdef", kOneHash);
  const auto check = [&](const std::string& text, const std::string& part) {
    CAPTURE(text);
    const auto hosts = parse_hosts_file(text);
    REQUIRE_FALSE(hosts);
    CAPTURE(hosts.error().text);
    CHECK(hosts.error().text.find(part) != std::string::npos);
  };
  check("", "not a JSON object");
  check("[]", "not a JSON object");
  check(R"({"hosts":{}})", "a list");
  check(R"({"hosts":[],"more":1})", "one member");
  check(R"({"hosts":[)" + good, "not a JSON object");  // cut off
  check(list_of("1"), "hosts[0]: it is not an object");
  check(list_of("{}"), "hosts[0]: it needs");
  check(list_of(good + R"(,{"name":"b","id":"1123456789abcdef"})"), "hosts[1]: it needs");
  check(list_of(host_text("a b", "0123456789abcdef", kOneHash)), "'name'");
  check(list_of(host_text("", "0123456789abcdef", kOneHash)), "'name'");
  check(list_of(host_text("..", "0123456789abcdef", kOneHash)), "'name'");
  check(list_of(host_text("a", "0123456789ABCDEF", kOneHash)), "'id'");
  check(list_of(host_text("a", "0123456789abcde", kOneHash)), "'id'");
  check(list_of(host_text("a", "0123456789abcdef", std::string(62, 'a'))), "'token_sha256'");
  check(list_of(host_text("a", "0123456789abcdef", std::string(64, 'g'))), "'token_sha256'");
  check(list_of(host_text("a", "0123456789abcdef", kOneHash, R"(,"disabeld":true)")), "'disabeld'");
  check(list_of(host_text("a", "0123456789abcdef", kOneHash, R"(,"disabled":"yes")")),
        "'disabled'");
  check(list_of(R"({"name":1})"), "'name' is not a text");
  check(list_of(good + "," + host_text("a", "1123456789abcdef", kOtherHash)), "called a");
  check(list_of(good + "," + host_text("b", "0123456789abcdef", kOtherHash)), "same id");
  check(list_of(good + "," + host_text("b", "1123456789abcdef", std::string(64, 'A'))),
        "same token");
}

}  // namespace
}  // namespace volta
