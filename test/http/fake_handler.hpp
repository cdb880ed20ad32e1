// A handler whose routes show what arrived, block, fail, or open streams that the test then holds.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "model/http.hpp"

namespace volta::test {

class FakeHandler final : public HttpHandler {
 public:
  // "/api/echo": what arrived, a line each. "/api/big": 100 KB. "/api/wait": after release().
  // "/api/until-cancelled": 503 once nobody waits. "/api/throw": throws. "/api/huge": 3 MB,
  // "/api/vast": 16 MB, neither compressible. Else 404.
  HttpResponse handle(const HttpRequest& request) override {
    ++handled;
    HttpResponse response;
    response.content_type = "text/plain";
    if (request.path == "/api/echo") {
      response.body = describe(request);
    } else if (request.path == "/api/big") {
      response.body = std::string(100'000, 'b');
    } else if (request.path == "/api/huge") {
      response.body = std::string(3'000'000, 'h');
      response.compressible = false;
    } else if (request.path == "/api/vast") {
      response.body = std::string(16'000'000, 'v');
      response.compressible = false;
    } else if (request.path == "/api/wait") {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return released_; });
    } else if (request.path == "/api/until-cancelled") {
      while (!*request.cancelled) std::this_thread::yield();
      ++cancelled;
      response.status = 503;
    } else if (request.path == "/api/throw") {
      throw std::runtime_error("on purpose");
    } else {
      response.status = 404;
    }
    return response;
  }

  // Long bodies are not for "nobody".
  std::optional<HttpResponse> refuse_body(const HttpRequest& head) override {
    if (head.header("authorization") != "Bearer nobody") return std::nullopt;
    HttpResponse response;
    response.status = 401;
    return response;
  }

  std::optional<StreamKind> stream_kind(const HttpRequest& request) override {
    if (request.path == "/api/ws") return StreamKind::web_socket;
    if (request.path == "/api/sse") return StreamKind::server_sent_events;
    return std::nullopt;
  }

  // Echoes messages back unless on_open says otherwise; the query "refuse" is refused with 401.
  std::variant<std::unique_ptr<StreamReceiver>, HttpResponse> open_stream(
      const HttpRequest& request, std::shared_ptr<StreamSender> sender) override {
    if (request.query == "refuse") {
      HttpResponse response;
      response.status = 401;
      return response;
    }
    ++open;
    auto receiver = std::make_unique<Receiver>(*this, sender);
    const std::lock_guard lock(mutex_);
    senders_.push_back(std::move(sender));
    changed_.notify_all();
    return receiver;
  }

  void release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

  // The n-th stream's sender, once it is there.
  std::shared_ptr<StreamSender> sender(std::size_t n = 0) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return senders_.size() > n; })) {
      throw std::runtime_error("no stream was opened within the deadline");
    }
    return senders_[n];
  }

  // Until so many receivers are left.
  bool wait_for_open(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return open == count; });
  }

  std::atomic<int> handled{0};
  std::atomic<int> cancelled{0};
  std::atomic<int> open{0};

 private:
  static constexpr std::chrono::seconds kPatience{20};

  class Receiver final : public StreamReceiver {
   public:
    Receiver(FakeHandler& handler, std::shared_ptr<StreamSender> sender)
        : handler_(handler), sender_(std::move(sender)) {}
    ~Receiver() override {
      const std::lock_guard lock(handler_.mutex_);
      --handler_.open;
      handler_.changed_.notify_all();
    }
    void on_message(std::string_view text) override {
      if (text == "throw") throw std::runtime_error("on purpose");
      sender_->send({}, std::make_shared<const std::string>("echo:" + std::string(text)));
    }

   private:
    FakeHandler& handler_;
    std::shared_ptr<StreamSender> sender_;
  };

  static std::string describe(const HttpRequest& request) {
    std::string text = request.method + " " + request.path + " ?" + request.query + "\n";
    text += "body=" + request.body + "\n";
    text += "peer=" + request.peer.address.substr(0, request.peer.address.find(':')) +
            (request.peer.loopback ? " loopback" : "") + (request.peer.unix_socket ? " unix" : "") +
            "\n";
    text += "id=" + request.request_id + "\n";
    for (const auto& [name, value] : request.headers) text.append(name).append("=" + value + "\n");
    return text;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  std::vector<std::shared_ptr<StreamSender>> senders_;
};

}  // namespace volta::test
