#include "base/error.hpp"

#include <array>
#include <cstring>

namespace volta {

std::string error_text(int error_number) {
  std::array<char, 128> buffer{};
  return strerror_r(error_number, buffer.data(), buffer.size());  // the GNU form: returns the text
}

SystemFailure::SystemFailure(std::string_view action, std::string_view subject, int error_number)
    : Failure(std::string(action) + " " + std::string(subject) + ": " + error_text(error_number)),
      error_number_(error_number) {}

}  // namespace volta
