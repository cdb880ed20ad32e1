#include "collect/facts.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include <sys/utsname.h>

#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "collect/host_files.hpp"
#include "collect/hwmon.hpp"
#include "collect/kept_file.hpp"
#include "collect/powercap.hpp"
#include "collect/system.hpp"

namespace volta {
namespace {

namespace fs = std::filesystem;

// Some boards never had their texts filled in.
std::string dmi_text(const fs::path& path) {
  constexpr std::array<std::string_view, 8> kBlank = {
      "To Be Filled By O.E.M.", "To be filled by O.E.M.", "Default string", "System Product Name",
      "System manufacturer",    "System Version",         "0123456789",     "Not Specified"};
  std::string text = read_trimmed(path);
  if (std::find(kBlank.begin(), kBlank.end(), text) != kBlank.end() || !is_label(text)) return "";
  return text;
}

std::string whole_file(const fs::path& path) {
  KeptFile file(path);
  const auto text = file.try_read();
  return text ? std::string(*text) : std::string();
}

void read_software(const HostRoots& roots, HostFacts& facts) {
  facts.hostname = read_hostname(roots);
  facts.kernel = read_trimmed(roots.proc / "sys/kernel/osrelease");
  facts.architecture = read_trimmed(roots.proc / "sys/kernel/arch");  // since Linux 6.1
  if (facts.architecture.empty() && is_live(roots)) {
    utsname names{};
    if (::uname(&names) == 0) facts.architecture = &names.machine[0];
  }
  Assignments release;
  for (const char* file : {"etc/os-release", "usr/lib/os-release"}) {
    if (release.empty()) release = parse_os_release(whole_file(roots.root / file));
  }
  for (auto& [key, value] : release) {
    if (key == "PRETTY_NAME") facts.os_name = value;
    if (key == "ID") facts.os_id = value;
    if (key == "VERSION_ID") facts.os_version = value;
  }
  facts.boot_time = parse_boot_time(whole_file(roots.proc / "stat")).value_or(0);
}

void read_hardware(const HostRoots& roots, HostFacts& facts) {
  const fs::path dmi = roots.sys / "class/dmi/id";
  facts.vendor = dmi_text(dmi / "sys_vendor");
  facts.product = dmi_text(dmi / "product_name");
  facts.product_version = dmi_text(dmi / "product_version");
  facts.board = dmi_text(dmi / "board_name");
  // ARM boards describe themselves in the device tree; its texts end with a zero byte.
  if (facts.product.empty()) {
    std::string model = read_trimmed(roots.proc / "device-tree/model");
    while (model.ends_with('\0')) model.pop_back();
    if (is_label(model)) facts.product = model;
  }
  const std::string meminfo = whole_file(roots.proc / "meminfo");
  std::string_view rest = meminfo;
  while (auto line = next_line(rest)) {
    if (next_field(*line) != "MemTotal:") continue;
    const auto kib = parse_integer<std::uint64_t>(next_field(*line));
    if (kib && *kib < (UINT64_MAX >> 10U)) facts.memory_bytes = *kib * 1024;
    break;
  }
}

void read_caches(const fs::path& cpu, HostFacts& facts) {
  for (const std::string& name : list_folder(cpu / "cache")) {
    if (!name.starts_with("index")) continue;
    const fs::path folder = cpu / "cache" / name;
    const auto level = parse_integer<std::uint32_t>(read_trimmed(folder / "level"));
    const auto size = parse_cache_size(read_trimmed(folder / "size"));
    if (!level || !size) continue;
    facts.caches.push_back(
        {*level, read_trimmed(folder / "type"), *size, read_trimmed(folder / "shared_cpu_list")});
  }
}

// Counts what the topology of the CPUs that are on-line says. False if it says nothing.
bool read_topology(const HostRoots& roots, HostFacts& facts) {
  using Index = std::int64_t;
  std::set<Index> packages;
  std::set<std::pair<Index, Index>> dies;
  std::set<std::tuple<Index, Index, Index>> cores;
  const fs::path cpus = roots.sys / "devices/system/cpu";
  for (const std::string& name : list_folder(cpus)) {
    if (!name.starts_with("cpu") || !parse_integer<std::uint32_t>(name.substr(3))) continue;
    const fs::path folder = cpus / name / "topology";
    const auto number = [&](const char* file) {
      return parse_integer<Index>(read_trimmed(folder / file));
    };
    const auto core = number("core_id");
    if (!core) continue;  // off-line
    // -1 where firmware does not say it (ARM, some VMs): all in one.
    const Index package = std::max<Index>(0, number("physical_package_id").value_or(0));
    const Index die = std::max<Index>(0, number("die_id").value_or(0));
    packages.insert(package);
    dies.insert({package, die});
    cores.insert({package, die, *core});
    ++facts.threads;
    if (facts.caches.empty()) read_caches(cpus / name, facts);
  }
  facts.sockets = static_cast<std::uint32_t>(packages.size());
  facts.dies = static_cast<std::uint32_t>(dies.size());
  facts.cores = static_cast<std::uint32_t>(cores.size());
  return facts.threads > 0;
}

void read_power_sources(const HostRoots& roots, HostFacts& facts) {
  const EnergyAccess access = energy_access(roots);
  facts.energy_command = access.command;
  for (const PowercapZone& zone : find_powercap_zones(roots)) {
    const std::string path = zone.folder + "/energy_uj";
    const bool readable =
        std::find(access.readable.begin(), access.readable.end(), path) != access.readable.end();
    facts.power_sources.push_back({zone.info.source, zone.info.zone, zone.info.device, readable});
  }
  for (const ChipSpec& chip : find_hwmon_chips(roots)) {
    for (const ChannelSpec& channel : chip.channels) {
      if (channel.zone.zone.empty()) continue;
      facts.power_sources.push_back({"hwmon", channel.zone.zone, channel.zone.device, true});
    }
  }
  const fs::path supplies = roots.sys / "class/power_supply";
  for (const std::string& name : list_folder(supplies)) {
    if (read_trimmed(supplies / name / "type") != "Battery" ||
        read_trimmed(supplies / name / "scope") == "Device") {
      continue;
    }
    facts.power_sources.push_back({"battery", "battery", name, true});
  }
}

void text(JsonWriter& json, std::string_view key, const std::string& value) {
  if (!value.empty()) json.member(key, value);
}

void number(JsonWriter& json, std::string_view key, std::uint64_t value) {
  if (value != 0) json.member(key, value);
}

void write_cpu(JsonWriter& json, const HostFacts& facts) {
  json.key("cpu").begin_object();
  text(json, "model", facts.cpu_model);
  text(json, "vendor", facts.cpu_vendor);
  number(json, "sockets", facts.sockets);
  number(json, "dies", facts.dies);
  number(json, "cores", facts.cores);
  number(json, "threads", facts.threads);
  if (facts.tdp.watts > 0) {
    json.member("tdp_watts", facts.tdp.watts).member("tdp_source", facts.tdp.source);
  }
  json.key("caches").begin_array();
  for (const CpuCache& cache : facts.caches) {
    json.begin_object().member("level", cache.level);
    text(json, "type", cache.type);
    json.member("size_bytes", cache.size_bytes);
    text(json, "shared_cpus", cache.shared_cpus);
    json.end_object();
  }
  json.end_array().end_object();
}

std::string unquote(std::string_view value) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\\' && quote != '\'' && i + 1 < value.size()) {
      out += value[++i];
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

CpuInfo parse_cpuinfo(std::string_view text) {
  CpuInfo info;
  while (const auto line = next_line(text)) {
    const auto colon = line->find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = trim(line->substr(0, colon));
    const std::string_view value = trim(line->substr(colon + 1));
    if (key == "processor" && parse_integer<std::uint32_t>(value)) ++info.threads;
    if (info.model.empty() && key == "model name" && is_label(value)) info.model = value;
    if (info.vendor.empty() && key == "vendor_id" && is_label(value)) info.vendor = value;
    if (info.hypervisor || (key != "flags" && key != "Features")) continue;
    std::string_view flags = value;
    for (auto flag = next_field(flags); !flag.empty(); flag = next_field(flags)) {
      info.hypervisor = info.hypervisor || flag == "hypervisor";
    }
  }
  return info;
}

Assignments parse_os_release(std::string_view text) {
  Assignments found;
  while (const auto raw = next_line(text)) {
    const std::string_view line = trim(*raw);
    const auto equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == 0 || equals == std::string_view::npos) {
      continue;
    }
    const std::string_view key = line.substr(0, equals);
    if (key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != std::string_view::npos) {
      continue;
    }
    std::string value = unquote(line.substr(equals + 1));
    if (!value.empty() && !is_label(value)) continue;
    found.emplace_back(key, std::move(value));
  }
  return found;
}

std::optional<std::uint64_t> parse_cache_size(std::string_view text) {
  unsigned shift = 0;
  if (text.ends_with('K')) shift = 10;
  if (text.ends_with('M')) shift = 20;
  if (text.ends_with('G')) shift = 30;
  if (shift != 0) text.remove_suffix(1);
  const auto size = parse_integer<std::uint64_t>(text);
  if (!size || *size > (UINT64_MAX >> shift)) return std::nullopt;
  return *size << shift;
}

std::string virtualization_of(std::string_view vendor, std::string_view product, bool hypervisor) {
  struct Known {
    std::string_view part;
    std::string_view name;
  };
  constexpr std::array<Known, 12> kKnown = {{{"QEMU", "kvm"},
                                             {"KVM", "kvm"},
                                             {"OpenStack", "kvm"},
                                             {"Google Compute Engine", "kvm"},
                                             {"Amazon EC2", "amazon"},
                                             {"VMware", "vmware"},
                                             {"VirtualBox", "oracle"},
                                             {"innotek", "oracle"},
                                             {"Xen", "xen"},
                                             {"Parallels", "parallels"},
                                             {"BHYVE", "bhyve"},
                                             {"Virtual Machine", "microsoft"}}};
  for (const Known& known : kKnown) {
    if (vendor.find(known.part) == std::string_view::npos &&
        product.find(known.part) == std::string_view::npos) {
      continue;
    }
    // Clouds rent whole machines under the same name; there the CPU shows no hypervisor.
    if (known.name == "amazon" && !hypervisor) return "";
    return std::string(known.name);
  }
  return hypervisor ? "vm" : "";
}

std::string read_hostname(const HostRoots& roots) {
  return read_trimmed(roots.proc / "sys/kernel/hostname");
}

HostFacts read_facts(const HostRoots& roots) {
  HostFacts facts;
  read_software(roots, facts);
  read_hardware(roots, facts);
  CpuInfo cpu = parse_cpuinfo(whole_file(roots.proc / "cpuinfo"));
  facts.cpu_model = std::move(cpu.model);
  facts.cpu_vendor = std::move(cpu.vendor);
  if (!read_topology(roots, facts)) facts.threads = cpu.threads;
  facts.virtualization = virtualization_of(facts.vendor, facts.product, cpu.hypervisor);
  read_power_sources(roots, facts);
  if (const auto watts = tdp_watts(roots)) {
    facts.tdp = {*watts, "powercap: what the packages are specified for"};
  } else {
    facts.tdp = tdp_from_model({facts.cpu_model, facts.sockets, facts.cores, facts.threads,
                                !facts.virtualization.empty()});
  }
  return facts;
}

std::string to_json(const HostFacts& facts) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  text(json, "hostname", facts.hostname);
  text(json, "kernel", facts.kernel);
  text(json, "architecture", facts.architecture);
  json.key("os").begin_object();
  text(json, "name", facts.os_name);
  text(json, "id", facts.os_id);
  text(json, "version", facts.os_version);
  json.end_object().key("hardware").begin_object();
  text(json, "vendor", facts.vendor);
  text(json, "product", facts.product);
  text(json, "product_version", facts.product_version);
  text(json, "board", facts.board);
  json.end_object();
  write_cpu(json, facts);
  number(json, "memory_bytes", facts.memory_bytes);
  if (facts.boot_time > 0) json.member("boot_time", rfc3339(facts.boot_time * 1000));
  text(json, "virtualization", facts.virtualization);
  json.key("power_sources").begin_array();
  for (const PowerSource& source : facts.power_sources) {
    json.begin_object();
    json.member("source", source.source).member("zone", source.zone);
    json.member("device", source.device).member("readable", source.readable);
    json.end_object();
  }
  json.end_array();
  text(json, "energy_command", facts.energy_command);
  json.end_object();
  return out;
}

}  // namespace volta
