#include "collect/disk.hpp"

#include <map>
#include <string>

#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::uint64_t kSector = 512;

struct Disk {
  bool shown = false;
  bool has_discards = false;
  bool has_flushes = false;
  Unwrapped32 read_ms, write_ms, busy_ms, queue_ms;
  Slot read_bytes = 0, written_bytes = 0, discarded_bytes = 0, reads = 0, writes = 0, flushes = 0;
  Slot read_seconds = 0, write_seconds = 0, busy_seconds = 0, queue_seconds = 0, in_flight = 0;
};

class DiskCollector final : public Collector {
 public:
  DiskCollector(const HostRoots& roots, const CollectOptions& options)
      : file_(roots.proc / "diskstats"),
        block_(roots.sys / "block"),
        partitions_(options.partitions) {}

  void sample(Tick& out) override {
    std::string_view rest = file_.read();
    while (const auto line = next_line(rest)) {
      if (trim(*line).empty()) continue;
      const auto parsed = parse_disk_line(*line);
      if (!parsed) {
        ++skipped_;
        continue;
      }
      auto found = disks_.find(parsed->name);
      if (found == disks_.end()) found = disks_.emplace(parsed->name, make(out, *parsed)).first;
      if (found->second.shown) emit(out, found->second, *parsed);
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  // Whole devices have a folder in /sys/block ('/' in their name is written '!').
  bool wanted(const DiskLine& line) const {
    std::string folder(line.name);
    for (char& c : folder) c = c == '/' ? '!' : c;
    if (folder.starts_with("ram") || folder.starts_with(".")) return false;
    // A loop device without a file behind it has done nothing.
    if (folder.starts_with("loop") && line.reads == 0 && line.writes == 0) return false;
    std::error_code ignored;  // whatever is wrong with it: it is not there
    return partitions_ || std::filesystem::exists(block_ / folder, ignored);
  }

  Disk make(Tick& out, const DiskLine& line) const {
    Disk disk;
    disk.shown = wanted(line);
    if (!disk.shown) return disk;
    const auto define = [&](MetricId metric) {
      return out.define(metric, {{"device", std::string(line.name)}});
    };
    disk.read_bytes = define(metrics::disk_read_bytes_total);
    disk.written_bytes = define(metrics::disk_written_bytes_total);
    disk.reads = define(metrics::disk_reads_total);
    disk.writes = define(metrics::disk_writes_total);
    disk.read_seconds = define(metrics::disk_read_seconds_total);
    disk.write_seconds = define(metrics::disk_write_seconds_total);
    disk.busy_seconds = define(metrics::disk_busy_seconds_total);
    disk.queue_seconds = define(metrics::disk_queue_seconds_total);
    disk.in_flight = define(metrics::disk_in_flight);
    disk.has_discards = line.discarded_sectors.has_value();
    disk.has_flushes = line.flushes.has_value();
    if (disk.has_discards) disk.discarded_bytes = define(metrics::disk_discarded_bytes_total);
    if (disk.has_flushes) disk.flushes = define(metrics::disk_flushes_total);
    return disk;
  }

  static void emit(Tick& out, Disk& disk, const DiskLine& line) {
    out.set_unsigned(disk.read_bytes, line.read_sectors * kSector);
    out.set_unsigned(disk.written_bytes, line.written_sectors * kSector);
    out.set_unsigned(disk.reads, line.reads);
    out.set_unsigned(disk.writes, line.writes);
    out.set_unsigned(disk.read_seconds, disk.read_ms.add(line.read_ms));
    out.set_unsigned(disk.write_seconds, disk.write_ms.add(line.write_ms));
    out.set_unsigned(disk.busy_seconds, disk.busy_ms.add(line.busy_ms));
    out.set_unsigned(disk.queue_seconds, disk.queue_ms.add(line.queue_ms));
    out.set_unsigned(disk.in_flight, line.in_flight);
    if (disk.has_discards && line.discarded_sectors)
      out.set_unsigned(disk.discarded_bytes, *line.discarded_sectors * kSector);
    if (disk.has_flushes && line.flushes) out.set_unsigned(disk.flushes, *line.flushes);
  }

  KeptFile file_;
  std::filesystem::path block_;
  bool partitions_;
  std::map<std::string, Disk, std::less<>> disks_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::optional<DiskLine> parse_disk_line(std::string_view line) {
  constexpr std::size_t kColumns = 17;
  std::string_view rest = line;
  DiskLine out;
  if (!next_unsigned(rest) || !next_unsigned(rest)) return std::nullopt;  // major, minor
  out.name = next_field(rest);
  std::array<std::uint64_t, kColumns> values{};
  std::size_t count = 0;
  for (; count < kColumns && !trim(rest).empty(); ++count) {
    const auto value = next_unsigned(rest);
    if (!value) return std::nullopt;
    values.at(count) = *value;
  }
  if (out.name.empty() || count < 11) return std::nullopt;
  // Columns 4 to 14: reads, merged, sectors, ms, writes, merged, sectors, ms, in flight, busy ms,
  // queue ms.
  out.reads = values[0];
  out.read_sectors = values[2];
  out.read_ms = values[3];
  out.writes = values[4];
  out.written_sectors = values[6];
  out.write_ms = values[7];
  out.in_flight = values[8];
  out.busy_ms = values[9];
  out.queue_ms = values[10];
  if (count >= 15) out.discarded_sectors = values[13];
  if (count >= 17) out.flushes = values[15];
  return out;
}

std::unique_ptr<Collector> open_disk(const HostRoots& roots, const CollectOptions& options) {
  KeptFile probe(roots.proc / "diskstats");
  if (!probe.try_read()) return nullptr;
  return std::make_unique<DiskCollector>(roots, options);
}

}  // namespace volta
