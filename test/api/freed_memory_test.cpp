#include "api/freed_memory.hpp"

#include <cstring>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <unistd.h>

namespace volta {
namespace {

TEST_CASE("memory is given back by several threads at once, which then end") {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([] { give_back_freed_memory(0); });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace volta

// Sanitizers bring a malloc of their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace volta {
namespace {

std::size_t resident_mib() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >> 20U;
}

TEST_CASE("freed memory goes back although something small stays behind it") {
  constexpr std::size_t kPieces = 4'000'000;
  const std::size_t before = resident_mib();
  std::unique_ptr<char[]> stays;
  {
    std::vector<std::unique_ptr<char[]>> pieces(kPieces);
    for (auto& piece : pieces) {
      piece = std::make_unique<char[]>(48);
      std::memset(piece.get(), 1, 48);
    }
    stays = std::make_unique<char[]>(48);
  }
  const std::size_t freed = resident_mib();
  REQUIRE(freed > before + 150);  // else there is nothing to give back
  give_back_freed_memory(std::size_t{1} << 30U);
  CHECK(resident_mib() + 10 > freed);
  give_back_freed_memory(std::size_t{64} << 20U);
  CHECK(resident_mib() < before + 64);
  CHECK(stays != nullptr);
}

}  // namespace
}  // namespace volta

#endif
