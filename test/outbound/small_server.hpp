// A real HTTP/1.1 server on loopback for the client's tests: one thread, one connection at a time,
// kept alive as long as the client likes; over TLS if it has a certificate.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/unique_fd.hpp"

namespace volta::test {

// A key and a certificate of its own making for the IP address 127.0.0.1.
class SelfSigned {
 public:
  SelfSigned() {
    X509* x = certificate_.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -86'400);
    X509_gmtime_adj(X509_getm_notAfter(x), 864'000);
    X509_set_pubkey(x, key_.get());
    const std::string name = "volta test";
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    for (const auto& [id, text] : {std::pair{NID_subject_alt_name, "IP:127.0.0.1"},
                                   std::pair{NID_basic_constraints, "critical,CA:TRUE"}}) {
      const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
          X509V3_EXT_conf_nid(nullptr, nullptr, id, text), X509_EXTENSION_free);
      X509_add_ext(x, extension.get(), -1);
    }
    REQUIRE(X509_sign(x, key_.get(), EVP_sha256()) > 0);
  }
  [[nodiscard]] std::string pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(memory.get(), certificate_.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  void use(SSL_CTX* context) const {
    SSL_CTX_use_certificate(context, certificate_.get());
    SSL_CTX_use_PrivateKey(context, key_.get());
  }

 private:
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{EVP_EC_gen("P-256"), EVP_PKEY_free};
  std::unique_ptr<X509, decltype(&X509_free)> certificate_{X509_new(), X509_free};
};

class SmallServer {
 public:
  // The whole answer to a whole request. "" closes the connection without one; answers that say
  // "Connection: close" close it after.
  using Answer = std::function<std::string(const std::string& request)>;

  explicit SmallServer(Answer answer, const SelfSigned* certificate = nullptr)
      : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    if (certificate != nullptr) {
      context_.reset(SSL_CTX_new(TLS_server_method()));
      certificate->use(context_.get());
    }
    thread_ = std::thread([this] { serve(); });
  }
  ~SmallServer() {
    stopping_ = true;
    thread_.join();
  }
  SmallServer(const SmallServer&) = delete;
  SmallServer& operator=(const SmallServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/x") const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    return (context_ ? "https://127.0.0.1:" : "http://127.0.0.1:") +
           std::to_string(ntohs(address.sin_port)) + path;
  }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  struct Link {
    UniqueFd fd;
    std::unique_ptr<SSL, decltype(&SSL_free)> tls{nullptr, SSL_free};
    long read(char* data, std::size_t size) const {
      return tls ? SSL_read(tls.get(), data, static_cast<int>(size))
                 : ::recv(fd.get(), data, size, 0);
    }
    void write(const std::string& data) const {
      if (tls) {
        SSL_write(tls.get(), data.data(), static_cast<int>(data.size()));
      } else {
        (void)!::send(fd.get(), data.data(), data.size(), MSG_NOSIGNAL);
      }
    }
  };

  // False once the server stops.
  bool readable(int fd) const {
    while (!stopping_) {
      pollfd one{fd, POLLIN, 0};
      if (::poll(&one, 1, 20) > 0) return true;
    }
    return false;
  }
  void serve() {
    // OpenSSL writes to connections that the client has closed.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (readable(listener_.get())) {
      Link link;
      link.fd.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      ++connections_;
      if (context_) {
        link.tls.reset(SSL_new(context_.get()));
        SSL_set_fd(link.tls.get(), link.fd.get());
        if (SSL_accept(link.tls.get()) != 1) continue;
      }
      while (one_request(link)) {
      }
    }
  }
  bool one_request(const Link& link) {
    std::string request;
    std::size_t wanted = std::string::npos;
    while (request.size() < wanted) {
      const bool buffered = link.tls && SSL_pending(link.tls.get()) > 0;
      if (!buffered && !readable(link.fd.get())) return false;
      std::string part(65'536, '\0');
      const long got = link.read(part.data(), part.size());
      if (got <= 0) return false;
      request.append(part, 0, static_cast<std::size_t>(got));
      const std::size_t head = request.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      const std::size_t length = request.find("Content-Length: ");
      wanted = head + 4 + (length < head ? std::stoul(request.substr(length + 16)) : 0);
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const std::string answer = answer_(request);
    link.write(answer);
    return !answer.empty() && answer.find("Connection: close") == std::string::npos;
  }

  Answer answer_;
  UniqueFd listener_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, SSL_CTX_free};
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

inline std::string http_answer(const std::string& head, const std::string& body) {
  return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

}  // namespace volta::test
