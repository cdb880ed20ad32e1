// Numbers as text beyond what std has.
#pragma once

#include <string>

namespace volta {

// The shortest digits that read back as the value, without an exponent, filled up with zeros:
// 100000000000000000000, 0.0000001. (std::to_chars would show all digits of a large double.) Finite
// values only.
void append_plain_number(std::string& out, double value);

}  // namespace volta
