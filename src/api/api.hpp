// What each route does, on plain request and response values: the HttpHandler that http/ calls.
#pragma once

#include <memory>
#include <variant>

#include "api/access.hpp"
#include "api/api_parts.hpp"
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
  std::optional<StreamKind> stream_kind(const HttpRequest& request) override;
  // A WebSocket without login is opened and closed at once with 4401, because a page cannot see why
  // an upgrade was refused; everything else is refused as REST would.
  std::variant<std::unique_ptr<StreamReceiver>, HttpResponse> open_stream(
      const HttpRequest& request, std::shared_ptr<StreamSender> sender) override;

  [[nodiscard]] const Router& router() const { return router_; }

 private:
  std::variant<std::unique_ptr<StreamReceiver>, Declined> open(
      const HttpRequest& request, StreamKind kind, std::shared_ptr<StreamSender> sender);

  const ApiParts parts_;
  const ApiSettings settings_;
  Access access_;
  Router router_;
};

}  // namespace volta
