#include "collect/hwmon.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "base/text.hpp"
#include "collect/host_files.hpp"
#include "collect/kept_file.hpp"

namespace volta {
namespace {

namespace fs = std::filesystem;

template <std::size_t N>
bool one_of(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Behind firmware, a management bus or a disk's command queue: 1 to 100 ms a read, and some hang
// with their device.
constexpr std::array<std::string_view, 8> kSlowChips = {
    "power_meter", "ibmaem", "ibmpex", "nvme", "drivetemp", "occ", "jc42", "spd5118"};
// Reading them wakes the GPU.
constexpr std::array<std::string_view, 5> kGpuChips = {"amdgpu", "radeon", "nouveau", "i915", "xe"};

std::string label_of(const fs::path& chip, const HwmonFile& file, const std::string& otherwise) {
  const std::string stem = std::string(file.type) + std::to_string(file.number);
  for (const char* kind : {"_label", "_oem_info"}) {
    std::string label = read_trimmed(chip / (stem + kind));
    if (is_label(label)) return label;
  }
  return otherwise;
}

std::optional<ChannelKind> kind_of(const HwmonFile& file) {
  const bool input = file.attribute == "input";
  if (file.type == "temp" && input) return ChannelKind::temperature;
  if (file.type == "fan" && input) return ChannelKind::fan;
  if (file.type == "in" && input) return ChannelKind::voltage;
  if (file.type == "energy" && input) return ChannelKind::energy;
  if (file.type == "power" && (input || file.attribute == "average")) return ChannelKind::power;
  return std::nullopt;
}

// One of the files of the chip, with what ranks it: of energy, average and input of the same number
// the first is the best measure of one and the same consumer.
struct Candidate {
  ChannelKind kind;
  std::uint32_t number = 0;
  bool average = false;
  std::string stem;  // temp1
  std::string file;  // temp1_input
};

bool is_power(ChannelKind kind) {
  return kind == ChannelKind::power || kind == ChannelKind::energy;
}

std::vector<Candidate> find_channels(const fs::path& chip) {
  std::vector<Candidate> found;
  for (const std::string& name : list_folder(chip)) {
    const auto file = parse_hwmon_file(name);
    const auto kind = file ? kind_of(*file) : std::nullopt;
    if (!kind) continue;
    found.push_back({*kind, file->number, file->attribute == "average",
                     std::string(file->type) + std::to_string(file->number), name});
  }
  const auto beaten = [&](const Candidate& one) {
    return one.kind == ChannelKind::power &&
           std::any_of(found.begin(), found.end(), [&](const Candidate& other) {
             return other.number == one.number &&
                    (other.kind == ChannelKind::energy ||
                     (other.kind == ChannelKind::power && other.average && !one.average));
           });
  };
  std::vector<Candidate> kept;
  std::copy_if(found.begin(), found.end(), std::back_inserter(kept), std::not_fn(beaten));
  std::sort(kept.begin(), kept.end(), [](const Candidate& a, const Candidate& b) {
    return std::pair(a.kind, a.number) < std::pair(b.kind, b.number);
  });
  return kept;
}

// Some drivers keep their files one level down.
fs::path folder_of(const fs::path& chip) {
  std::error_code error;
  return fs::exists(chip / "name", error) ? chip : chip / "device";
}

void add_channels(ChipSpec& spec, const fs::path& folder, std::string_view name) {
  std::set<std::pair<std::string, std::string>> taken;  // type, sensor
  for (const Candidate& candidate : find_channels(folder)) {
    const auto file = parse_hwmon_file(candidate.file);
    std::string sensor = label_of(folder, *file, candidate.stem);
    const std::string type = is_power(candidate.kind) ? "power" : std::string(file->type);
    if (!taken.emplace(type, sensor).second) sensor += " (" + candidate.stem + ")";
    taken.emplace(type, sensor);
    ChannelSpec channel{candidate.kind, sensor, (folder / candidate.file).string(), {}};
    if (is_power(candidate.kind)) {
      const std::string number = std::to_string(candidate.number);
      const bool battery = read_trimmed(folder / ("power" + number + "_is_battery")) == "1";
      const std::string_view zone = hwmon_zone(name, sensor);
      if (zone.empty() || battery) continue;
      channel.zone.zone = zone;
      channel.zone.device = spec.chip + ":" + sensor;
      channel.zone.source = "hwmon";
    }
    spec.channels.push_back(std::move(channel));
  }
}

class Hwmon final : public Collector {
 public:
  Hwmon(HostRoots roots, std::vector<ChipSpec> chips)
      : roots_(std::move(roots)), chips_(system_clock(), is_live(roots_)) {
    chips_.open(std::move(chips));
  }

  void sample(Tick& out) override {
    // Chips come and go with drivers and docks; the lists cost about 5 us a chip.
    if (scanned_ == std::chrono::nanoseconds::zero()) scanned_ = out.boottime();
    if (out.boottime() - scanned_ >= (gone_ ? kRescanGone : kRescan)) {
      std::vector<std::string> folders = list_folder(roots_.sys / "class/hwmon");
      if (gone_ || folders != folders_) chips_.open(find_hwmon_chips(roots_));
      folders_ = std::move(folders);
      scanned_ = out.boottime();
    }
    gone_ = chips_.sample(out);
  }

  [[nodiscard]] std::uint64_t skipped() const override { return chips_.skipped(); }

 private:
  const HostRoots roots_;
  SensorChips chips_;
  std::vector<std::string> folders_ = list_folder(roots_.sys / "class/hwmon");
  std::chrono::nanoseconds scanned_{};
  bool gone_ = false;
};

}  // namespace

std::optional<HwmonFile> parse_hwmon_file(std::string_view name) {
  const auto digits = name.find_first_of("0123456789");
  const auto underscore = name.find('_');
  if (digits == 0 || digits == std::string_view::npos || underscore == std::string_view::npos ||
      underscore < digits) {
    return std::nullopt;
  }
  const auto number = parse_integer<std::uint32_t>(name.substr(digits, underscore - digits));
  if (!number || underscore + 1 == name.size()) return std::nullopt;
  return HwmonFile{name.substr(0, digits), *number, name.substr(underscore + 1)};
}

std::string stable_device_name(const fs::path& real_path) {
  fs::path path = real_path;
  // A device of a class stands in CLASS/CLASSn below the device that it belongs to.
  while (path.has_filename()) {
    const std::string name = path.filename().string();
    const std::string folder = path.parent_path().filename().string();
    if (folder.empty() || name.size() <= folder.size() || !name.starts_with(folder)) break;
    if (name.find_first_not_of("0123456789", folder.size()) != std::string::npos) break;
    path = path.parent_path().parent_path();
  }
  const std::string name = path.filename().string();
  return name.empty() ? real_path.filename().string() : name;
}

std::string_view hwmon_zone(std::string_view chip, std::string_view label) {
  if (one_of(kGpuChips, chip)) return "";
  if (chip == "power_meter") {
    // NVIDIA Grace has a meter each for module, Grace, CPU and I/O; the module holds the others.
    for (const std::string_view part : {"CPU ", "SysIO ", "Grace "}) {
      if (label.starts_with(part)) return "rail";
    }
    return "platform";
  }
  if (chip == "ibmaem" || chip == "ibmpex") return "platform";
  if (chip == "ibmpowernv" || chip == "occ" || chip == "macsmc_hwmon") {
    const bool total = label == "System" || label == "Total System Power" || label == "system";
    return total ? "platform" : "rail";
  }
  if (chip == "corsairpsu") return label == "power total" ? "psu" : "rail";
  return "rail";
}

std::vector<ChipSpec> find_hwmon_chips(const HostRoots& roots) {
  struct Found {
    std::string name;
    std::string device;
    fs::path folder;
  };
  std::vector<Found> found;
  std::map<std::string, std::size_t> count;
  for (const std::string& entry : list_folder(roots.sys / "class/hwmon")) {
    const fs::path chip = roots.sys / "class/hwmon" / entry;
    const fs::path folder = folder_of(chip);
    std::string name = read_trimmed(folder / "name");
    if (!is_label(name)) continue;
    std::error_code error;
    const fs::path device = fs::canonical(chip / "device", error);
    ++count[name];
    found.push_back({name, error ? entry : stable_device_name(device), folder});
  }
  std::vector<ChipSpec> chips;
  for (const Found& one : found) {
    ChipSpec spec;
    spec.chip =
        count[one.name] == 1 || !is_label(one.device) ? one.name : one.name + "-" + one.device;
    spec.slow = one_of(kSlowChips, one.name);
    if (one_of(kGpuChips, one.name))
      spec.sleep = (one.folder / "device/power/runtime_status").string();
    add_channels(spec, one.folder, one.name);
    if (!spec.channels.empty()) chips.push_back(std::move(spec));
  }
  std::stable_sort(chips.begin(), chips.end(),
                   [](const ChipSpec& a, const ChipSpec& b) { return a.chip < b.chip; });
  return chips;
}

std::unique_ptr<Collector> open_hwmon(const HostRoots& roots, const CollectOptions& /*options*/) {
  std::vector<ChipSpec> chips = find_hwmon_chips(roots);
  if (chips.empty()) return nullptr;
  return std::make_unique<Hwmon>(roots, std::move(chips));
}

}  // namespace volta
