// What a machine is, as against what it does: sent once at hello, shown on the host page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collect/collector.hpp"
#include "collect/tdp.hpp"

namespace volta {

struct CpuCache {
  std::uint32_t level = 0;
  std::string type;  // Data, Instruction, Unified
  std::uint64_t size_bytes = 0;
  std::string shared_cpus;  // "0,4"
};

struct PowerSource {
  std::string source;  // rapl, rapl-mmio, hwmon, battery
  std::string zone;    // package, platform, battery ...
  std::string device;
  bool readable = true;
};

struct HostFacts {
  std::string hostname, kernel, architecture;
  std::string os_name, os_id, os_version;
  std::string vendor, product, product_version, board;
  std::string cpu_model, cpu_vendor;
  std::uint32_t sockets = 0, dies = 0, cores = 0, threads = 0;
  std::vector<CpuCache> caches;  // of the first core
  std::uint64_t memory_bytes = 0;
  std::int64_t boot_time = 0;  // unix seconds; 0: unknown
  std::string virtualization;  // kvm, vmware ..., "vm" if only the CPU says so, "" on bare metal
  std::vector<PowerSource> power_sources;
  std::string energy_command;  // makes the unreadable ones readable; "" if there are none
  TdpHint tdp;
};

// Reads what there is; what cannot be read stays empty. Takes some ten milliseconds on a large
// machine: for the start, not for a tick.
HostFacts read_facts(const HostRoots& roots);
// The one fact that is needed before there is time for all of them.
std::string read_hostname(const HostRoots& roots);

// One JSON object; empty members are left out.
std::string to_json(const HostFacts& facts);

// The parsers, apart.
struct CpuInfo {
  std::string model, vendor;
  std::uint32_t threads = 0;
  bool hypervisor = false;
};
CpuInfo parse_cpuinfo(std::string_view text);

// os-release(5): NAME="value" with shell quoting; in order, malformed lines left out.
using Assignments = std::vector<std::pair<std::string, std::string>>;
Assignments parse_os_release(std::string_view text);

// "1280K" -> bytes.
std::optional<std::uint64_t> parse_cache_size(std::string_view text);

// From the vendor and product of the DMI and the CPU's hypervisor flag.
std::string virtualization_of(std::string_view vendor, std::string_view product, bool hypervisor);

}  // namespace volta
