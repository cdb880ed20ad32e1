// Thermal zones: temperatures as the kernel's thermal control sees them. Coarser than hwmon, but
// all there is on many boards. Several show nonsense (-274 degC, 0) when nothing is behind them.
#include <map>

#include "collect/collector.hpp"
#include "collect/host_files.hpp"
#include "collect/kept_file.hpp"
#include "collect/sensor_chip.hpp"

namespace volta {
namespace {

std::vector<ChipSpec> find_zones(const HostRoots& roots) {
  const std::filesystem::path folder = roots.sys / "class/thermal";
  std::vector<std::pair<std::string, std::string>> zones;  // folder, type
  std::map<std::string, int> count;
  for (const std::string& name : list_folder(folder)) {
    if (!name.starts_with("thermal_zone")) continue;
    std::string type = read_trimmed(folder / name / "type");
    if (!is_label(type)) type = name;
    ++count[type];
    zones.emplace_back(name, std::move(type));
  }
  std::vector<ChipSpec> chips;
  for (const auto& [name, type] : zones) {
    ChipSpec chip;  // one each: a zone behind slow firmware goes to the lane alone
    chip.chip = "thermal";
    chip.zero_is_void = true;
    // A packet of equal zones is told apart by number: they have nothing better.
    std::string sensor = type;
    if (count[type] > 1) sensor.append(" (").append(name).append(")");
    chip.channels.push_back(
        {ChannelKind::temperature, std::move(sensor), (folder / name / "temp").string(), {}});
    chips.push_back(std::move(chip));
  }
  return chips;
}

class Thermal final : public Collector {
 public:
  explicit Thermal(HostRoots roots)
      : roots_(std::move(roots)), zones_(system_clock(), is_live(roots_)) {
    zones_.open(find_zones(roots_));
  }

  void sample(Tick& out) override {
    if (scanned_ == std::chrono::nanoseconds::zero()) scanned_ = out.boottime();
    if (out.boottime() - scanned_ >= (gone_ ? kRescanGone : kRescan)) {
      std::vector<std::string> folders = list_folder(roots_.sys / "class/thermal");
      if (gone_ || folders != folders_) zones_.open(find_zones(roots_));
      folders_ = std::move(folders);
      scanned_ = out.boottime();
    }
    gone_ = zones_.sample(out);
  }

  [[nodiscard]] std::uint64_t skipped() const override { return zones_.skipped(); }

 private:
  const HostRoots roots_;
  SensorChips zones_;
  std::vector<std::string> folders_ = list_folder(roots_.sys / "class/thermal");
  std::chrono::nanoseconds scanned_{};
  bool gone_ = false;
};

}  // namespace

std::unique_ptr<Collector> open_thermal(const HostRoots& roots, const CollectOptions& /*options*/) {
  if (find_zones(roots).empty()) return nullptr;
  return std::make_unique<Thermal>(roots);
}

}  // namespace volta
