// What each route does, on plain request and response values: the HttpHandler that http/ calls.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/access.hpp"
#include "api/api_parts.hpp"
#include "api/prometheus_context.hpp"
#include "api/router.hpp"
#include "model/http.hpp"

namespace volta {

// Thread-safe; starts no thread. Lives longer than http/'s server and its open streams.
class Api final : public HttpHandler {
 public:
  Api(ApiParts parts, ApiSettings settings, const AccessSettings& access);
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  HttpResponse handle(const HttpRequest& request) override;
  // Who may not do what the request asks need not send a long body for it.
  std::optional<HttpResponse> refuse_body(const HttpRequest& head) override {
    return router_.refusal(head, access_);
  }
  std::optional<StreamKind> stream_kind(const HttpRequest& request) override;
  // A WebSocket without login is opened and closed at once with 4401, because a page cannot see why
  // an upgrade was refused; everything else is refused as REST would.
  std::variant<std::unique_ptr<StreamReceiver>, HttpResponse> open_stream(
      const HttpRequest& request, std::shared_ptr<StreamSender> sender) override;

  [[nodiscard]] const Router& router() const { return router_; }
  // Queries that run end early, and so do all that come from now on. Any thread; before http/
  // stops.
  void cancel_queries() { prometheus_.cancel = true; }

  // For http/'s options. POSTs that only ask, so that no page of another origin can do harm by
  // them; and routes whose bodies may be large.
  static std::vector<std::string> asking_posts();
  static std::vector<std::pair<std::string, std::size_t>> body_limits();

 private:
  std::variant<std::unique_ptr<StreamReceiver>, Declined> open(
      const HttpRequest& request, StreamKind kind, std::shared_ptr<StreamSender> sender);

  const ApiParts parts_;
  const ApiSettings settings_;
  Access access_;
  PrometheusContext prometheus_;
  Router router_;
};

}  // namespace volta
