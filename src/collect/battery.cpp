#include "collect/battery.hpp"

#include <array>
#include <mutex>
#include <utility>

#include "base/clock.hpp"
#include "collect/collector.hpp"
#include "collect/host_files.hpp"
#include "collect/kept_file.hpp"
#include "collect/scalar_file.hpp"
#include "collect/slow_lane.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

namespace fs = std::filesystem;
using Number = std::optional<std::int64_t>;

constexpr std::chrono::seconds kBatteryPatience(10);
constexpr std::chrono::milliseconds kFirstBatteryLook(500);
constexpr std::chrono::seconds kBatteryRescan(60);

Number positive(Number number) { return number && *number > 0 ? number : std::nullopt; }

// a * b / divisor for readings of a battery; empty on overflow, which no true reading makes.
Number scaled(Number a, Number b, std::int64_t divisor) {
  std::int64_t product = 0;
  if (!a || !b || __builtin_mul_overflow(*a, *b, &product)) return std::nullopt;
  return product / divisor;
}

// uWh -> 1/10000 J: 1 uWh is 3.6 mJ.
Number to_joules(Number uwh) { return scaled(uwh, 36, 1); }

Number power_of(const BatteryFiles& files) {
  const auto magnitude = [](Number number) -> Number {
    if (!number || *number == INT64_MIN || *number == 0 || *number == -1) return std::nullopt;
    return *number < 0 ? -*number : *number;
  };
  if (const Number power = magnitude(files.power_now)) return power;
  constexpr std::int64_t kMicro = 1'000'000;
  if (const Number power =
          scaled(magnitude(files.current_now), positive(files.voltage_now), kMicro)) {
    return power;
  }
  // Neither charging nor discharging: it is full and rests, which is a true 0.
  const bool known = files.power_now || files.current_now;
  return known && !files.discharging && !files.charging ? Number(0) : std::nullopt;
}

struct BatteryValues {
  BatteryState state;
  bool present = false;
  bool discharging = false;
  bool derived_power = false;
  std::chrono::nanoseconds at{};
};

constexpr std::array kBatteryMetrics = {
    metrics::battery_charge_ratio,    metrics::battery_energy_joules,
    metrics::battery_capacity_joules, metrics::battery_design_joules,
    metrics::battery_power_watts,     metrics::battery_voltage_volts,
    metrics::battery_cycles,          metrics::battery_discharging};

// Reads one battery's files. Its run() is one thread's at a time.
class Battery final : public SlowTask {
 public:
  Battery(std::string its_name, const fs::path& folder)
      : name(std::move(its_name)), status_(folder / "status"), present_(folder / "present") {
    for (const char* file : kFiles) numbers_.emplace_back((folder / file).string());
  }

  void run() noexcept override {
    BatteryFiles files;
    const auto status = status_.try_read();
    files.discharging = status && status->starts_with("Discharging");
    files.charging = status && status->starts_with("Charging");
    const std::array<Number*, kFiles.size()> targets = {
        &files.power_now,          &files.current_now, &files.voltage_now,
        &files.voltage_min_design, &files.energy_now,  &files.energy_full,
        &files.energy_full_design, &files.charge_now,  &files.charge_full,
        &files.charge_full_design, &files.capacity,    &files.cycle_count};
    for (std::size_t i = 0; i < targets.size(); ++i) {
      std::int64_t number = 0;
      const int error = numbers_[i].read(number);
      if (error == 0) *targets.at(i) = number;
      if (error == EBADMSG) ++malformed_;
    }
    BatteryValues values;
    values.at = system_clock().boottime();
    values.present = present_.try_integer().value_or(1) != 0 && status.has_value();
    values.discharging = files.discharging;
    values.derived_power = !positive(files.power_now);
    values.state = to_state(files);
    const std::lock_guard lock(mutex_);
    values_ = values;
    malformed_total_ = malformed_;
    fresh_ = true;
  }

  std::optional<BatteryValues> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(fresh_, false) ? std::optional(values_) : std::nullopt;
  }
  std::uint64_t malformed() {
    const std::lock_guard lock(mutex_);
    return malformed_total_;
  }

  // NOLINTBEGIN(misc-non-private-member-variables-in-classes): only its collector has it
  const std::string name;
  // The collectors' thread's.
  std::array<std::optional<Slot>, kBatteryMetrics.size()> slots;
  std::array<std::optional<std::uint32_t>, 2> zones;  // measured, derived
  // NOLINTEND(misc-non-private-member-variables-in-classes)

 private:
  static constexpr std::array kFiles = {"power_now",          "current_now", "voltage_now",
                                        "voltage_min_design", "energy_now",  "energy_full",
                                        "energy_full_design", "charge_now",  "charge_full",
                                        "charge_full_design", "capacity",    "cycle_count"};

  KeptFile status_;
  KeptFile present_;
  std::vector<ScalarFile> numbers_;
  std::uint64_t malformed_ = 0;

  std::mutex mutex_;
  BatteryValues values_;               // protected by mutex_
  std::uint64_t malformed_total_ = 0;  // protected by mutex_
  bool fresh_ = false;                 // protected by mutex_
};

struct Mains {
  std::string name;
  ScalarFile online;
  std::optional<Slot> slot;
};

class PowerSupplies final : public Collector {
 public:
  explicit PowerSupplies(HostRoots roots) : roots_(std::move(roots)) {
    if (is_live(roots_)) lane_ = std::make_unique<SlowLane>(system_clock(), kBatteryPatience);
    scan();
  }

  [[nodiscard]] bool empty() const { return batteries_.empty() && mains_.empty(); }

  void sample(Tick& out) override {
    if (scanned_ == std::chrono::nanoseconds::zero()) scanned_ = out.boottime();
    if (out.boottime() - scanned_ >= kBatteryRescan) {
      if (list_folder(roots_.sys / "class/power_supply") != folders_) scan();
      scanned_ = out.boottime();
    }
    if (lane_) lane_->watch();
    for (const auto& battery : batteries_) {
      if (!lane_) battery->run();
      if (const auto values = battery->take()) show(*battery, *values, out);
      if (lane_) lane_->submit(battery);
    }
    for (Mains& one : mains_) {
      std::int64_t online = 0;
      const int error = one.online.read(online);
      if (error == EBADMSG) ++skipped_;
      if (error != 0) continue;
      if (!one.slot) one.slot = out.define(metrics::mains_online, {{"supply", one.name}});
      out.set(*one.slot, online != 0 ? 1 : 0);
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override {
    std::uint64_t sum = skipped_;
    for (const auto& battery : batteries_) sum += battery->malformed();
    return sum;
  }

 private:
  void scan() {
    skipped_ = skipped();
    batteries_.clear();
    mains_.clear();
    folders_ = list_folder(roots_.sys / "class/power_supply");
    for (const std::string& name : folders_) {
      const fs::path folder = roots_.sys / "class/power_supply" / name;
      // scope=Device is the battery of a mouse or a phone.
      if (!is_label(name) || read_trimmed(folder / "scope") == "Device") continue;
      const std::string type = read_trimmed(folder / "type");
      if (type == "Battery") {
        batteries_.push_back(std::make_shared<Battery>(name, folder));
      } else if (type == "Mains" || type == "Wireless" || type.starts_with("USB")) {
        mains_.push_back({name, ScalarFile((folder / "online").string()), std::nullopt});
      }
    }
    if (!lane_) return;
    for (const auto& battery : batteries_) lane_->submit(battery);
    if (!batteries_.empty()) lane_->wait_idle(kFirstBatteryLook);
  }

  static void show(Battery& battery, const BatteryValues& values, Tick& out) {
    if (!values.present) return;
    const BatteryState& state = values.state;
    const std::array<Number, kBatteryMetrics.size()> numbers = {
        state.charge_ratio, state.energy,     state.capacity, state.design,
        state.power_uw,     state.voltage_uv, state.cycles,   values.discharging ? 1 : 0};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (!numbers.at(i)) continue;
      std::optional<Slot>& slot = battery.slots.at(i);
      if (!slot) slot = out.define(kBatteryMetrics.at(i), {{"battery", battery.name}});
      out.set(*slot, *numbers.at(i));
    }
    if (!values.discharging || !state.power_uw || *state.power_uw <= 0) return;
    std::optional<std::uint32_t>& zone = battery.zones.at(values.derived_power ? 1 : 0);
    if (!zone) {
      ZoneInfo info;
      info.zone = "battery";
      info.device = battery.name;
      info.source = "battery";
      info.quality = values.derived_power ? Quality::derived : Quality::measured;
      zone = out.announce(std::move(info));
    }
    out.set_zone({*zone, ZoneReading::What::power_uw, static_cast<std::uint64_t>(*state.power_uw),
                  values.at});
  }

  const HostRoots roots_;
  std::unique_ptr<SlowLane> lane_;
  std::vector<std::string> folders_;
  std::vector<std::shared_ptr<Battery>> batteries_;
  std::vector<Mains> mains_;
  std::chrono::nanoseconds scanned_{};
  std::uint64_t skipped_ = 0;
};

}  // namespace

BatteryState to_state(const BatteryFiles& files) {
  BatteryState state;
  state.voltage_uv = positive(files.voltage_now);
  state.power_uw = power_of(files);
  state.cycles = positive(files.cycle_count);
  // Charge becomes energy at the nominal voltage: the present one would make the capacity waver.
  const Number nominal =
      positive(files.voltage_min_design) ? files.voltage_min_design : state.voltage_uv;
  constexpr std::int64_t kMicro = 1'000'000;
  const auto energy = [&](Number uwh, Number uah) {
    const Number direct = positive(uwh);
    return to_joules(direct ? direct : scaled(positive(uah), nominal, kMicro));
  };
  state.energy = energy(files.energy_now, files.charge_now);
  state.capacity = energy(files.energy_full, files.charge_full);
  state.design = energy(files.energy_full_design, files.charge_full_design);
  constexpr std::int64_t kWhole = 10'000;
  const bool by_energy = positive(files.energy_now) && positive(files.energy_full);
  const Number now = by_energy ? files.energy_now : positive(files.charge_now);
  const Number full = by_energy ? files.energy_full : positive(files.charge_full);
  if (now && full) {
    state.charge_ratio = scaled(now, kWhole, *full);
  } else if (files.capacity && *files.capacity >= 0 && *files.capacity <= 100) {
    state.charge_ratio = *files.capacity * (kWhole / 100);
  }
  return state;
}

std::unique_ptr<Collector> open_battery(const HostRoots& roots, const CollectOptions& /*options*/) {
  auto supplies = std::make_unique<PowerSupplies>(roots);
  if (supplies->empty()) return nullptr;
  return supplies;
}

}  // namespace volta
