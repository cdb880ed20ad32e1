// The parsers of sysfs names and of the texts of /proc that the sensors and facts read. The first
// byte chooses the parser, the rest is its input.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "collect/facts.hpp"
#include "collect/host_files.hpp"
#include "collect/hwmon.hpp"
#include "collect/mounts.hpp"
#include "collect/powercap.hpp"
#include "collect/system.hpp"
#include "collect/tdp.hpp"

namespace volta {
namespace {

void mounts(std::string_view text) {
  std::uint64_t malformed = 0;
  for (const bool network : {false, true}) {
    for (const Mount& mount : real_filesystems(text, network, malformed)) {
      VOLTA_ASSERT(mount.mountpoint.starts_with('/'));
      VOLTA_ASSERT(!mount.device.empty() && !mount.fstype.empty());
    }
  }
}

void names(std::string_view text) {
  if (const auto name = parse_powercap_name(text)) {
    VOLTA_ASSERT(name->controller.size() + name->ids.size() == text.size());
    VOLTA_ASSERT(name->ids.starts_with(':'));
    VOLTA_ASSERT(name->top_level() == (name->ids.find(':', 1) == std::string_view::npos));
  }
  if (const auto file = parse_hwmon_file(text)) {
    VOLTA_ASSERT(!file->type.empty() && !file->attribute.empty());
  }
  stable_device_name(text);
  hwmon_zone(text, text);
  parse_cache_size(text);
}

void facts(std::string_view text) {
  HostFacts host;
  CpuInfo cpu = parse_cpuinfo(text);
  VOLTA_ASSERT(cpu.model.empty() || is_label(cpu.model));
  host.cpu_model = std::move(cpu.model);
  host.tdp = tdp_from_model({host.cpu_model, 1, 1, cpu.threads, cpu.hypervisor});
  VOLTA_ASSERT(host.tdp.watts > 0);
  host.virtualization = virtualization_of(text, text, cpu.hypervisor);
  for (const auto& [key, value] : parse_os_release(text)) {
    VOLTA_ASSERT(!key.empty());
    host.os_name = value;
  }
  VOLTA_ASSERT(to_json(host).ends_with('}'));
}

void numbers(std::string_view text) {
  const auto uptime = parse_uptime(text);
  VOLTA_ASSERT(!uptime || *uptime >= 0);
  const auto boot = parse_boot_time(text);
  VOLTA_ASSERT(!boot || *boot >= 0);
}

}  // namespace
}  // namespace volta

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      volta::mounts(text);
      break;
    case 1:
      volta::names(text);
      break;
    case 2:
      volta::facts(text);
      break;
    default:
      volta::numbers(text);
  }
  return 0;
}
