#include "collect/tdp.hpp"

#include <array>

#include <fmt/format.h>

#include "base/text.hpp"
#include "collect/powercap.hpp"

namespace volta {
namespace {

// "Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz" -> up to the model's number: the rest has letters that
// mean something there. "CPU" may stand before the number too: "Xeon(R) CPU E5-2680 v3 @ 2.50GHz".
std::string_view without_extras(std::string_view model) {
  for (const std::string_view extra : {" @", " with ", " w/ "}) {
    model = model.substr(0, model.find(extra));
  }
  constexpr std::string_view kCpu = " CPU";
  if (model.ends_with(kCpu)) model.remove_suffix(kCpu.size());
  return model;
}

// A family by the pattern of its model name, with a typical member: its TDP and its threads as the
// maker publishes them. A family spans a factor of two either way, so this is no measurement; the
// first that fits counts.
struct Family {
  std::string_view pattern;
  std::string_view typical;
  double watts;
  double threads;
};

constexpr std::array kFamilies = {
    Family{"*Xeon*Platinum*", "Xeon Platinum 8280", 205, 56},
    Family{"*Xeon*Gold*", "Xeon Gold 6248", 150, 40},
    Family{"*Xeon*Silver*", "Xeon Silver 4214", 85, 24},
    Family{"*Xeon*Bronze*", "Xeon Bronze 3204", 85, 6},
    Family{"*Xeon*E5*", "Xeon E5-2680 v3", 120, 24},
    Family{"*Xeon*E-2*", "Xeon E-2288G", 95, 16},
    Family{"*Xeon*E3*", "Xeon E3-1270 v6", 72, 8},
    Family{"*Xeon*", "Xeon Platinum 8280", 205, 56},
    Family{"*EPYC*", "EPYC 7713", 225, 128},
    Family{"*Threadripper*", "Threadripper 3970X", 280, 64},
    Family{"*Ryzen*U", "Ryzen 7 5700U", 15, 16},
    Family{"*Ryzen*H", "Ryzen 7 5800H", 45, 16},
    Family{"*Ryzen*HS", "Ryzen 9 5900HS", 35, 16},
    Family{"*Ryzen*X*", "Ryzen 9 5900X", 105, 24},
    Family{"*Ryzen*", "Ryzen 7 5700G", 65, 16},
    Family{"*Core*i?-*U", "Core i7-8550U", 15, 8},
    Family{"*Core*i?-????G?", "Core i7-1165G7", 28, 8},
    Family{"*Core*i?-????P", "Core i7-1260P", 28, 16},
    Family{"*Core*i?-*H*", "Core i7-11800H", 45, 16},
    Family{"*Core*i?-*T", "Core i7-11700T", 35, 16},
    Family{"*Core*i?-*K*", "Core i9-10900K", 125, 20},
    Family{"*Core*Ultra*U", "Core Ultra 7 155U", 15, 14},
    Family{"*Core*Ultra*H", "Core Ultra 7 155H", 28, 22},
    Family{"*Core*", "Core i7-8700", 65, 12},
    Family{"*Atom*", "Atom C3558", 16, 4},
    Family{"*Celeron*N*", "Celeron N5105", 10, 4},
    Family{"*N100*", "N100", 6, 4},
    Family{"*Neoverse*", "Graviton2", 110, 64},
    Family{"*Ampere*", "Altra Q80-30", 210, 80},
};

// `?` in a pattern stands for one character; glob_match knows `*` only.
bool fits(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (std::size_t skip = 0; skip <= text.size(); ++skip) {
      if (fits(pattern.substr(1), text.substr(skip))) return true;
    }
    return false;
  }
  if (text.empty() || (pattern.front() != '?' && pattern.front() != text.front())) return false;
  return fits(pattern.substr(1), text.substr(1));
}

// What current desktop and server parts have per core (65 W / 8 to 280 W / 32), and per thread.
constexpr double kWattsPerCore = 8;
constexpr double kWattsPerThread = 4;

}  // namespace

std::optional<double> tdp_watts(const HostRoots& roots) {
  double sum = 0;
  for (const PowercapZone& zone : find_powercap_zones(roots)) {
    if (zone.info.zone == "package") sum += zone.max_power_w;
  }
  return sum > 0 ? std::optional(sum) : std::nullopt;
}

TdpHint tdp_from_model(const CpuShape& cpu) {
  constexpr std::size_t kLongestModel = 96;  // longer is no model name, and the match is cubic
  const std::string_view model =
      without_extras(std::string_view(cpu.model).substr(0, kLongestModel));
  const double threads = cpu.threads == 0 ? 1 : cpu.threads;
  for (const Family& family : kFamilies) {
    if (!fits(family.pattern, model)) continue;
    if (cpu.virtual_machine) {
      return {family.watts / family.threads * threads,
              fmt::format("typical of the family: {} has {} W for {} threads, of which {} are here",
                          family.typical, family.watts, family.threads, threads)};
    }
    const double sockets = cpu.sockets == 0 ? 1 : cpu.sockets;
    return {family.watts * sockets,
            fmt::format("typical of the family: {} has {} W, times {} sockets", family.typical,
                        family.watts, sockets)};
  }
  if (cpu.virtual_machine || cpu.cores == 0) {
    return {kWattsPerThread * threads,
            fmt::format("unknown model: {} W for each of {} threads", kWattsPerThread, threads)};
  }
  return {kWattsPerCore * cpu.cores,
          fmt::format("unknown model: {} W for each of {} cores", kWattsPerCore, cpu.cores)};
}

}  // namespace volta
