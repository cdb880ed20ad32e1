// /sys/devices/system/cpu/cpufreq/policy*: the clock of each core. cpuinfo_avg_freq (new kernels)
// is measured, scaling_cur_freq is what the governor set last; cpuinfo_cur_freq is left alone,
// because reading it can sleep.
#include <algorithm>
#include <climits>
#include <vector>

#include "base/text.hpp"
#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

struct Policy {
  KeptFile file;
  std::vector<std::string> cpus;
  std::vector<Slot> slots;
};

class CpuFrequencyCollector final : public Collector {
 public:
  explicit CpuFrequencyCollector(std::vector<Policy> policies) : policies_(std::move(policies)) {}

  void sample(Tick& out) override {
    constexpr std::int64_t kMostKilohertz = 100'000'000;
    for (Policy& policy : policies_) {
      const auto kilohertz = policy.file.try_integer();
      if (!kilohertz || *kilohertz <= 0 || *kilohertz > kMostKilohertz) {
        ++skipped_;  // its cores are off, or the driver says nonsense
        continue;
      }
      if (policy.slots.empty()) {
        for (const std::string& cpu : policy.cpus)
          policy.slots.push_back(out.define(metrics::cpu_frequency_hertz, {{"cpu", cpu}}));
      }
      for (const Slot slot : policy.slots) out.set(slot, *kilohertz);
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  std::vector<Policy> policies_;
  std::uint64_t skipped_ = 0;
};

std::vector<std::string> wanted_cpus(const std::string& affected, const std::vector<int>& cores) {
  std::vector<std::string> cpus;
  std::string_view rest = affected;
  while (true) {
    const std::string_view field = next_field(rest);
    if (field.empty()) return cpus;
    const auto cpu = parse_integer<int>(field);
    const bool wanted =
        cpu && (cores.empty() || std::find(cores.begin(), cores.end(), *cpu) != cores.end());
    if (wanted) cpus.emplace_back(field);
  }
}

}  // namespace

std::unique_ptr<Collector> open_cpu_frequency(const HostRoots& roots,
                                              const CollectOptions& options) {
  std::vector<Policy> policies;
  std::error_code ignored;  // whatever is wrong with the folder: there is nothing to read
  for (const auto& entry :
       std::filesystem::directory_iterator(roots.sys / "devices/system/cpu/cpufreq", ignored)) {
    if (!entry.path().filename().string().starts_with("policy")) continue;
    std::vector<std::string> cpus =
        wanted_cpus(read_trimmed(entry.path() / "affected_cpus"), options.cores);
    const bool average = std::filesystem::exists(entry.path() / "cpuinfo_avg_freq", ignored);
    KeptFile file(entry.path() / (average ? "cpuinfo_avg_freq" : "scaling_cur_freq"));
    if (!cpus.empty() && file.try_read())
      policies.push_back({std::move(file), std::move(cpus), {}});
  }
  if (policies.empty()) return nullptr;
  std::sort(policies.begin(), policies.end(), [](const Policy& a, const Policy& b) {
    const auto number = [](const Policy& policy) {
      return parse_integer<unsigned>(policy.cpus.front()).value_or(UINT_MAX);
    };
    return number(a) < number(b);
  });
  return std::make_unique<CpuFrequencyCollector>(std::move(policies));
}

}  // namespace volta
