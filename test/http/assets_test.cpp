#include "http/assets.hpp"

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

namespace volta {
namespace {

constexpr Asset kTable[] = {
    {"/assets/main-1a2b.js", "text/javascript", "aaaa", "plain script", "packed script"},
    {"/favicon.svg", "image/svg+xml", "bbbb", "<svg/>", ""},
    {"/index.html", "text/html; charset=utf-8", "cccc", "<html>", "packed html"},
};

HttpRequest page_request(std::string path, std::string accept_encoding = "", std::string tag = "") {
  HttpRequest request;
  request.method = "GET";
  request.path = std::move(path);
  request.headers = {{"accept-encoding", std::move(accept_encoding)},
                     {"if-none-match", std::move(tag)}};
  return request;
}

std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

TEST_CASE("files of the page come plain or packed, with their own tags") {
  const Assets assets(kTable);
  const auto plain = assets.answer(page_request("/assets/main-1a2b.js"));
  REQUIRE(plain);
  CHECK(plain->body == "plain script");
  CHECK(plain->content_type == "text/javascript");
  CHECK(header_of(*plain, "ETag") == "\"aaaa\"");
  CHECK(header_of(*plain, "Cache-Control") == "public, max-age=31536000, immutable");
  CHECK(header_of(*plain, "Content-Encoding").empty());
  const auto packed = assets.answer(page_request("/assets/main-1a2b.js", "gzip"));
  REQUIRE(packed);
  CHECK(packed->body == "packed script");
  CHECK(header_of(*packed, "ETag") == "\"aaaa-gz\"");
  CHECK(header_of(*packed, "Content-Encoding") == "gzip");
  CHECK(header_of(*packed, "Vary") == "Accept-Encoding");
  const auto icon = assets.answer(page_request("/favicon.svg", "gzip"));
  REQUIRE(icon);
  CHECK(icon->body == "<svg/>");
}

TEST_CASE("the page's own addresses get index.html, which is always asked for again") {
  const Assets assets(kTable);
  for (const char* path : {"/", "/hosts/abc", "/settings", "/apiary", "/metricsx", "/index.html"}) {
    INFO(path);
    const auto index = assets.answer(page_request(path));
    REQUIRE(index);
    CHECK(index->status == 200);
    CHECK(index->body == "<html>");
    CHECK(header_of(*index, "Cache-Control") == "no-cache");
  }
}

TEST_CASE("an unchanged file is not sent again") {
  const Assets assets(kTable);
  for (const char* tag : {"\"cccc\"", "W/\"cccc\"", "\"x\", \"cccc\"", "*"}) {
    const auto same = assets.answer(page_request("/", "", tag));
    REQUIRE(same);
    CHECK(same->status == 304);
    CHECK(same->body.empty());
    CHECK(header_of(*same, "ETag") == "\"cccc\"");
  }
  CHECK(assets.answer(page_request("/", "gzip", "\"cccc\""))->status == 200);
  CHECK(assets.answer(page_request("/", "", "\"ccc\""))->status == 200);
}

TEST_CASE("the handler's paths and methods are left to it; missing files are 404") {
  const Assets assets(kTable);
  for (const char* path :
       {"/api", "/api/v1/hosts", "/prometheus/api/v1/query", "/metrics", "/healthz", "/readyz"}) {
    INFO(path);
    CHECK_FALSE(assets.answer(page_request(path)));
  }
  HttpRequest post = page_request("/");
  post.method = "POST";
  CHECK_FALSE(assets.answer(post));
  HttpRequest missing = page_request("/assets/other.js");
  missing.request_id = "r1";
  const auto refused = assets.answer(missing);
  REQUIRE(refused);
  CHECK(refused->status == 404);
  CHECK(refused->content_type == "application/problem+json");
  CHECK(
      refused->body ==
      R"({"type":"about:blank","title":"Not Found","status":404,)"
      R"("detail":"the page has no such file","code":"not_found","errors":[],"request_id":"r1"})");
  CHECK(header_of(*refused, "Cache-Control") == "no-store");
  CHECK(assets.answer(page_request("/assets"))->status == 404);
  CHECK(Assets(std::span<const Asset>()).answer(page_request("/"))->status == 404);
}

TEST_CASE("while developing, files come from a folder as they are now") {
  const test::TempDir folder;
  folder.write("index.html", "one");
  folder.write("assets/a.css", "body{}");
  const Assets assets(folder.path());
  CHECK(assets.answer(page_request("/"))->body == "one");
  folder.write("index.html", "two");
  const auto again = assets.answer(page_request("/hosts"));
  CHECK(again->body == "two");
  CHECK(header_of(*again, "Cache-Control") == "no-store");
  CHECK(assets.answer(page_request("/assets/a.css"))->content_type == "text/css; charset=utf-8");
  CHECK(assets.answer(page_request("/assets/b.css"))->status == 404);
  CHECK_FALSE(assets.answer(page_request("/api/x")));
}

TEST_CASE("the embedded table is sorted") {
  const auto table = embedded_assets();
  for (std::size_t i = 1; i < table.size(); ++i) CHECK(table[i - 1].path < table[i].path);
}

}  // namespace
}  // namespace volta
