// The table of routes. It answers what is the same for all of them: 404, 405, HEAD, OPTIONS, login,
// roles, cross-site requests, unknown query parameters and refusals as problem details.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
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
  // The handler reads the query itself: unknown and repeated parameters are its business, and the
  // Call's `query` is empty.
  bool free_query = false;
};

// Writes a refusal in the way that the clients of some paths expect.
using RefusalWriter = HttpResponse (*)(const Declined& declined, std::string_view request_id);

class Router {
 public:
  void add(Route route) { routes_.push_back(std::move(route)); }
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }
  // Every refusal under the prefix ("/prometheus/") is written so, those of the router itself too;
  // elsewhere they are problem details.
  void write_refusals(std::string prefix, RefusalWriter writer) {
    refusal_prefix_ = std::move(prefix);
    refusal_writer_ = writer;
  }
  // Never throws. HEAD gets what GET gets; http/ leaves the body out.
  HttpResponse dispatch(const HttpRequest& request, Access& access) const;
  // What dispatch would refuse by the head of the request alone: its path, method, login and role.
  std::optional<HttpResponse> refusal(const HttpRequest& head, Access& access) const;

 private:
  // Where a request leads to, and for whom.
  struct Found {
    const Route* route = nullptr;
    std::string_view id;
    Who who;
  };
  std::variant<Found, Reply> find(const HttpRequest& request, Access& access) const;
  Reply find_and_run(const HttpRequest& request, Access& access) const;

  [[nodiscard]] HttpResponse refuse(const HttpRequest& request, const Declined& declined) const;

  std::vector<Route> routes_;
  std::string refusal_prefix_;
  RefusalWriter refusal_writer_ = nullptr;
};

// The request's query, or the refusal that names what is wrong in it (and the nearest known name).
std::variant<QueryParameters, Declined> known_query(
    const HttpRequest& request, const std::vector<std::string_view>& parameters);

// Login, role and cross-site rules for one action: who it is, or the refusal.
std::variant<Who, Declined> admit(const HttpRequest& request, Action action, Access& access);

// The refusal as application/problem+json with its headers.
HttpResponse to_response(const Declined& declined, std::string_view request_id);

}  // namespace volta
