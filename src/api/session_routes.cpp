// Log in for a cookie, see who one is, log out.
#include "api/json_body.hpp"
#include "api/routes.hpp"
#include "base/json_writer.hpp"

namespace volta {
namespace {

HttpResponse session_answer(const Who& who, int status) {
  std::string out;
  JsonWriter(out)
      .begin_object()
      .member("role", to_text(who.role))
      .member("how", to_text(who.how))
      .member("login_required", who.role == Role::none)
      .end_object();
  return json_response(std::move(out), status);
}

Reply log_in(Access& access, const Call& call) {
  // application/json cannot be sent across sites without a preflight, which nobody here answers.
  auto key = text_member(call.request, "access_key");
  if (auto* declined = std::get_if<Declined>(&key)) return std::move(*declined);
  auto session = access.log_in(call.request, std::get<std::string>(key));
  if (auto* declined = std::get_if<Declined>(&session)) return std::move(*declined);
  const auto& opened = std::get<Access::NewSession>(session);
  // A new id at every log-in; the one before, if any, ends.
  if (call.who.session) access.log_out(call.request, call.who);
  HttpResponse response = session_answer(opened.who, 201);
  response.headers.emplace_back("Set-Cookie", opened.cookie);
  return response;
}

Reply log_out(Access& access, const Call& call) {
  HttpResponse response;
  response.status = 204;
  response.headers = {{"Cache-Control", "no-store"},
                      {"Set-Cookie", access.log_out(call.request, call.who)}};
  return response;
}

}  // namespace

void add_session_routes(Router& router, Access& access) {
  router.add({"GET", "/api/v1/session", Action::open, {}, [](const Call& call) -> Reply {
                return session_answer(call.who, 200);
              }});
  router.add({"POST", "/api/v1/session", Action::open, {}, [&access](const Call& call) {
                return log_in(access, call);
              }});
  router.add({"DELETE", "/api/v1/session", Action::open, {}, [&access](const Call& call) {
                return log_out(access, call);
              }});
}

}  // namespace volta
