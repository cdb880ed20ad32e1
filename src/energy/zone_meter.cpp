#include "energy/zone_meter.hpp"

#include <algorithm>
#include <cmath>

namespace volta {
namespace {

// hardware.md 1.3: a difference is believed up to three times the larger of PL1 and 500 W.
constexpr double kLeastLimitW = 500;
constexpr double kPlausibleFactor = 3;
// A power sensor's readings further apart than this are not joined by a line.
constexpr std::chrono::nanoseconds kLongestIntegral = std::chrono::seconds(60);
constexpr std::chrono::nanoseconds kDeadAfter = std::chrono::seconds(10);

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

std::string_view to_text(Repair repair) {
  static constexpr std::array<std::string_view, kRepairKinds> kNames = {
      "wrap", "reset", "gap", "spike", "suspend", "clock"};
  return kNames.at(static_cast<std::size_t>(repair));
}

double ZoneMeter::largest_plausible_w() const {
  return kPlausibleFactor * std::max(limit_w_, kLeastLimitW);
}

std::optional<std::int64_t> ZoneMeter::counted(std::uint64_t value,
                                               std::chrono::nanoseconds interval) {
  const double most_uj = largest_plausible_w() * seconds(interval) * 1e6;
  if (value >= last_->value) {
    const std::uint64_t delta = value - last_->value;
    if (static_cast<double>(delta) <= most_uj) return static_cast<std::int64_t>(delta);
    note(Repair::spike);
    return std::nullopt;
  }
  if (range_uj_ == 0 || value > range_uj_ || last_->value > range_uj_) {
    note(Repair::reset);
    return std::nullopt;
  }
  // Believed only if there was time for at most one wrap: at 1.5 times the limit it takes range /
  // (1.5 P).
  const double one_wrap_s =
      static_cast<double>(range_uj_) * 1e-6 / (1.5 * std::max(limit_w_, kLeastLimitW));
  if (seconds(interval) >= one_wrap_s) {
    note(Repair::gap);
    return std::nullopt;
  }
  const std::uint64_t delta = value + (range_uj_ - last_->value);
  if (static_cast<double>(delta) > most_uj) {
    note(Repair::reset);
    return std::nullopt;
  }
  note(Repair::wrap);
  return static_cast<std::int64_t>(delta);
}

std::optional<std::int64_t> ZoneMeter::integrated(std::uint64_t power_uw,
                                                  std::chrono::nanoseconds interval) {
  if (static_cast<double>(power_uw) * 1e-6 > largest_plausible_w()) {
    note(Repair::spike);
    return std::nullopt;
  }
  if (interval > kLongestIntegral) {
    note(Repair::gap);
    return std::nullopt;
  }
  const double mean_uw = (static_cast<double>(last_->value) + static_cast<double>(power_uw)) / 2;
  return static_cast<std::int64_t>(mean_uw * seconds(interval));
}

void ZoneMeter::watch_for_death(std::chrono::nanoseconds at) {
  if (delta_uj_.value_or(0) != 0) moved_ = true;
  dead_ = !moved_ && at - begun_at_ >= kDeadAfter;
}

void ZoneMeter::add(const ZoneReading& reading, const TickDisturbance& disturbance) {
  const bool counter = reading.what == ZoneReading::What::energy_uj;
  delta_uj_.reset();
  if (!begun_) {
    begun_ = true;
    begun_at_ = reading.at;
    if (counter)
      energy_uj_ = static_cast<std::int64_t>(std::min(reading.value, std::uint64_t{1} << 62U));
  } else if (disturbance.clock_jumped) {
    note(Repair::clock);  // intervals are of boottime: nothing else to do
  }
  const bool power_spike =
      !counter && static_cast<double>(reading.value) * 1e-6 > largest_plausible_w();
  if (last_ && disturbance.suspended) {
    // The counter may have stood still, gone on or begun anew: unknown, so the interval is left
    // out.
    note(Repair::suspend);
  } else if (last_ && reading.at > last_->at) {
    interval_ = reading.at - last_->at;
    delta_uj_ = counter ? counted(reading.value, interval_) : integrated(reading.value, interval_);
    energy_uj_ += delta_uj_.value_or(0);
  } else if (!last_ && power_spike) {
    note(Repair::spike);
  }
  if (power_spike) {
    last_.reset();  // do not draw the next line from an implausible value
  } else {
    last_ = Last{reading.value, reading.at};
  }
  if (counter) {
    watch_for_death(reading.at);
  } else {
    moved_ = true;
  }
}

std::optional<std::int64_t> ZoneMeter::power_mw() const {
  if (!delta_uj_ || interval_.count() <= 0) return std::nullopt;
  return std::llround(static_cast<double>(*delta_uj_) / seconds(interval_) / 1000.0);
}

}  // namespace volta
