// A cell of CSV (RFC 4180).
#pragma once

#include <string>
#include <string_view>

namespace volta {

// Quoted where it must be. Of a label's value what a spreadsheet would take for a formula gets an
// apostrophe in front.
std::string csv_cell(std::string_view text, bool label);

}  // namespace volta
