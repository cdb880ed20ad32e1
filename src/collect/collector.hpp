// What a collector is: one kernel interface, read once a period. See collectors.cpp for the list.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "model/tick.hpp"

namespace volta {

// The machine that is read. Tests point all three into a recorded host.
struct HostRoots {
  std::filesystem::path proc = "/proc";
  std::filesystem::path sys = "/sys";
  std::filesystem::path root = "/";  // what mount points and /etc/os-release are relative to
  [[nodiscard]] bool recorded() const { return proc != "/proc" || sys != "/sys" || root != "/"; }
};

struct CollectOptions {
  std::vector<int> cores;            // per-core series only for these; empty: all
  bool per_core = true;              // series of each core at all
  bool partitions = false;           // block devices: partitions too
  bool network_filesystems = false;  // filesystems of other machines too
};

class Collector {
 public:
  virtual ~Collector() = default;
  // Sets the readings as of now. Called from one thread, once per period; must neither block nor,
  // once its devices are known, allocate. Throws Failure when its source cannot be read; the runner
  // then takes back what this call has set. A value that is not what it should be is skipped and
  // counted.
  virtual void sample(Tick& out) = 0;
  // Readings skipped so far because their content was malformed.
  [[nodiscard]] virtual std::uint64_t skipped() const { return 0; }
};

struct CollectorEntry {
  std::string_view name;   // also its file, config key, test and fixture
  std::string_view group;  // in schema/metrics.toml: gives the default period
  // Null: this host has no such source (asked again later: it may come).
  std::unique_ptr<Collector> (*open)(const HostRoots&, const CollectOptions&);
  // Another group whose metrics it sets from the same read; "" for none.
  std::string_view also = {};
  // It fills Tick::load, so energy/ needs it even where nobody wants its own metrics.
  bool feeds_load = false;
};

// The one list, in the order in which a tick reads them.
std::span<const CollectorEntry> collectors();

}  // namespace volta
