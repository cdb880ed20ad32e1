// Keeps from toml++ 3.3 (Debian 12) what it does not stand although it is bad TOML anyway.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace volta {

// Empty: the parser may have it. Else "LINE: why not":
//   a key of very many parts, for each of which the parser goes down the stack once;
//   characters beyond ASCII outside of texts and comments, some of which lead it into what its
//   tables call unreachable.
std::optional<std::string> unfit_for_toml_parser(std::string_view content);

}  // namespace volta
