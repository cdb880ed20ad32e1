// The table of routes. It answers what is the same for all of them: 404, 405, HEAD, OPTIONS, login,
// roles, cross-site requests, unknown query parameters and refusals as problem details.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access.hpp"
#include "api/reply.hpp"
#include "model/http.hpp"

namespace volta {

// One request as a handler sees it; nothing of it outlives the call.
struct Call {
  const HttpRequest& request;
  const Who& who;
  const QueryParameters& query;
  std::string_view id;  // what stands for {id} in the pattern
};

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/api/v1/hosts/{id}/disable"; at most one {id}
  Action action = Action::read;
  std::vector<std::string_view>
      parameters;  // known query parameters; one ending in '.' is a prefix
  std::function<Reply(const Call&)> handler;  // many threads at once; may throw
};

class Router {
 public:
  void add(Route route) { routes_.push_back(std::move(route)); }
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }
  // Never throws. HEAD gets what GET gets; http/ leaves the body out.
  HttpResponse dispatch(const HttpRequest& request, Access& access) const;

 private:
  Reply find_and_run(const HttpRequest& request, Access& access) const;

  std::vector<Route> routes_;
};

// The request's query, or the refusal that names what is wrong in it (and the nearest known name).
std::variant<QueryParameters, Declined> known_query(
    const HttpRequest& request, const std::vector<std::string_view>& parameters);

// Login, role and cross-site rules for one action: who it is, or the refusal.
std::variant<Who, Declined> admit(const HttpRequest& request, Action action, Access& access);

// The refusal as application/problem+json with its headers.
HttpResponse to_response(const Declined& declined, std::string_view request_id);

}  // namespace volta
