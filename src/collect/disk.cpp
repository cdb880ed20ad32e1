#include "collect/disk.hpp"

#include <map>
#include <string>

#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

enum class As : std::uint8_t { count, sectors, milliseconds, gauge };
struct Shown {
  DiskColumn column;
  As as;
  MetricId metric;
};
constexpr std::array<Shown, 16> kDiskMetrics = {{
    {DiskColumn::reads, As::count, metrics::disk_reads_total},
    {DiskColumn::reads_merged, As::count, metrics::disk_reads_merged_total},
    {DiskColumn::read_sectors, As::sectors, metrics::disk_read_bytes_total},
    {DiskColumn::read_ms, As::milliseconds, metrics::disk_read_seconds_total},
    {DiskColumn::writes, As::count, metrics::disk_writes_total},
    {DiskColumn::writes_merged, As::count, metrics::disk_writes_merged_total},
    {DiskColumn::written_sectors, As::sectors, metrics::disk_written_bytes_total},
    {DiskColumn::write_ms, As::milliseconds, metrics::disk_write_seconds_total},
    {DiskColumn::in_flight, As::gauge, metrics::disk_in_flight},
    {DiskColumn::busy_ms, As::milliseconds, metrics::disk_busy_seconds_total},
    {DiskColumn::queue_ms, As::milliseconds, metrics::disk_queue_seconds_total},
    {DiskColumn::discards, As::count, metrics::disk_discards_total},
    {DiskColumn::discarded_sectors, As::sectors, metrics::disk_discarded_bytes_total},
    {DiskColumn::discard_ms, As::milliseconds, metrics::disk_discard_seconds_total},
    {DiskColumn::flushes, As::count, metrics::disk_flushes_total},
    {DiskColumn::flush_ms, As::milliseconds, metrics::disk_flush_seconds_total},
}};
constexpr std::uint64_t kSector = 512;
// A count beyond this in flight is one below zero in 32 bits, which some drivers show for a moment.
constexpr std::uint64_t kMostInFlight = std::uint64_t{1} << 31U;
// Names of device mapper and loop devices are used again; the bound is for what nobody foresees.
constexpr std::size_t kMostDisks = 4096;

struct Disk {
  std::uint64_t number = 0;
  bool shown = false;
  bool never = false;   // not shown, whatever it does
  bool looked = false;  // its size was read
  KeptFile size;
  std::array<Slot, kDiskMetrics.size()> slots{};
  std::array<Unwrapped32, kDiskMetrics.size()> wraps{};
  std::size_t defined = 0;  // of `slots`

  explicit Disk(std::filesystem::path size_file) : size(std::move(size_file)) {}
};

class DiskCollector final : public Collector {
 public:
  DiskCollector(const HostRoots& roots, const CollectOptions& options)
      : file_(roots.proc / "diskstats"),
        block_(roots.sys / "block"),
        class_(roots.sys / "class/block"),
        partitions_(options.partitions) {}

  void sample(Tick& out) override {
    std::string_view rest = file_.read();
    while (const auto line = next_line(rest)) {
      if (trim(*line).empty()) continue;
      const auto parsed = parse_disk_line(*line);
      auto* disk = parsed ? find(*parsed) : nullptr;
      if (disk == nullptr) {
        ++skipped_;
        continue;
      }
      if (!disk->shown && !disk->never) disk->shown = in_use(*disk, *parsed);
      if (disk->shown) emit(out, *disk, *parsed);
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  // Null when there are too many.
  Disk* find(const DiskLine& line) {
    const auto found = disks_.find(line.name);
    if (found != disks_.end() && found->second.number == line.number) return &found->second;
    if (found != disks_.end()) {
      disks_.erase(found);  // another device of the same name
    } else if (disks_.size() >= kMostDisks) {
      return nullptr;
    }
    return &disks_.emplace(line.name, make(line)).first->second;
  }

  // Whole devices have a folder in /sys/block ('/' in their name is written '!').
  [[nodiscard]] Disk make(const DiskLine& line) const {
    std::string folder(line.name);
    for (char& c : folder) c = c == '/' ? '!' : c;
    std::error_code ignored;  // whatever is wrong with it: it is not there
    const bool whole = std::filesystem::exists(block_ / folder, ignored);
    Disk disk((whole ? block_ : class_) / folder / "size");
    disk.number = line.number;
    disk.never = folder.starts_with("ram") || folder.starts_with(".") || (!whole && !partitions_);
    return disk;
  }

  // Loop devices without a file, drives without a disc and the like have no size. The size is read
  // again once such a device does something; without a size file the doing alone counts.
  static bool in_use(Disk& disk, const DiskLine& line) {
    const bool active =
        line.at(DiskColumn::reads).value_or(0) > 0 || line.at(DiskColumn::writes).value_or(0) > 0;
    if (disk.looked && !active) return false;
    disk.looked = true;
    const auto size = disk.size.try_integer();
    return size ? *size > 0 : active;
  }

  void emit(Tick& out, Disk& disk, const DiskLine& line) {
    for (std::size_t i = 0; i < kDiskMetrics.size(); ++i) {
      const Shown& shown = kDiskMetrics.at(i);
      if (static_cast<std::size_t>(shown.column) >= line.columns) return;
      if (disk.defined == i) {
        disk.slots.at(i) = out.define(shown.metric, {{"device", std::string(line.name)}});
        ++disk.defined;
      }
      const auto value = value_of(shown.as, line.at(shown.column));
      if (!value) {
        ++skipped_;
        continue;
      }
      out.set_unsigned(disk.slots.at(i),
                       shown.as == As::milliseconds ? disk.wraps.at(i).add(*value) : *value);
    }
  }

  static std::optional<std::uint64_t> value_of(As as, std::optional<std::uint64_t> column) {
    if (as == As::sectors) return in_unit(column, kSector);
    if (as == As::gauge && column && *column >= kMostInFlight) return std::nullopt;
    return column;
  }

  KeptFile file_;
  std::filesystem::path block_;
  std::filesystem::path class_;
  bool partitions_;
  std::map<std::string, Disk, std::less<>> disks_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::optional<DiskLine> parse_disk_line(std::string_view line) {
  constexpr std::size_t kLeastColumns = 11;
  std::string_view rest = line;
  DiskLine out;
  const auto major = next_unsigned(rest);
  const auto minor = next_unsigned(rest);
  if (!major || !minor || *major > UINT32_MAX || *minor > UINT32_MAX) return std::nullopt;
  out.number = *major << 32U | *minor;
  out.name = next_field(rest);
  out.columns = next_counts(rest, out.values);
  if (out.columns < kLeastColumns) return std::nullopt;
  return out;
}

std::unique_ptr<Collector> open_disk(const HostRoots& roots, const CollectOptions& options) {
  KeptFile probe(roots.proc / "diskstats");
  if (!probe.try_read()) return nullptr;
  return std::make_unique<DiskCollector>(roots, options);
}

}  // namespace volta
