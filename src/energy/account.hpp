// The energy stage of a tick: raw zone readings in, energy, power, error bound and repairs out, and
// from them the one best estimate of the whole machine and volta's own share.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "energy/zone_meter.hpp"
#include "model/tick.hpp"

namespace volta {

struct AccountOptions {
  double tdp_w = 0;  // of all packages, for the model; 0: no model
};

// Belongs to the sampling thread. Allocates only when a zone appears.
class Account {
 public:
  Account(const Clock& clock, AccountOptions options);
  // After the collectors of a tick, before its readings go on.
  void run(Tick& tick);

 private:
  struct Outputs {  // the series of one zone, defined at its first value
    Slot energy = 0;
    Slot power = 0;
    Slot error = 0;
    std::array<std::optional<Slot>, kRepairKinds> repairs;
    bool defined = false;
  };
  struct Zone {
    ZoneInfo info;
    ZoneMeter meter;
    Outputs outputs;
    bool read_now = false;  // in this tick
    TickDisturbance since;  // it was read: some are not read at each tick
    std::chrono::nanoseconds read_at{};
    double minute_uj = 0;  // decaying with a time constant of a minute, to check psys by
  };
  // One way to know the whole machine; each keeps a counter of its own, so that none ever goes
  // back.
  struct HostSource {
    std::string source;
    Quality quality;
    double error_ratio;
    std::int64_t energy_uj = 0;
    Outputs outputs;
  };

  TickDisturbance disturbance(const Tick& tick);
  void take_zones(Tick& tick, const TickDisturbance& disturbance);
  void emit(Tick& tick, const ZoneInfo& info, Outputs& outputs, std::int64_t energy_uj,
            std::optional<std::int64_t> power_mw);
  void emit_repairs(Tick& tick, Zone& zone);
  void run_host(Tick& tick, const TickDisturbance& disturbance);
  struct Sum {
    bool found = false;  // such a zone is alive
    std::optional<std::int64_t> uj;
    std::chrono::nanoseconds interval{};  // that it was used in
    Quality quality = Quality::measured;
    double error_ratio = 0;
  };
  [[nodiscard]] static bool live(const Zone& zone, std::chrono::nanoseconds now);
  [[nodiscard]] Sum sum_of(std::string_view zone, std::chrono::nanoseconds now) const;
  [[nodiscard]] bool psys_is_whole() const;
  Sum model(const Tick& tick, const TickDisturbance& disturbance);
  void add_host(Tick& tick, std::string_view source, const Sum& sum);
  void run_self(Tick& tick, std::int64_t host_delta_uj, Quality quality);

  const Clock& clock_;
  AccountOptions options_;
  std::vector<Zone> zones_;
  std::vector<HostSource> hosts_;
  bool begun_ = false;
  std::chrono::nanoseconds last_boot_{};
  std::chrono::nanoseconds last_slept_{};  // boottime - monotonic
  std::int64_t last_wall_ms_ = 0;
  HostLoad last_load_{};
  std::chrono::nanoseconds last_model_at_{};
  struct SelfShare {
    double uj = 0;
    std::optional<Slot> slot;
  };
  std::array<SelfShare, 2> self_;  // derived, estimated
};

}  // namespace volta
