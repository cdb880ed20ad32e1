// What a route answers: a response, or a refusal that the router turns into RFC 9457 problem
// details.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/http.hpp"

namespace volta {

struct Declined {
  Problem problem;
  std::vector<std::pair<std::string, std::string>> headers;  // Retry-After, Allow ...
};
using Reply = std::variant<HttpResponse, Declined>;

// `code` is the stable word for programs; the title follows from the status.
Declined decline(int status, std::string code, std::string detail);
// 400 that names one parameter.
Declined bad_parameter(std::string_view name, std::string detail);
Declined host_not_found(std::string_view asked);

// application/json that no cache may keep.
HttpResponse json_response(std::string body, int status = 200);

// `{}` with the labels as members, appended to `out`.
void append_labels(std::string& out,
                   const std::vector<std::pair<std::string, std::string>>& labels);

// JSON that only changes with the binary: made once, answered with a weak ETag and 304.
class FixedJson {
 public:
  explicit FixedJson(std::string body);
  [[nodiscard]] HttpResponse answer(const HttpRequest& request) const;

 private:
  std::string body_;
  std::string etag_;
};

}  // namespace volta
