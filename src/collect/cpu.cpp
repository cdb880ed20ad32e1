#include "collect/cpu.hpp"

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/rising.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::size_t kUser = 0, kNice = 1, kIdle = 3, kIowait = 4, kSteal = 7, kGuest = 8,
                      kGuestNice = 9;
constexpr std::size_t kLeastColumns = 4;
constexpr std::uint64_t kMostTicks = 1ULL << 53U;  // of 10 ms: no machine ran so long
// In the kernel's order on the "softirq" line, after their sum.
constexpr std::array<std::string_view, 10> kSoftirqNames = {
    "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched", "hrtimer", "rcu"};

std::optional<std::uint64_t> without(std::optional<std::uint64_t> whole,
                                     std::optional<std::uint64_t> part) {
  if (!whole || !part) return std::nullopt;
  return *whole - std::min(*whole, *part);
}

// One "cpu" or "cpuN" line: its slots and what it showed last.
struct Line {
  std::array<Slot, kCpuModes> slots{};
  std::array<Rising, kCpuModes> rising{};
  std::array<std::uint64_t, kCpuModes> shown{};
  bool wanted = true;
  bool defined = false;
};

class CpuCollector final : public Collector {
 public:
  CpuCollector(const HostRoots& roots, const CollectOptions& options)
      : file_(roots.proc / "stat"), cores_(options.cores), per_core_(options.per_core) {}

  void sample(Tick& out) override {
    std::string_view rest = file_.read();
    std::uint32_t online = 0;
    while (const auto line = next_line(rest)) {
      std::string_view columns = *line;
      const std::string_view name = next_field(columns);
      if (name == "cpu") {
        take_total(out, columns);
      } else if (name.starts_with("cpu")) {
        ++online;
        take_core(out, name.substr(3), columns);
      } else if (name == "softirq") {
        take_softirqs(out, columns);
      } else {
        take_count(out, name, columns);
      }
    }
    if (online == 0 && !total_.defined) throw Failure(file_.path().string() + " names no CPU");
    if (!online_slot_) online_slot_ = out.define(metrics::cpus_online, {});
    out.set(*online_slot_, online);
    out.load().cpus = online;
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  void take_total(Tick& out, std::string_view columns) {
    const auto times = parse_cpu_times(columns);
    if (!times) {
      ++skipped_;
      return;
    }
    emit(out, total_, *times, [&](std::size_t mode) {
      return out.define(metrics::cpu_seconds_total,
                        {{"mode", std::string(kCpuModeNames.at(mode))}});
    });
    std::uint64_t all = 0;
    for (std::size_t mode = 0; mode < kCpuModes; ++mode) {
      if (mode == kSteal) continue;
      if (!times->at(mode)) return;  // a sum without it would pass for idle or for busy time
      all += total_.shown.at(mode);
    }
    out.load().total_ticks = all;
    out.load().busy_ticks = all - total_.shown.at(kIdle) - total_.shown.at(kIowait);
  }

  void take_core(Tick& out, std::string_view number, std::string_view columns) {
    if (!per_core_) return;
    const auto core = parse_integer<std::size_t>(number);
    constexpr std::size_t kMostCores = 8192;  // the kernel's largest NR_CPUS
    if (!core || *core >= kMostCores) {
      ++skipped_;
      return;
    }
    if (*core >= lines_.size()) lines_.resize(*core + 1);
    Line& line = lines_[*core];
    if (!line.defined) {
      line.wanted = cores_.empty() || std::find(cores_.begin(), cores_.end(),
                                                static_cast<int>(*core)) != cores_.end();
    }
    if (!line.wanted) return;
    const auto times = parse_cpu_times(columns);
    if (!times) {
      ++skipped_;
      return;
    }
    emit(out, line, *times, [&](std::size_t mode) {
      return out.define(
          metrics::cpu_core_seconds_total,
          {{"cpu", std::string(number)}, {"mode", std::string(kCpuModeNames.at(mode))}});
    });
  }

  template <typename Define>
  void emit(Tick& out, Line& line, const CpuTimes& times, const Define& define) {
    for (std::size_t mode = 0; mode < kCpuModes; ++mode) {
      if (!line.defined) line.slots.at(mode) = define(mode);
      if (!times.at(mode)) {
        ++skipped_;
        continue;
      }
      line.shown.at(mode) = line.rising.at(mode).show(*times.at(mode));
      out.set_unsigned(line.slots.at(mode), line.shown.at(mode));
    }
    line.defined = true;
  }

  void take_softirqs(Tick& out, std::string_view columns) {
    next_field(columns);  // their sum
    std::array<std::optional<std::uint64_t>, kSoftirqNames.size()> values;
    const std::size_t count = next_counts(columns, values);
    if (count < values.size()) ++skipped_;
    for (std::size_t kind = 0; kind < count; ++kind) {
      const auto value = values.at(kind);
      if (!value) {
        ++skipped_;
        continue;
      }
      auto& slot = softirq_slots_.at(kind);
      if (!slot)
        slot = out.define(metrics::softirqs_total, {{"kind", std::string(kSoftirqNames.at(kind))}});
      out.set_unsigned(*slot, *value);
    }
  }

  void take_count(Tick& out, std::string_view name, std::string_view columns) {
    struct Count {
      std::string_view name;
      MetricId metric;
    };
    static constexpr std::array<Count, 5> kCounts = {
        {{"ctxt", metrics::context_switches_total},
         {"intr", metrics::interrupts_total},
         {"processes", metrics::forks_total},
         {"procs_running", metrics::processes_running},
         {"procs_blocked", metrics::processes_blocked}}};
    for (std::size_t i = 0; i < kCounts.size(); ++i) {
      if (kCounts.at(i).name != name) continue;
      const auto value = next_count(columns);  // of "intr" only the sum, the first of its numbers
      if (!value) {
        ++skipped_;
        return;
      }
      auto& slot = count_slots_.at(i);
      if (!slot) slot = out.define(kCounts.at(i).metric, {});
      out.set_unsigned(*slot, *value);
    }
  }

  KeptFile file_;
  std::vector<int> cores_;
  bool per_core_;
  Line total_;
  std::vector<Line> lines_;  // by core number
  std::array<std::optional<Slot>, 5> count_slots_;
  std::array<std::optional<Slot>, kSoftirqNames.size()> softirq_slots_;
  std::optional<Slot> online_slot_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::optional<CpuTimes> parse_cpu_times(std::string_view columns) {
  CpuTimes times;
  times.fill(0);
  if (next_counts(columns, times) < kLeastColumns) return std::nullopt;
  for (auto& ticks : times) {
    if (ticks.value_or(0) > kMostTicks) ticks.reset();
  }
  times.at(kUser) = without(times.at(kUser), times.at(kGuest));
  times.at(kNice) = without(times.at(kNice), times.at(kGuestNice));
  return times;
}

std::unique_ptr<Collector> open_cpu(const HostRoots& roots, const CollectOptions& options) {
  KeptFile probe(roots.proc / "stat");
  if (!probe.try_read()) return nullptr;
  return std::make_unique<CpuCollector>(roots, options);
}

}  // namespace volta
