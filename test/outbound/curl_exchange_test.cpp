// CurlClient against a server that keeps connections, compresses, stalls and speaks TLS.
#include <fstream>

#include <catch2/catch.hpp>
#include <zlib.h>

#include "base/error.hpp"
#include "outbound/curl_client.hpp"
#include "outbound/small_server.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::http_answer;
using test::SmallServer;

SmallServer::Answer always(std::string answer) {
  return [answer = std::move(answer)](const std::string&) { return answer; };
}

OutboundRequest get(const std::string& url) {
  OutboundRequest request;
  request.url = url;
  // A busy machine must not fail a case.
  request.timeout_ms = request.connect_timeout_ms = 120'000;
  return request;
}

std::string gzip_of(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string failure_of(CurlClient& client, const OutboundRequest& request) {
  try {
    client.perform(request);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

TEST_CASE("the answer's headers are there by lower-case name, of the last head only") {
  SmallServer server(always("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" +
                            http_answer("429 Slow down\r\nRetry-After:  7 \r\n"
                                        "X-Prometheus-Remote-Write-Samples-Written: 3",
                                        "later")));
  CurlClient client("volta/test");
  const OutboundResponse response = client.perform(get(server.url()));
  CHECK(response.status == 429);
  CHECK(response.header("retry-after") == "7");
  CHECK(response.header("x-prometheus-remote-write-samples-written") == "3");
  CHECK(response.header("x-early").empty());
  CHECK(response.header("nothing").empty());
  CHECK(response.body == "later");
}

TEST_CASE("connections are kept for the next request to the same server") {
  SmallServer server(always(http_answer("200 OK", "1")));
  CurlClient client("volta/test");
  for (int i = 0; i < 5; ++i) CHECK(client.perform(get(server.url())).body == "1");
  CHECK(server.connections() == 1);
  // Nothing of one request is left in the next.
  OutboundRequest post = get(server.url());
  post.method = "POST";
  post.body = "abc";
  post.headers = {{"X-Scope-OrgID", "tenant"}, {"X-Empty", ""}};
  post.basic_user = "u";
  post.basic_password = "p";
  client.perform(post);
  client.perform(get(server.url("/last")));
  CHECK(server.connections() == 1);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 7);
  CHECK(requests[5].find("X-Scope-OrgID: tenant\r\n") != std::string::npos);
  CHECK(requests[5].find("X-Empty:") != std::string::npos);
  CHECK(requests[5].find("Authorization: Basic dTpw\r\n") != std::string::npos);
  CHECK(requests[6].starts_with("GET /last "));
  CHECK(requests[6].find("Authorization") == std::string::npos);
  CHECK(requests[6].find("X-Scope-OrgID") == std::string::npos);
  CHECK(requests[6].find("Content-Length") == std::string::npos);
}

TEST_CASE("a connection that the server closed meanwhile is opened anew") {
  SmallServer server(always(http_answer("200 OK\r\nConnection: close", "1")));
  CurlClient client("volta/test");
  for (int i = 0; i < 3; ++i) CHECK(client.perform(get(server.url())).body == "1");
  CHECK(server.connections() == 3);
}

TEST_CASE("many threads share one client") {
  SmallServer server(always(http_answer("200 OK\r\nConnection: close", "1")));
  CurlClient client("volta/test");
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 4; ++k) good += client.perform(get(server.url())).status == 200 ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 32);
}

TEST_CASE("credentials go in the header that belongs to them") {
  SmallServer server(always(http_answer("204 No Content", "")));
  CurlClient client("volta/test");
  OutboundRequest request = get(server.url());
  request.bearer_token = "secret-token";
  client.perform(request);
  CHECK(server.requests().at(0).find("Authorization: Bearer secret-token\r\n") !=
        std::string::npos);
  request.bearer_token = "two\r\nX-Injected: 1";
  CHECK(failure_of(client, request).find("line break") != std::string::npos);
  request = get("http://user:pass@" + server.url().substr(7));
  CHECK_THROWS_AS(client.perform(request), Failure);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("a body is handed over as it was sent where that is asked for") {
  SmallServer server(always(http_answer("200 OK\r\nContent-Encoding: snappy", "not undone")));
  CurlClient client("volta/test");
  OutboundRequest request = get(server.url());
  CHECK_THROWS_AS(client.perform(request), Failure);  // nothing that curl can undo
  request.as_sent = true;
  CHECK(client.perform(request).body == "not undone");
  CHECK(server.requests().back().find("Accept-Encoding") == std::string::npos);
}

TEST_CASE("gzip is asked for and undone, and the limit is on what comes out") {
  const std::string text(200'000, 'a');
  SmallServer server(always(http_answer("200 OK\r\nContent-Encoding: gzip", gzip_of(text))));
  CurlClient client("volta/test");
  OutboundRequest request = get(server.url());
  CHECK(client.perform(request).body == text);
  CHECK(server.requests().at(0).find("Accept-Encoding: gzip\r\n") != std::string::npos);
  request.most_bytes = 100'000;
  CHECK(failure_of(client, request).find("longer than 100000 bytes") != std::string::npos);
  SmallServer broken(always(http_answer("200 OK\r\nContent-Encoding: gzip", "not gzip")));
  CHECK_THROWS_AS(client.perform(get(broken.url())), Failure);
}

TEST_CASE("endless headers, silence, a trickle and a cancel end the request") {
  CurlClient client("volta/test");
  std::string long_head = "200 OK";
  for (int i = 0; i < 2'000; ++i) long_head += "\r\nX-Pad: " + std::string(64, 'x');
  SmallServer wordy(always(http_answer(long_head, "")));
  CHECK(failure_of(client, get(wordy.url())).find("headers are longer") != std::string::npos);

  // It promises a hundred bytes and sends one.
  SmallServer slow(always("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"));
  OutboundRequest request = get(slow.url("/x?token=secret"));
  request.timeout_ms = 50;
  const std::string why = failure_of(client, request);
  CHECK(why.find("/x: ") != std::string::npos);
  CHECK(why.find("secret") == std::string::npos);

  SmallServer mute(always("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"));
  request = get(mute.url());
  request.timeout_ms = 60'000;
  const std::atomic<bool> cancel{true};
  request.cancel = &cancel;
  CHECK(failure_of(client, request).find("cancelled") != std::string::npos);
}

TEST_CASE("a body may be cut where only its beginning matters") {
  SmallServer server(always(http_answer("400 Bad Request", std::string(1'000'000, 'e'))));
  CurlClient client("volta/test");
  OutboundRequest request = get(server.url());
  request.most_bytes = 1'000;
  request.cut_body = true;
  for (int i = 0; i < 2; ++i) {
    const OutboundResponse response = client.perform(request);
    CHECK(response.status == 400);
    CHECK(response.body == std::string(1'000, 'e'));
  }
  request.cut_body = false;
  CHECK_THROWS_AS(client.perform(request), Failure);
}

TEST_CASE("the rules are asked about the address, whatever the name was") {
  SmallServer server(always(http_answer("200 OK", "1")));
  const auto rules = NetworkRules::make(std::vector<std::string>{"private", "public"});
  REQUIRE(rules);
  CurlClient strict("volta/test", rules.value());
  std::string by_name = server.url();
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  for (const std::string& url : {server.url(), by_name}) {
    CHECK(failure_of(strict, get(url)).find("not in the networks that may be asked") !=
          std::string::npos);
  }
  CHECK(server.connections() == 0);
  CurlClient standard("volta/test");
  CHECK(failure_of(standard, get("http://169.254.169.254/latest/meta-data/"))
            .find("169.254.169.254 is not in the networks") != std::string::npos);
  CHECK(failure_of(standard, get("http://0.0.0.0:" + server.url().substr(17)))
            .find("is not in the networks") != std::string::npos);
  CHECK(standard.perform(get(by_name)).body == "1");
}

TEST_CASE("certificates are verified, by a CA file of one's own if there is one") {
  const test::SelfSigned certificate;
  SmallServer server(always(http_answer("200 OK\r\nConnection: close", "sealed")), &certificate);
  CurlClient client("volta/test");
  CHECK(failure_of(client, get(server.url())).find("certificate") != std::string::npos);
  const test::TempDir dir;
  OutboundRequest request = get(server.url());
  request.ca_file = dir.path() / "ca.pem";
  std::ofstream(request.ca_file) << certificate.pem();
  CHECK(client.perform(request).body == "sealed");
  // The right authority, but another name than the certificate's.
  request.url.replace(request.url.find("127.0.0.1"), 9, "localhost");
  CHECK(failure_of(client, request).find("localhost") != std::string::npos);
  CHECK(failure_of(client, request).find("timed out") == std::string::npos);
  request.ca_file = dir.path() / "none.pem";
  CHECK_THROWS_AS(client.perform(request), Failure);
}

}  // namespace
}  // namespace volta
