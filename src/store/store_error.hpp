// Why a data directory cannot be opened, in kinds that the roles turn into exit codes.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "base/error.hpp"

namespace volta {

// what() is a whole sentence for the person at the terminal.
class StoreError : public Failure {
 public:
  enum class Kind : std::uint8_t {
    locked,        // another process owns the directory
    unwritable,    // it cannot be made, read or written
    newer_schema,  // written by a later volta
    damaged,       // not a store, or a broken one
    incomplete,    // the WAL of a store is there without its database
  };
  StoreError(Kind kind, const std::string& text, pid_t holder = 0)
      : Failure(text), kind_(kind), holder_(holder) {}
  [[nodiscard]] Kind kind() const { return kind_; }
  // Process id of the owner if kind() is locked and it is known; 0 otherwise.
  [[nodiscard]] pid_t holder() const { return holder_; }

 private:
  Kind kind_;
  pid_t holder_;
};

}  // namespace volta
