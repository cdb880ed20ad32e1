// Runs one collector and shows what it set by name: for tests.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "collect/collector.hpp"
#include "collect/recorded_host.hpp"

namespace volta::test {

inline HostRoots host_in(const std::filesystem::path& folder) {
  return {folder / "proc", folder / "sys", folder / "root"};
}

class HostProbe {
 public:
  // Values by name{labels}, in the metric's unit.
  using Values = std::map<std::string, double>;

  Values sample(Collector& collector) {
    tick_.begin(1, boottime_);
    collector.sample(tick_);
    Values values;
    for (const Reading& reading : tick_.readings()) {
      const SeriesDef& series = tick_.layout().series()[reading.slot];
      values[series.name + label_text(series.labels)] =
          to_double(series.type, series.scale, reading.raw);
    }
    return values;
  }
  // Of the last sample: zone readings by zone/device/source.
  [[nodiscard]] std::map<std::string, std::uint64_t> zone_values() const {
    std::map<std::string, std::uint64_t> values;
    for (const ZoneReading& reading : tick_.zone_readings()) {
      const ZoneInfo& zone = tick_.zones()[reading.zone];
      values[zone.zone + " " + zone.device + " " + zone.source] = reading.value;
    }
    return values;
  }
  [[nodiscard]] const ZoneInfo* zone(const std::string& device) const {
    for (const ZoneInfo& zone : tick_.zones()) {
      if (zone.device == device) return &zone;
    }
    return nullptr;
  }
  void advance(std::chrono::nanoseconds by) { boottime_ += by; }
  [[nodiscard]] const Tick& tick() const { return tick_; }

 private:
  Layout layout_;
  Tick tick_{layout_};
  std::chrono::nanoseconds boottime_ = std::chrono::seconds(1000);
};

}  // namespace volta::test
