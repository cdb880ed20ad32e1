#include "energy/account.hpp"

#include <algorithm>
#include <cmath>

#include "energy/host_model.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

// RAPL misses power supply, fans, disks and regulators: 20 to 50 % of a server (hardware.md 7.3).
constexpr double kPackageErrorRatio = 0.35;
constexpr double kPsysErrorRatio = 0.1;
// psys stands for the machine only if it shows at least this share of package + dram
// (hardware.md 1.2).
constexpr double kPsysLeastShare = 0.9;
constexpr std::chrono::nanoseconds kClockJump = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kSleep = std::chrono::milliseconds(500);

// Bounds for what its collector says nothing of. Package: no published bound, "highly correlated"
// with the wall (RAPL in Action, 2018), so a cautious 5 %; DRAM: up to 20.5 % off against
// instrumented DIMMs under load (reference/energy.md 4.1, F11); psys and meters of unknown make: 10
// %.
double error_bound(const ZoneInfo& info) {
  if (info.error_ratio > 0) return info.error_ratio;
  if (info.zone == "dram") return 0.205;
  if (info.zone == "package" || info.zone == "core" || info.zone == "uncore") return 0.05;
  return kPsysErrorRatio;
}

// Chip that a meter belongs to: "power_meter" of "power_meter:System Power". One machine's meters
// of different chips show the same watts, those of one chip are its parts (sockets, supplies).
std::string_view meter_chip(const ZoneInfo& info) {
  const std::string_view device = info.device;
  return device.substr(0, device.find_first_of(":-"));
}

Labels zone_labels(const ZoneInfo& info) {
  return {{"zone", info.zone},
          {"device", info.device},
          {"source", info.source},
          {"quality", std::string(to_text(info.quality))}};
}

SeriesDef with_quality(MetricId id, Labels labels, Quality quality) {
  SeriesDef series = make_series(id, std::move(labels));
  series.quality =
      std::max(series.quality, quality);  // a quantity is no better than what it comes from
  return series;
}

}  // namespace

Account::Account(const Clock& clock, AccountOptions options) : clock_(clock), options_(options) {}

TickDisturbance Account::disturbance(const Tick& tick) {
  const std::chrono::nanoseconds slept = tick.boottime() - clock_.monotonic();
  TickDisturbance out;
  if (begun_) {
    const auto wall = std::chrono::milliseconds(tick.wall_ms() - last_wall_ms_);
    out.suspended = slept - last_slept_ > kSleep;
    out.clock_jumped = std::chrono::abs(wall - (tick.boottime() - last_boot_)) > kClockJump;
  }
  begun_ = true;
  last_boot_ = tick.boottime();
  last_slept_ = slept;
  last_wall_ms_ = tick.wall_ms();
  return out;
}

void Account::run(Tick& tick) {
  take_zones(tick, disturbance(tick));
  run_host(tick);
  last_load_ = tick.load();
}

void Account::take_zones(Tick& tick, const TickDisturbance& disturbance) {
  while (zones_.size() < tick.zones().size()) {
    const ZoneInfo& info = tick.zones()[zones_.size()];
    zones_.push_back({info, ZoneMeter(info), {}, false, 0});
    zones_.back().info.error_ratio = error_bound(info);
  }
  for (Zone& zone : zones_) zone.read_now = false;
  for (const ZoneReading& reading : tick.zone_readings()) {
    Zone& zone = zones_.at(reading.zone);
    zone.meter.add(reading, disturbance);
    zone.read_now = true;
    zone.minute_uj += zone.meter.last_delta_uj().value_or(0) - zone.minute_uj / 60;
  }
  for (Zone& zone : zones_) {
    if (!zone.read_now && zone.info.source == "battery") zone.meter.pause();  // it is being charged
    if (!zone.read_now || zone.meter.dead()) continue;
    emit(tick, zone.info, zone.outputs, zone.meter.energy_uj(), zone.meter.power_mw());
    emit_repairs(tick, zone);
  }
}

void Account::emit(Tick& tick, const ZoneInfo& info, Outputs& outputs, std::int64_t energy_uj,
                   std::optional<std::int64_t> power_mw) {
  if (!outputs.defined) {
    const Labels labels = zone_labels(info);
    outputs.energy = tick.define(with_quality(metrics::energy_joules_total, labels, info.quality));
    outputs.power = tick.define(with_quality(metrics::power_watts, labels, info.quality));
    outputs.error = tick.define(metrics::energy_error_ratio, labels);
    outputs.defined = true;
  }
  tick.set(outputs.energy, energy_uj);
  if (power_mw) tick.set(outputs.power, *power_mw);
  tick.set(outputs.error, std::llround(info.error_ratio * 1e4));
}

void Account::emit_repairs(Tick& tick, Zone& zone) {
  for (std::size_t kind = 0; kind < kRepairKinds; ++kind) {
    const std::uint64_t count = zone.meter.repairs(static_cast<Repair>(kind));
    if (count == 0) continue;  // a series of its own only once there is something to count
    auto& slot = zone.outputs.repairs.at(kind);
    if (!slot) {
      Labels labels = zone_labels(zone.info);
      labels.emplace_back("kind", to_text(static_cast<Repair>(kind)));
      slot = tick.define(metrics::energy_repairs_total, std::move(labels));
    }
    tick.set(*slot, static_cast<std::int64_t>(count));
  }
}

// What the live zones of that name used since their last reading: `uj` is empty if none gave a
// difference now.
Account::Sum Account::sum_of(std::string_view name) const {
  Sum sum;
  std::string_view chip;
  for (const Zone& zone : zones_) {
    if (zone.info.zone != name || !zone.read_now || zone.meter.dead()) continue;
    if (name == "platform" && !chip.empty() && meter_chip(zone.info) != chip) continue;
    chip = meter_chip(zone.info);
    sum.found = true;
    const auto delta = zone.meter.last_delta_uj();
    if (!delta) continue;
    sum.uj = sum.uj.value_or(0) + *delta;
    sum.quality = std::max(sum.quality, zone.info.quality);
    sum.error_ratio = std::max(sum.error_ratio, zone.info.error_ratio);
  }
  return sum;
}

bool Account::psys_is_whole() const {
  double psys = 0;
  double inside = 0;
  for (const Zone& zone : zones_) {
    if (zone.info.zone == "psys") psys += static_cast<double>(zone.minute_uj);
    if (zone.info.zone == "package" || zone.info.zone == "dram")
      inside += static_cast<double>(zone.minute_uj);
  }
  return psys > 0 && psys >= kPsysLeastShare * inside;
}

std::optional<std::int64_t> Account::model_delta_uj(const Tick& tick) {
  const HostLoad& load = tick.load();
  if (options_.tdp_w <= 0 || load.total_ticks <= last_load_.total_ticks) return std::nullopt;
  const bool first = last_load_.total_ticks == 0;
  const std::chrono::nanoseconds interval = tick.boottime() - last_model_at_;
  last_model_at_ = tick.boottime();
  if (first || interval > std::chrono::minutes(1)) return std::nullopt;
  const std::uint64_t busy = load.busy_ticks - std::min(load.busy_ticks, last_load_.busy_ticks);
  const double utilisation =
      static_cast<double>(busy) / static_cast<double>(load.total_ticks - last_load_.total_ticks);
  const double watts = host_power_w(options_.tdp_w, utilisation, load.memory_bytes);
  return static_cast<std::int64_t>(watts * static_cast<double>(interval.count()) / 1000.0);
}

// hardware.md 1.2: platform meter, then discharging battery, then a validated psys, then package +
// dram, then the model.
void Account::run_host(Tick& tick) {
  const auto model = model_delta_uj(tick);
  const auto whole = [&](const Sum& sum, std::string_view source) {
    if (sum.uj) add_host(tick, source, sum.quality, sum.error_ratio, *sum.uj);
  };
  if (const Sum platform = sum_of("platform"); platform.found) return whole(platform, "hwmon");
  if (const Sum battery = sum_of("battery"); battery.found) return whole(battery, "battery");
  if (const Sum psys = sum_of("psys"); psys.found && psys_is_whole()) return whole(psys, "rapl");
  if (const Sum package = sum_of("package"); package.found) {
    if (!package.uj) return;
    const std::int64_t delta = *package.uj + sum_of("dram").uj.value_or(0);
    return add_host(tick, "rapl", Quality::derived, kPackageErrorRatio, delta);
  }
  // A package that is not read in this tick (a slower period) still is the better source.
  const bool blind = std::all_of(zones_.begin(), zones_.end(), [](const Zone& zone) {
    return zone.meter.dead() || zone.info.source == "battery" || zone.info.zone == "rail";
  });
  if (model && blind) add_host(tick, "model", Quality::estimated, kModelErrorRatio, *model);
}

void Account::add_host(Tick& tick, std::string_view source, Quality quality, double error_ratio,
                       std::int64_t delta_uj) {
  auto host = std::find_if(hosts_.begin(), hosts_.end(), [&](const HostSource& entry) {
    return entry.source == source && entry.quality == quality;
  });
  if (host == hosts_.end()) {
    hosts_.push_back({std::string(source), quality, error_ratio, 0, {}});
    host = hosts_.end() - 1;
  }
  host->energy_uj += delta_uj;
  const std::chrono::nanoseconds interval = tick.boottime() - last_host_at_;
  const bool first = last_host_at_.count() == 0;
  last_host_at_ = tick.boottime();
  std::optional<std::int64_t> power_mw;
  if (!first && interval.count() > 0) {
    power_mw =
        std::llround(static_cast<double>(delta_uj) * 1e6 / static_cast<double>(interval.count()));
  }
  for (HostSource& entry :
       hosts_) {  // those not in force stand still, so that their sum is the host's energy
    const ZoneInfo info{"host", "", entry.source, entry.quality, entry.error_ratio, 0, 0, ""};
    emit(tick, info, entry.outputs, entry.energy_uj, &entry == &*host ? power_mw : std::nullopt);
  }
  run_self(tick, delta_uj, quality);
}

// volta's share: the host's energy times its part of all CPU time, idle time included. So nothing
// of the machine's idle power is charged to it beyond the time it was on a core.
void Account::run_self(Tick& tick, std::int64_t host_delta_uj, Quality quality) {
  const HostLoad& load = tick.load();
  if (load.total_ticks <= last_load_.total_ticks || load.self_cpu_us < last_load_.self_cpu_us ||
      last_load_.total_ticks == 0)
    return;
  const double all_us = static_cast<double>(load.total_ticks - last_load_.total_ticks) * 10'000.0;
  const double self_us = static_cast<double>(load.self_cpu_us - last_load_.self_cpu_us);
  self_uj_ += static_cast<double>(host_delta_uj) * std::min(1.0, self_us / all_us);
  if (!self_slot_ || self_quality_ != quality) {
    // From a measured host it is derived, from a modelled one estimated.
    const Quality own = quality == Quality::estimated ? Quality::estimated : Quality::derived;
    self_slot_ = tick.define(with_quality(metrics::self_energy_joules_total,
                                          {{"quality", std::string(to_text(own))}}, own));
    self_quality_ = quality;
  }
  tick.set(*self_slot_, static_cast<std::int64_t>(self_uj_));
}

}  // namespace volta
