// /proc/vmstat: paging and swapping. pgpgin and pgpgout are KiB, pswpin and pswpout pages.
#include <array>

#include "collect/kept_file.hpp"
#include "collect/named_values.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

struct Entry {
  std::string_view name;
  MetricId metric;
  std::uint64_t factor;
};
constexpr std::uint64_t kPage = 4096;  // of x86-64, the one architecture that volta is built for
constexpr std::array<Entry, 7> kEntries = {{
    {"pgpgin", metrics::memory_paged_in_bytes_total, 1024},
    {"pgpgout", metrics::memory_paged_out_bytes_total, 1024},
    {"pswpin", metrics::swap_in_bytes_total, kPage},
    {"pswpout", metrics::swap_out_bytes_total, kPage},
    {"pgfault", metrics::memory_faults_total, 1},
    {"pgmajfault", metrics::memory_major_faults_total, 1},
    {"oom_kill", metrics::memory_oom_kills_total, 1},
}};

constexpr auto kNames = [] {
  std::array<std::string_view, kEntries.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kEntries[i].name;
  return names;
}();

class VmstatCollector final : public Collector {
 public:
  explicit VmstatCollector(const HostRoots& roots)
      : file_(roots.proc / "vmstat"), values_(kNames) {}

  void sample(Tick& out) override {
    const auto values = values_.parse(file_.read());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i]) continue;
      auto& slot = slots_.at(i);
      if (!slot) slot = out.define(kEntries.at(i).metric, {});
      out.set_unsigned(*slot, *values[i] * kEntries.at(i).factor);
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return values_.skipped(); }

 private:
  KeptFile file_;
  NamedValues values_;
  std::array<std::optional<Slot>, kEntries.size()> slots_;
};

}  // namespace

std::unique_ptr<Collector> open_vmstat(const HostRoots& roots, const CollectOptions&) {
  KeptFile probe(roots.proc / "vmstat");
  if (!probe.try_read()) return nullptr;
  return std::make_unique<VmstatCollector>(roots);
}

}  // namespace volta
