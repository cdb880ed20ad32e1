// Whether something was logged, and how often.
#pragma once

#include <fstream>
#include <string>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "support/temp_dir.hpp"

namespace volta::test {

// What the process writes to stderr while it lives.
class Stderr {
 public:
  Stderr() : before_(::dup(2)) {
    const int file =
        ::open((dir_.path() / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    REQUIRE(before_ >= 0);
    REQUIRE(file >= 0);
    REQUIRE(::dup2(file, 2) == 2);
    ::close(file);
  }
  Stderr(const Stderr&) = delete;
  Stderr& operator=(const Stderr&) = delete;
  ~Stderr() {
    ::dup2(before_, 2);
    ::close(before_);
  }
  [[nodiscard]] std::size_t lines(const std::string& with) const {
    std::ifstream in(dir_.path() / "log");
    std::size_t count = 0;
    for (std::string line; std::getline(in, line);) count += line.find(with) != std::string::npos;
    return count;
  }

 private:
  const TempDir dir_;
  const int before_;
};

}  // namespace volta::test
