// What became of the samples that an import sent.
#pragma once

#include <cstddef>
#include <string>

#include "app/admin_door.hpp"

namespace volta {

struct ImportTotals {
  std::size_t samples = 0;  // taken
  std::size_t refused = 0;  // lines and requests of which not all was taken

  // The answer to a remote write of `sent` samples; 2xx, or 400 where it was refused in whole or in
  // part.
  void count(const DoorAnswer& answer, std::size_t sent);
};

}  // namespace volta
