#include "api/router.hpp"

#include <algorithm>
#include <optional>

#include "base/log.hpp"
#include "base/text.hpp"
#include "model/query_string.hpp"

namespace volta {
namespace {

constexpr std::string_view kIdMark = "{id}";

// What {id} stands for ("" in patterns without), or empty if the path does not fit.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  const auto mark = pattern.find(kIdMark);
  if (mark == std::string_view::npos) {
    return pattern == path ? std::optional(std::string_view()) : std::nullopt;
  }
  const std::string_view before = pattern.substr(0, mark);
  const std::string_view after = pattern.substr(mark + kIdMark.size());
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) ||
      !path.ends_with(after)) {
    return std::nullopt;
  }
  const std::string_view id =
      path.substr(before.size(), path.size() - before.size() - after.size());
  return id.find('/') == std::string_view::npos ? std::optional(id) : std::nullopt;
}

bool is_known(std::string_view name, const std::vector<std::string_view>& parameters) {
  return std::any_of(parameters.begin(), parameters.end(), [&](std::string_view known) {
    if (!known.ends_with('.')) return known == name;
    return name.size() > known.size() && name.starts_with(known);
  });
}

}  // namespace

std::variant<QueryParameters, Declined> known_query(
    const HttpRequest& request, const std::vector<std::string_view>& parameters) {
  auto query = parse_query(request.query);
  if (!query) return decline(400, "bad_query", query.error().text);
  for (const auto& [name, value] : query->items) {
    if (is_known(name, parameters)) continue;
    std::string detail = "there is no such parameter here";
    if (const auto meant = nearest(name, parameters)) {
      detail += "; did you mean '" + std::string(*meant) + "'?";
    }
    Declined declined = bad_parameter(name, std::move(detail));
    declined.problem.code = "unknown_parameter";
    return declined;
  }
  return *std::move(query);
}

std::variant<Who, Declined> admit(const HttpRequest& request, Action action, Access& access) {
  auto known = access.identify(request);
  // What is open to all stays so for somebody with a wrong key: health checks, and the log-in.
  if (auto* declined = std::get_if<Declined>(&known)) {
    if (action == Action::open) return Who{};
    return std::move(*declined);
  }
  const Who& who = std::get<Who>(known);
  if (!may(who, action)) {
    if (who.role == Role::none) return login_needed();
    return decline(403, "forbidden",
                   "the role " + std::string(to_text(who.role)) + " may not do this");
  }
  if (auto declined = cross_site_refusal(request, who)) return *std::move(declined);
  return who;
}

HttpResponse to_response(const Declined& declined, std::string_view request_id) {
  HttpResponse response = problem_response(declined.problem, request_id);
  response.headers.insert(response.headers.end(), declined.headers.begin(), declined.headers.end());
  return response;
}

std::variant<Router::Found, Reply> Router::find(const HttpRequest& request, Access& access) const {
  const auto method =
      request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
  const Route* chosen = nullptr;
  std::string_view id;
  std::string allow;
  for (const Route& route : routes_) {
    const auto matched = match(route.pattern, request.path);
    if (!matched) continue;
    allow += std::string(route.method) + (route.method == "GET" ? ", HEAD, " : ", ");
    if (route.method == method) {
      chosen = &route;
      id = *matched;
    }
  }
  if (allow.empty()) {
    return Reply(decline(404, "not_found", "there is nothing at " + request.path));
  }
  allow += "OPTIONS";
  if (method == "OPTIONS") {
    HttpResponse response;
    response.status = 204;
    response.headers.emplace_back("Allow", allow);
    return Reply(std::move(response));
  }
  if (chosen == nullptr) {
    Declined declined = decline(405, "method_not_allowed",
                                request.method + " is not possible here; possible: " + allow);
    declined.headers.emplace_back("Allow", allow);
    return Reply(std::move(declined));
  }
  auto who = admit(request, chosen->action, access);
  if (auto* declined = std::get_if<Declined>(&who)) return Reply(std::move(*declined));
  return Found{chosen, id, std::get<Who>(std::move(who))};
}

Reply Router::find_and_run(const HttpRequest& request, Access& access) const {
  auto found = find(request, access);
  if (auto* reply = std::get_if<Reply>(&found)) return std::move(*reply);
  const auto& [route, id, who] = std::get<Found>(found);
  if (route->free_query) {
    const QueryParameters unread;
    return route->handler({request, who, unread, id});
  }
  auto query = known_query(request, route->parameters);
  if (auto* declined = std::get_if<Declined>(&query)) return std::move(*declined);
  return route->handler({request, who, std::get<QueryParameters>(query), id});
}

std::optional<HttpResponse> Router::refusal(const HttpRequest& head, Access& access) const {
  auto found = find(head, access);
  auto* reply = std::get_if<Reply>(&found);
  const auto* declined = reply != nullptr ? std::get_if<Declined>(reply) : nullptr;
  if (declined == nullptr) return std::nullopt;
  return refuse(head, *declined);
}

HttpResponse Router::refuse(const HttpRequest& request, const Declined& declined) const {
  if (refusal_writer_ != nullptr && request.path.starts_with(refusal_prefix_)) {
    return refusal_writer_(declined, request.request_id);
  }
  return to_response(declined, request.request_id);
}

HttpResponse Router::dispatch(const HttpRequest& request, Access& access) const {
  try {
    Reply reply = find_and_run(request, access);
    if (auto* response = std::get_if<HttpResponse>(&reply)) return std::move(*response);
    return refuse(request, std::get<Declined>(reply));
  } catch (const std::exception& failure) {
    log::error("request failed",
               {{"path", request.path}, {"id", request.request_id}, {"why", failure.what()}});
    return refuse(request, decline(500, "internal", "volta failed here; its log has the reason"));
  }
}

}  // namespace volta
