// Exceptions for when the world fails: a read error, a full disk, a peer that went away. Exactly
// one catch per unit of work (sample, batch, call, request, role start) deals with them.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace volta {

// What went wrong, with the path or peer it concerns in the text.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A system call failed. what() is "ACTION SUBJECT: strerror".
class SystemFailure : public Failure {
 public:
  SystemFailure(std::string_view action, std::string_view subject, int error_number);
  [[nodiscard]] int error_number() const { return error_number_; }

 private:
  int error_number_;
};

// Text of an errno value; thread-safe, unlike strerror.
std::string error_text(int error_number);

}  // namespace volta
