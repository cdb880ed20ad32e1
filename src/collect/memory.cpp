// /proc/meminfo: what memory and swap are used for. Values there are KiB whatever the unit says.
#include <algorithm>
#include <array>

#include "base/error.hpp"
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
};
constexpr std::array<Entry, 28> kEntries = {{
    {"MemTotal", metrics::memory_total_bytes},
    {"MemAvailable", metrics::memory_available_bytes},
    {"MemFree", metrics::memory_free_bytes},
    {"Cached", metrics::memory_cached_bytes},
    {"Buffers", metrics::memory_buffers_bytes},
    {"Slab", metrics::memory_slab_bytes},
    {"Dirty", metrics::memory_dirty_bytes},
    {"AnonPages", metrics::memory_anonymous_bytes},
    {"Mapped", metrics::memory_mapped_bytes},
    {"Shmem", metrics::memory_shared_bytes},
    {"Active", metrics::memory_active_bytes},
    {"Inactive", metrics::memory_inactive_bytes},
    {"PageTables", metrics::memory_page_tables_bytes},
    {"KernelStack", metrics::memory_kernel_stack_bytes},
    {"Committed_AS", metrics::memory_committed_bytes},
    {"Writeback", metrics::memory_writeback_bytes},
    {"Hugetlb", metrics::memory_hugepages_bytes},
    {"SwapTotal", metrics::swap_total_bytes},
    {"SwapFree", metrics::swap_free_bytes},
    {"SwapCached", metrics::swap_cached_bytes},
    {"SReclaimable", metrics::memory_slab_reclaimable_bytes},
    {"AnonHugePages", metrics::memory_anonymous_hugepages_bytes},
    {"Mlocked", metrics::memory_locked_bytes},
    {"Unevictable", metrics::memory_unevictable_bytes},
    {"Percpu", metrics::memory_percpu_bytes},
    {"VmallocUsed", metrics::memory_vmalloc_used_bytes},
    {"CommitLimit", metrics::memory_commit_limit_bytes},
    {"Zswap", metrics::swap_compressed_bytes},
}};
constexpr std::size_t kTotal = 0, kAvailable = 1, kSwapTotal = 17, kSwapFree = 18;

constexpr auto kNames = [] {
  std::array<std::string_view, kEntries.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kEntries[i].name;
  return names;
}();

class MemoryCollector final : public Collector {
 public:
  explicit MemoryCollector(const HostRoots& roots)
      : file_(roots.proc / "meminfo"), values_(kNames) {}

  void sample(Tick& out) override {
    const auto values = values_.parse(file_.read());
    if (std::none_of(values.begin(), values.end(), [](const auto& v) { return v.has_value(); }))
      throw Failure(file_.path().string() + " has none of the known lines");
    std::array<std::optional<std::uint64_t>, kEntries.size()> bytes;
    for (std::size_t i = 0; i < values.size(); ++i) {
      bytes.at(i) = in_unit(values[i], 1024);
      if (!bytes.at(i) && (values[i] || values_.malformed(i))) ++skipped_;
      emit(out, slots_.at(i), kEntries.at(i).metric, bytes.at(i));
    }
    emit(out, used_slot_, metrics::memory_used_bytes,
         difference(bytes.at(kTotal), bytes.at(kAvailable)));
    emit(out, swap_used_slot_, metrics::swap_used_bytes,
         difference(bytes.at(kSwapTotal), bytes.at(kSwapFree)));
    if (bytes.at(kTotal)) out.load().memory_bytes = *bytes.at(kTotal);
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  // A negative one is skipped and counted.
  std::optional<std::uint64_t> difference(std::optional<std::uint64_t> a,
                                          std::optional<std::uint64_t> b) {
    if (!a || !b) return std::nullopt;
    if (*a >= *b) return *a - *b;
    ++skipped_;
    return std::nullopt;
  }
  static void emit(Tick& out, std::optional<Slot>& slot, MetricId metric,
                   std::optional<std::uint64_t> value) {
    if (!value) return;
    if (!slot) slot = out.define(metric, {});
    out.set_unsigned(*slot, *value);
  }

  KeptFile file_;
  NamedValues values_;
  std::array<std::optional<Slot>, kEntries.size()> slots_;
  std::optional<Slot> used_slot_;
  std::optional<Slot> swap_used_slot_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::unique_ptr<Collector> open_memory(const HostRoots& roots, const CollectOptions&) {
  KeptFile probe(roots.proc / "meminfo");
  if (!probe.try_read()) return nullptr;
  return std::make_unique<MemoryCollector>(roots);
}

}  // namespace volta
