// /proc/vmstat: paging and swapping. pgpgin and pgpgout are KiB, pswpin and pswpout pages.
#include <array>

#include "collect/kept_file.hpp"
#include "collect/named_values.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

struct Entry {
  std::string_view name;
  MetricId metric;
  std::uint64_t factor = 1;
  std::string_view key = {}, label = {};  // none
};
constexpr std::uint64_t kPage = 4096;  // of x86-64, the one architecture that volta is built for
// Neighbours of the same series are added up. Without one of them that is there the sum would go
// back, which readers take for a new beginning: then it is left out.
constexpr std::array<Entry, 24> kEntries = {{
    {"pgpgin", metrics::memory_paged_in_bytes_total, 1024},
    {"pgpgout", metrics::memory_paged_out_bytes_total, 1024},
    {"pswpin", metrics::swap_in_bytes_total, kPage},
    {"pswpout", metrics::swap_out_bytes_total, kPage},
    {"pgfault", metrics::memory_faults_total},
    {"pgmajfault", metrics::memory_major_faults_total},
    {"oom_kill", metrics::memory_oom_kills_total},
    {"pgfree", metrics::memory_freed_pages_total},
    {"pgscan_kswapd", metrics::memory_scanned_pages_total, 1, "by", "kswapd"},
    {"pgscan_direct", metrics::memory_scanned_pages_total, 1, "by", "direct"},
    {"pgsteal_kswapd", metrics::memory_reclaimed_pages_total, 1, "by", "kswapd"},
    {"pgsteal_direct", metrics::memory_reclaimed_pages_total, 1, "by", "direct"},
    {"workingset_refault_anon", metrics::memory_refaults_total, 1, "kind", "anonymous"},
    {"workingset_refault_file", metrics::memory_refaults_total, 1, "kind", "file"},
    {"allocstall_dma", metrics::memory_allocation_stalls_total},
    {"allocstall_dma32", metrics::memory_allocation_stalls_total},
    {"allocstall_normal", metrics::memory_allocation_stalls_total},
    {"allocstall_movable", metrics::memory_allocation_stalls_total},
    {"allocstall_device", metrics::memory_allocation_stalls_total},
    {"compact_stall", metrics::memory_compaction_stalls_total},
    {"thp_fault_alloc", metrics::memory_hugepage_faults_total, 1, "outcome", "allocated"},
    {"thp_fault_fallback", metrics::memory_hugepage_faults_total, 1, "outcome", "refused"},
    {"numa_hit", metrics::memory_numa_allocations_total, 1, "outcome", "hit"},
    {"numa_miss", metrics::memory_numa_allocations_total, 1, "outcome", "miss"},
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
    std::optional<std::uint64_t> sum = 0;
    bool found = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Entry& entry = kEntries.at(i);
      found = found || values[i] || values_.malformed(i);
      if (values[i]) sum = added(sum, in_unit(values[i], entry.factor));
      if (values_.malformed(i)) sum.reset();
      if (i + 1 < values.size() && same_series(entry, kEntries.at(i + 1))) continue;
      if (found && sum) emit(out, slots_.at(i), entry, *sum);
      if (found && !sum) ++skipped_;
      sum = 0;
      found = false;
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  static bool same_series(const Entry& a, const Entry& b) {
    return a.metric == b.metric && a.label == b.label;
  }
  static std::optional<std::uint64_t> added(std::optional<std::uint64_t> a,
                                            std::optional<std::uint64_t> b) {
    if (!a || !b) return std::nullopt;
    return in_unit(*a + *b, 1);
  }
  static void emit(Tick& out, std::optional<Slot>& slot, const Entry& entry, std::uint64_t value) {
    if (!slot)
      slot = out.define(entry.metric, {{std::string(entry.key), std::string(entry.label)}});
    out.set_unsigned(*slot, value);
  }

  KeptFile file_;
  NamedValues values_;
  std::array<std::optional<Slot>, kEntries.size()> slots_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::unique_ptr<Collector> open_vmstat(const HostRoots& roots, const CollectOptions&) {
  KeptFile probe(roots.proc / "vmstat");
  if (!probe.try_read()) return nullptr;
  return std::make_unique<VmstatCollector>(roots);
}

}  // namespace volta
