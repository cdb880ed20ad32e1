// The machines that test/fixtures/host holds: /proc, /sys and / as they were recorded.
#pragma once

#include <filesystem>
#include <string>

#include "collect/collector.hpp"
#include "support/fixtures.hpp"

namespace volta::test {

inline HostRoots recorded_host(const std::string& machine) {
  const std::filesystem::path folder = fixtures() / "host" / machine;
  return {folder / "proc", folder / "sys", folder / "root"};
}

}  // namespace volta::test
