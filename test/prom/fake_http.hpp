// An HttpClient that answers from a script and keeps what it was asked.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "model/http.hpp"

namespace volta::test {

// Thread-safe. With no answer left it gives `otherwise`.
class FakeHttp final : public HttpClient {
 public:
  using Answer = std::function<OutboundResponse(const OutboundRequest&)>;

  OutboundResponse perform(const OutboundRequest& request) override {
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      answer = otherwise;
      if (!answers_.empty()) {
        answer = std::move(answers_.front());
        answers_.pop_front();
      }
    }
    return answer(request);
  }

  static Answer status(int code, std::vector<std::pair<std::string, std::string>> headers = {},
                       std::string body = "") {
    return [=](const OutboundRequest&) {
      OutboundResponse response;
      response.status = code;
      response.headers = headers;
      response.body = body;
      return response;
    };
  }
  static Answer text(std::string body, std::string content_type = "text/plain; version=0.0.4") {
    return [=](const OutboundRequest&) {
      OutboundResponse response;
      response.status = 200;
      response.content_type = content_type;
      response.body = body;
      return response;
    };
  }
  static Answer broken(std::string why) {
    return [=](const OutboundRequest&) -> OutboundResponse { throw Failure(why); };
  }

  void next(Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(answer));
  }
  [[nodiscard]] std::vector<OutboundRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  Answer otherwise = status(204);

 private:
  mutable std::mutex mutex_;
  std::deque<Answer> answers_;
  std::vector<OutboundRequest> requests_;
};

}  // namespace volta::test
