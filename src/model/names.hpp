// Which texts Prometheus takes for names, and which bytes are text at all.
#pragma once

#include <string_view>

namespace volta {

bool is_metric_name(std::string_view text);  // [a-zA-Z_:][a-zA-Z0-9_:]*
bool is_label_name(std::string_view text);   // [a-zA-Z_][a-zA-Z0-9_]*
bool is_utf8(std::string_view text);

}  // namespace volta
