// Reads small JSON that came from outside.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "api/reply.hpp"

namespace volta {

// The one text member of a body like {"name":"..."}. Refuses (415) other content types, (400) what
// is not such an object and (422) other members, naming them by JSON pointer.
std::variant<std::string, Declined> text_member(const HttpRequest& request, std::string_view key);

// `json` if it is one whole JSON object, else "{}".
std::string_view object_or_empty(std::string_view json);

}  // namespace volta
