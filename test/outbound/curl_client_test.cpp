#include "outbound/curl_client.hpp"

#include <thread>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

// Answers one connection with fixed bytes and keeps what it was sent.
class OneAnswer {
 public:
  OneAnswer(int family, const sockaddr* address, socklen_t length, std::string answer)
      : listener_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)), answer_(std::move(answer)) {
    REQUIRE(::bind(listener_.get(), address, length) == 0);
    REQUIRE(::listen(listener_.get(), 1) == 0);
    thread_ = std::thread([this] {
      const UniqueFd link(::accept(listener_.get(), nullptr, nullptr));
      std::string buffer(65536, '\0');
      const ssize_t got = ::recv(link.get(), buffer.data(), buffer.size(), 0);
      seen_.assign(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
      (void)!::write(link.get(), answer_.data(), answer_.size());
    });
  }
  std::string seen() {
    thread_.join();
    return seen_;
  }
  [[nodiscard]] int port() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.sin_port);
  }

 private:
  UniqueFd listener_;
  std::string answer_;
  std::string seen_;
  std::thread thread_;
};

std::unique_ptr<OneAnswer> loopback(std::string answer) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return std::make_unique<OneAnswer>(AF_INET, reinterpret_cast<const sockaddr*>(&address),
                                     sizeof address, std::move(answer));
}

std::string url(const OneAnswer& server) {
  return "http://127.0.0.1:" + std::to_string(server.port()) + "/x";
}

TEST_CASE("a request is sent and its answer read") {
  const auto server = loopback(
      "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  CurlClient client("volta/test");
  OutboundRequest request;
  request.method = "POST";
  request.url = url(*server);
  request.body = "name=1";
  request.headers = {{"Content-Type", "text/plain"}};
  const OutboundResponse response = client.perform(request);
  CHECK(response.status == 201);
  CHECK(response.content_type == "application/json");
  CHECK(response.body == "{}");
  const std::string seen = server->seen();
  CHECK(seen.starts_with("POST /x HTTP/1.1\r\n"));
  CHECK(seen.find("User-Agent: volta/test") != std::string::npos);
  CHECK(seen.ends_with("name=1"));
}

TEST_CASE("a redirect is an answer, not a journey") {
  const auto server =
      loopback("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  CurlClient client("volta/test");
  OutboundRequest request;
  request.url = url(*server);
  CHECK(client.perform(request).status == 302);
  (void)server->seen();
}

TEST_CASE("a longer answer than allowed, silence and a refused connection are failures") {
  CurlClient client("volta/test");
  OutboundRequest request;
  {
    const auto server =
        loopback("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x'));
    request.url = url(*server);
    request.most_bytes = 50;
    CHECK_THROWS_WITH(client.perform(request), Catch::Matchers::Contains("longer than 50 bytes"));
    (void)server->seen();
  }
  request.url = "http://127.0.0.1:1/";
  CHECK_THROWS_AS(client.perform(request), Failure);
  request.url = "http://user:secret@127.0.0.1:1/path/a@b?token=hidden";
  CHECK_THROWS_WITH(client.perform(request),
                    Catch::Matchers::Contains("http://127.0.0.1:1/path/a@b: ") &&
                        !Catch::Matchers::Contains("secret") &&
                        !Catch::Matchers::Contains("hidden"));
  request.url = "file:///etc/passwd";
  CHECK_THROWS_AS(client.perform(request), Failure);
}

TEST_CASE("a unix socket is spoken to by path") {
  const test::TempDir dir;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir.path() / "s";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  OneAnswer server(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address,
                   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CurlClient client("volta/test");
  OutboundRequest request;
  request.url = "http://localhost/y";
  request.unix_socket = path;
  CHECK(client.perform(request).body == "ok");
  CHECK(server.seen().starts_with("GET /y "));
}

}  // namespace
}  // namespace volta
