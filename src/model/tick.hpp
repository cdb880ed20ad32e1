// One tick of an agent: what all collectors read in one wake-up. In the steady state nothing here
// allocates: series are defined once, readings go into vectors that keep their capacity.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/series.hpp"

namespace volta {

// The series of one run of an agent, in the order of their slots. Only ever appended to: the series
// of a device that went away keeps its slot and has gaps from then on. One thread.
class Layout {
 public:
  // Put on every series defined from now on that has no such label itself. Sorted or not.
  void set_common_labels(Labels labels) { common_ = std::move(labels); }
  // The slot of this series, new or as it was. Looks up by text: call it when a device appears, not
  // per tick.
  Slot define(SeriesDef series);
  Slot define(MetricId id, Labels labels) { return define(make_series(id, std::move(labels))); }

  [[nodiscard]] std::span<const SeriesDef> series() const { return series_; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(series_.size()); }

 private:
  Labels common_;
  std::vector<SeriesDef> series_;
  std::map<std::string, Slot, std::less<>> by_text_;
};

struct Reading {
  Slot slot;
  std::uint64_t raw;  // as the series' ValueType says
};

// An energy counter or power sensor as the hardware shows it, before energy/ repairs it.
struct ZoneReading {
  enum class What : std::uint8_t { energy_uj, power_uw };
  std::uint32_t zone = 0;  // index into Tick::zones of its collector's announcements, see ZoneInfo
  What what = What::energy_uj;
  std::uint64_t value = 0;
  std::chrono::nanoseconds at{};  // boottime right after the read
};

// What is known of a zone for as long as it exists. Announced once by the collector that found it.
struct ZoneInfo {
  std::string
      zone;  // package, core, uncore, dram, psys, platform, battery ... (CONTRACTS "Energy series")
  std::string device;  // package-0, chip:channel ...
  std::string source;  // rapl, rapl-mmio, hwmon, battery ...
  Quality quality = Quality::measured;
  double error_ratio = 0;      // relative error bound, 0..1
  std::uint64_t range_uj = 0;  // the counter wraps after this; 0: it does not
  double limit_w = 0;          // largest plausible power; 0: unknown
  bool operator==(const ZoneInfo&) const = default;
};

// How busy the machine was, for the estimator and volta's own share. Cumulative since boot.
struct HostLoad {
  std::uint64_t busy_ticks = 0;   // all CPUs, 1/100 s, without idle, iowait and steal
  std::uint64_t total_ticks = 0;  // all CPUs, 1/100 s, without steal
  std::uint32_t cpus = 0;         // online
  std::uint64_t memory_bytes = 0;
  std::uint64_t self_cpu_us = 0;  // of this process
};

// Filled by the collectors, then by energy/, then handed on.
class Tick {
 public:
  explicit Tick(Layout& layout) : layout_(&layout) {}

  // Empties it for the next tick; keeps capacity and announced zones.
  void begin(std::int64_t wall_ms, std::chrono::nanoseconds boottime);

  Slot define(MetricId id, Labels labels) { return layout_->define(id, std::move(labels)); }
  Slot define(SeriesDef series) { return layout_->define(std::move(series)); }
  void set(Slot slot, std::int64_t raw) {
    readings_.push_back({slot, static_cast<std::uint64_t>(raw)});
  }
  void set_unsigned(Slot slot, std::uint64_t raw) { readings_.push_back({slot, raw}); }

  // The zone's index, new or as it was.
  std::uint32_t announce(ZoneInfo zone);
  void set_zone(const ZoneReading& reading) { zone_readings_.push_back(reading); }
  HostLoad& load() { return load_; }

  [[nodiscard]] std::int64_t wall_ms() const { return wall_ms_; }
  [[nodiscard]] std::chrono::nanoseconds boottime() const { return boottime_; }
  [[nodiscard]] const Layout& layout() const { return *layout_; }
  [[nodiscard]] std::span<const Reading> readings() const { return readings_; }
  [[nodiscard]] std::span<const ZoneInfo> zones() const { return zones_; }
  [[nodiscard]] std::span<const ZoneReading> zone_readings() const { return zone_readings_; }
  [[nodiscard]] const HostLoad& load() const { return load_; }

  // For the runner: takes back what a collector that then failed has set.
  struct Mark {
    std::size_t readings;
    std::size_t zone_readings;
  };
  [[nodiscard]] Mark mark() const { return {readings_.size(), zone_readings_.size()}; }
  void rewind(Mark mark);
  // Takes out the readings whose slot is set in `dropped` (slots beyond its end stay).
  void drop(const std::vector<bool>& dropped);

 private:
  Layout* layout_;
  std::int64_t wall_ms_ = 0;
  std::chrono::nanoseconds boottime_{};
  std::vector<Reading> readings_;
  std::vector<ZoneInfo> zones_;
  std::vector<ZoneReading> zone_readings_;
  HostLoad load_;
};

// Where finished ticks go. Called on the collectors' thread; must not block.
class TickSink {
 public:
  virtual ~TickSink() = default;
  virtual void on_tick(const Tick& tick) = 0;
};

}  // namespace volta
