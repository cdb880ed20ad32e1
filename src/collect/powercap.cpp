#include "collect/powercap.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>

#include <unistd.h>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "collect/host_files.hpp"
#include "collect/kept_file.hpp"
#include "collect/scalar_file.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMsr = "intel-rapl";
constexpr std::string_view kMmio = "intel-rapl-mmio";
constexpr std::chrono::seconds kZoneRescan(60);
constexpr std::chrono::seconds kZoneRescanGone(5);
constexpr double kHugeLimitWatts = 20'000;  // firmware that sets no limit writes numbers like 4e6 W

fs::path class_folder(const HostRoots& roots) { return roots.sys / "class/powercap"; }

// 0 if the file is not there or holds no positive number.
std::uint64_t read_positive(const fs::path& path) {
  std::int64_t value = 0;
  ScalarFile file(path.string());
  return file.read(value) == 0 && value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

double read_limit_w(const fs::path& path) {
  const double watts = static_cast<double>(read_positive(path)) / 1e6;
  return watts <= kHugeLimitWatts ? watts : 0;
}

// Which zone of CONTRACTS this name stands for; "" for one that we do not know.
std::string_view zone_of(std::string_view name, bool top_level) {
  if (top_level) {
    if (name.starts_with("package-")) return "package";
    return name == "psys" || name.starts_with("psys-") ? "psys" : "";
  }
  return name == "core" || name == "uncore" || name == "dram" ? name : "";
}

bool is_amd(const HostRoots& roots) {
  KeptFile file(roots.proc / "cpuinfo");
  const auto text = file.try_read();
  if (!text) return false;
  const std::string_view head = text->substr(0, 400);  // vendor_id is the second line
  return head.find("AuthenticAMD") != std::string_view::npos ||
         head.find("HygonGenuine") != std::string_view::npos;
}

struct Found {
  std::string folder_name;
  std::string name;  // the file's content
};

// Zones of one controller by their ids.
std::map<std::string, Found> scan(const HostRoots& roots, std::string_view controller) {
  std::map<std::string, Found> found;
  for (const std::string& folder : list_folder(class_folder(roots))) {
    const auto id = parse_powercap_name(folder);
    if (!id || id->controller != controller) continue;
    found[std::string(id->ids)] = {folder, read_trimmed(class_folder(roots) / folder / "name")};
  }
  return found;
}

// "package-0/dram": names from the outermost zone inwards. Empty if a zone on the way is missing.
std::string device_of(const std::map<std::string, Found>& zones, std::string_view ids) {
  std::string device;
  while (!ids.empty()) {
    const auto zone = zones.find(std::string(ids));
    if (zone == zones.end() || !is_label(zone->second.name)) return "";
    if (!device.empty()) device.insert(0, 1, '/');
    device.insert(0, zone->second.name);
    ids = ids.substr(0, ids.rfind(':'));
  }
  return device;
}

class Powercap final : public Collector {
 public:
  Powercap(HostRoots roots, bool amd, std::vector<PowercapZone> zones)
      : roots_(std::move(roots)), amd_(amd) {
    take(std::move(zones));
  }

  void sample(Tick& out) override {
    if (scanned_ == std::chrono::nanoseconds::zero()) scanned_ = out.boottime();
    if (out.boottime() - scanned_ >= (gone_ ? kZoneRescanGone : kZoneRescan))
      rescan(out.boottime());
    for (Zone& zone : zones_) read(zone, out);
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  struct Zone {
    PowercapZone zone;
    ScalarFile energy;
    bool defined = false;
    std::uint32_t index = 0;
    Slot readable{};
  };

  void take(std::vector<PowercapZone> zones) {
    zones_.clear();
    for (PowercapZone& zone : zones) {
      std::string path = zone.folder + "/energy_uj";
      zones_.push_back({std::move(zone), ScalarFile(std::move(path)), false, 0, {}});
    }
  }

  // A package that went off-line and came back has new files behind the same names, so a zone that
  // fails is opened anew; otherwise the kept descriptors stay.
  void rescan(std::chrono::nanoseconds now) {
    std::vector<PowercapZone> zones = find_powercap_zones(roots_, amd_);
    const bool same = std::equal(zones.begin(), zones.end(), zones_.begin(), zones_.end(),
                                 [](const PowercapZone& a, const Zone& b) {
                                   return a.folder == b.zone.folder && a.info == b.zone.info;
                                 });
    if (!same || gone_) take(std::move(zones));
    gone_ = false;
    scanned_ = now;
  }

  void read(Zone& zone, Tick& out) {
    std::int64_t energy_uj = 0;
    const int error = zone.energy.read(energy_uj);
    const auto at = system_clock().boottime();
    if (!std::exchange(zone.defined, true)) define(zone, out);
    if (means_gone(error)) {
      gone_ = true;
      return;
    }
    const bool refused = error == EACCES || error == EPERM;
    out.set(zone.readable, refused ? 0 : 1);
    const std::uint64_t most = zone.zone.info.range_uj == 0 ? INT64_MAX : zone.zone.info.range_uj;
    if (error == EBADMSG || (error == 0 && (energy_uj < 0 || std::cmp_greater(energy_uj, most)))) {
      ++skipped_;
    } else if (error == 0) {
      out.set_zone(
          {zone.index, ZoneReading::What::energy_uj, static_cast<std::uint64_t>(energy_uj), at});
    }
  }

  static void define(Zone& zone, Tick& out) {
    const ZoneInfo& info = zone.zone.info;
    zone.index = out.announce(info);
    zone.readable =
        out.define(metrics::energy_readable,
                   {{"zone", info.zone}, {"device", info.device}, {"source", info.source}});
  }

  const HostRoots roots_;
  const bool amd_;  // asked once: /proc/cpuinfo interrupts every core to learn its clock
  std::vector<Zone> zones_;
  std::chrono::nanoseconds scanned_{};
  bool gone_ = false;
  std::uint64_t skipped_ = 0;
};

// For a shell: as it is if every byte is harmless, else in single quotes.
std::string quoted(const std::string& path) {
  constexpr std::string_view kHarmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:+,";
  if (path.find_first_not_of(kHarmless) == std::string::npos) return path;
  std::string out = "'";
  for (const char c : path) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::optional<PowercapName> parse_powercap_name(std::string_view name) {
  const auto colon = name.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const PowercapName parsed{name.substr(0, colon), name.substr(colon)};
  if (parsed.controller != kMsr && parsed.controller != kMmio) return std::nullopt;
  bool digit = true;  // a colon must follow a digit, and a digit must end it
  for (const char c : parsed.ids) {
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (!hex && (c != ':' || !digit)) return std::nullopt;
    digit = hex;
  }
  return digit ? std::optional(parsed) : std::nullopt;
}

std::vector<PowercapZone> find_powercap_zones(const HostRoots& roots, bool amd) {
  std::vector<PowercapZone> zones;
  std::set<std::string> known;  // devices: a second zone of that name is the same counter
  for (const std::string_view controller : {kMsr, kMmio}) {
    const auto found = scan(roots, controller);
    for (const auto& [ids, one] : found) {
      const auto id = parse_powercap_name(one.folder_name);
      const std::string_view kind = zone_of(one.name, id->top_level());
      std::string device = device_of(found, ids);
      if (kind.empty() || device.empty() || !known.insert(device).second) continue;
      const fs::path folder = class_folder(roots) / one.folder_name;
      PowercapZone zone;
      zone.folder = folder.string();
      zone.info.zone = kind;
      // Linux reads AMD's per-core register on the package's first core only: never "all cores".
      zone.info.device = amd && kind == "core" ? device + "-0-lead" : std::move(device);
      zone.info.source = controller == kMsr ? "rapl" : "rapl-mmio";
      zone.info.range_uj = read_positive(folder / "max_energy_range_uj");
      zone.max_power_w = read_limit_w(folder / "constraint_0_max_power_uw");
      zone.info.limit_w = read_limit_w(folder / "constraint_0_power_limit_uw");
      if (zone.info.limit_w == 0) zone.info.limit_w = zone.max_power_w;
      zones.push_back(std::move(zone));
    }
  }
  std::stable_sort(zones.begin(), zones.end(), [](const PowercapZone& a, const PowercapZone& b) {
    return a.info.device < b.info.device;
  });
  return zones;
}

std::vector<PowercapZone> find_powercap_zones(const HostRoots& roots) {
  return find_powercap_zones(roots, is_amd(roots));
}

EnergyAccess energy_access(const HostRoots& roots) {
  EnergyAccess access;
  bool only_rapl = true;
  for (const PowercapZone& zone : find_powercap_zones(roots)) {
    std::string path = zone.folder + "/energy_uj";
    const UniqueFd fd = open_source(path.c_str());
    if (fd) {
      access.readable.push_back(std::move(path));
    } else if (errno == EACCES || errno == EPERM) {
      only_rapl = only_rapl && zone.info.source == "rapl";
      access.unreadable.push_back(std::move(path));
    }
  }
  // The class folder holds a link to every zone, nested ones too, so that one pattern has them all;
  // "intel-rapl:*" leaves the MMIO copies alone where they are not needed.
  if (!access.unreadable.empty()) {
    access.command = "sudo chmod a+r " + quoted(class_folder(roots).string()) +
                     (only_rapl ? "/intel-rapl:*/energy_uj" : "/intel-rapl*/energy_uj");
  }
  return access;
}

std::unique_ptr<Collector> open_powercap(const HostRoots& roots,
                                         const CollectOptions& /*options*/) {
  if (list_folder(class_folder(roots)).empty()) return nullptr;
  const bool amd = is_amd(roots);
  std::vector<PowercapZone> zones = find_powercap_zones(roots, amd);
  if (zones.empty()) return nullptr;
  return std::make_unique<Powercap>(roots, amd, std::move(zones));
}

}  // namespace volta
