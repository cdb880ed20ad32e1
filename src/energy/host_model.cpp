#include "energy/host_model.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace volta {

double host_power_w(double tdp_w, double utilisation, std::uint64_t memory_bytes) {
  static constexpr std::array<std::pair<double, double>, 4> kCurve = {
      {{0, 0.12}, {0.10, 0.32}, {0.50, 0.75}, {1, 1.02}}};
  constexpr double kMemoryWattsPerByte = 0.284e-9;
  const double load = std::clamp(utilisation, 0.0, 1.0);
  double share = kCurve.back().second;
  for (std::size_t i = 1; i < kCurve.size(); ++i) {
    const auto [x0, y0] = kCurve.at(i - 1);
    const auto [x1, y1] = kCurve.at(i);
    if (load > x1) continue;
    share = y0 + (y1 - y0) * (load - x0) / (x1 - x0);
    break;
  }
  return tdp_w * share + kMemoryWattsPerByte * static_cast<double>(memory_bytes);
}

}  // namespace volta
