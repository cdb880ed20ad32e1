#include "energy/account.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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
// A source is alive for this long after a reading, or for three of its own intervals; after its
// first reading, for longer than the longest period that a collector of energy may have (30 s).
constexpr std::chrono::nanoseconds kQuiet = std::chrono::seconds(15);
constexpr std::chrono::nanoseconds kQuietAtFirst = std::chrono::seconds(40);
constexpr std::chrono::nanoseconds kLongestModelled = std::chrono::minutes(5);
constexpr std::chrono::duration<double> kMinute = std::chrono::minutes(1);
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
  const std::chrono::nanoseconds slept = clock_.boottime() - clock_.monotonic();
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
  const TickDisturbance now = disturbance(tick);
  take_zones(tick, now);
  run_host(tick, now);
  last_load_ = tick.load();
}

void Account::take_zones(Tick& tick, const TickDisturbance& disturbance) {
  while (zones_.size() < tick.zones().size()) {
    const ZoneInfo& info = tick.zones()[zones_.size()];
    zones_.push_back({info, ZoneMeter(info), {}, false, {}, {}, 0});
    zones_.back().info.error_ratio = error_bound(info);
  }
  for (Zone& zone : zones_) {
    zone.read_now = false;
    zone.since.suspended |= disturbance.suspended;
    zone.since.clock_jumped |= disturbance.clock_jumped;
  }
  for (const ZoneReading& reading : tick.zone_readings()) {
    Zone& zone = zones_.at(reading.zone);
    zone.meter.add(reading, std::exchange(zone.since, {}));
    zone.read_now = true;
    zone.read_at = tick.boottime();
    const std::chrono::duration<double> interval = zone.meter.interval();
    zone.minute_uj = zone.minute_uj * std::exp(-interval / kMinute) +
                     static_cast<double>(zone.meter.last_delta_uj().value_or(0));
  }
  for (Zone& zone : zones_) {
    // A battery that is charged gives no readings: what comes after that has nothing to count from.
    if (zone.info.source == "battery" && !live(zone, tick.boottime())) zone.meter.pause();
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

bool Account::live(const Zone& zone, std::chrono::nanoseconds now) {
  const std::chrono::nanoseconds interval = zone.meter.interval();
  const auto patience = interval.count() == 0
                            ? kQuietAtFirst
                            : std::max<std::chrono::nanoseconds>(kQuiet, 3 * interval);
  return zone.meter.moved() && !zone.meter.dead() && now - zone.read_at <= patience;
}

// What the live zones of that name used since their last reading. All or nothing: one zone without
// a difference (its counter began anew) leaves `uj` empty, for a part of the machine must not pass
// for the whole.
Account::Sum Account::sum_of(std::string_view name, std::chrono::nanoseconds now) const {
  Sum sum;
  std::string_view chip;
  bool complete = true;
  std::int64_t total = 0;
  for (const Zone& zone : zones_) {
    if (zone.info.zone != name || !live(zone, now)) continue;
    if (name == "platform" && !chip.empty() && meter_chip(zone.info) != chip) continue;
    chip = meter_chip(zone.info);
    sum.found = true;
    const auto delta = zone.read_now ? zone.meter.last_delta_uj() : std::nullopt;
    complete = complete && delta.has_value();
    total += delta.value_or(0);
    sum.interval = zone.meter.interval();
    sum.quality = std::max(sum.quality, zone.info.quality);
    sum.error_ratio = std::max(sum.error_ratio, zone.info.error_ratio);
  }
  if (sum.found && complete) sum.uj = total;
  return sum;
}

bool Account::psys_is_whole() const {
  double psys = 0;
  double inside = 0;
  for (const Zone& zone : zones_) {
    if (zone.info.zone == "psys") psys += zone.minute_uj;
    if (zone.info.zone == "package" || zone.info.zone == "dram") inside += zone.minute_uj;
  }
  return psys > 0 && psys >= kPsysLeastShare * inside;
}

Account::Sum Account::model(const Tick& tick, const TickDisturbance& disturbance) {
  Sum sum{true, std::nullopt, {}, Quality::estimated, kModelErrorRatio};
  const HostLoad& load = tick.load();
  if (options_.tdp_w <= 0 || load.total_ticks <= last_load_.total_ticks) return sum;
  const bool first = last_load_.total_ticks == 0;
  sum.interval = tick.boottime() - last_model_at_;
  last_model_at_ = tick.boottime();
  // The ticks of a machine that slept say nothing of the time it slept.
  if (first || disturbance.suspended || sum.interval > kLongestModelled) return sum;
  const std::uint64_t busy = load.busy_ticks - std::min(load.busy_ticks, last_load_.busy_ticks);
  const double utilisation =
      static_cast<double>(busy) / static_cast<double>(load.total_ticks - last_load_.total_ticks);
  const double watts = host_power_w(options_.tdp_w, utilisation, load.memory_bytes);
  sum.uj = static_cast<std::int64_t>(watts * static_cast<double>(sum.interval.count()) / 1000.0);
  return sum;
}

// hardware.md 1.2: platform meter, then discharging battery, then a validated psys, then package +
// dram, then the model. The first that is alive stands for the machine, also in ticks in which it
// is not read: two sources never count the same time.
void Account::run_host(Tick& tick, const TickDisturbance& disturbance) {
  const std::chrono::nanoseconds now = tick.boottime();
  const Sum modelled = model(tick, disturbance);
  if (const Sum platform = sum_of("platform", now); platform.found)
    return add_host(tick, "hwmon", platform);
  if (const Sum battery = sum_of("battery", now); battery.found)
    return add_host(tick, "battery", battery);
  if (const Sum psys = sum_of("psys", now); psys.found && psys_is_whole())
    return add_host(tick, "rapl", psys);
  if (Sum package = sum_of("package", now); package.found) {
    const Sum dram = sum_of("dram", now);
    if (dram.found)
      package.uj = package.uj && dram.uj ? std::optional(*package.uj + *dram.uj) : std::nullopt;
    package.quality = Quality::derived;
    package.error_ratio = kPackageErrorRatio;
    return add_host(tick, "rapl", package);
  }
  add_host(tick, "model", modelled);
}

void Account::add_host(Tick& tick, std::string_view source, const Sum& sum) {
  if (!sum.uj) return;
  auto host = std::find_if(hosts_.begin(), hosts_.end(), [&](const HostSource& entry) {
    return entry.source == source && entry.quality == sum.quality;
  });
  if (host == hosts_.end()) {
    hosts_.push_back({std::string(source), sum.quality, sum.error_ratio, 0, {}});
    host = hosts_.end() - 1;
  }
  host->energy_uj += *sum.uj;
  std::optional<std::int64_t> power_mw;
  if (sum.interval.count() > 0) {
    power_mw = std::llround(static_cast<double>(*sum.uj) * 1e6 /
                            static_cast<double>(sum.interval.count()));
  }
  for (HostSource& entry :
       hosts_) {  // those not in force stand still, so that their sum is the host's energy
    const ZoneInfo info{"host", "", entry.source, entry.quality, entry.error_ratio, 0, 0};
    emit(tick, info, entry.outputs, entry.energy_uj, &entry == &*host ? power_mw : std::nullopt);
  }
  run_self(tick, *sum.uj, sum.quality);
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
  // From a measured host it is derived, from a modelled one estimated: two counters, neither ever
  // goes back.
  const Quality own = quality == Quality::estimated ? Quality::estimated : Quality::derived;
  SelfShare& share = self_.at(own == Quality::estimated ? 1 : 0);
  share.uj += static_cast<double>(host_delta_uj) * std::min(1.0, self_us / all_us);
  if (!share.slot) {
    share.slot = tick.define(with_quality(metrics::self_energy_joules_total,
                                          {{"quality", std::string(to_text(own))}}, own));
  }
  tick.set(*share.slot, static_cast<std::int64_t>(share.uj));
}

}  // namespace volta
