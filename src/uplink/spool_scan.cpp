#include "uplink/spool_scan.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace volta {
namespace {

constexpr std::uint64_t kNoEnd = UINT64_MAX;
// Ours are at most as large as one record beyond two hundredths of the limit; nothing else is read.
constexpr std::uint64_t kLargestFile = 64U << 20U;

// The whole file; empty where it cannot be read, which is told.
std::optional<Bytes> read_spool_file(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status {};
  if (fd && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) &&
      static_cast<std::uint64_t>(status.st_size) <= kLargestFile) {
    Bytes bytes(static_cast<std::size_t>(status.st_size));
    std::size_t have = 0;
    while (have < bytes.size()) {
      const ssize_t got =
          ::pread(fd.get(), bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }
  if (errno == ENOENT) return Bytes();
  log::warning("a file of the spool cannot be read", {{"path", path.string()}});
  return std::nullopt;
}

std::optional<std::uint64_t> segment_id(const std::string& name) {
  if (name.size() != 12 || !name.ends_with(".seg")) return std::nullopt;
  return parse_integer<std::uint64_t>(std::string_view(name).substr(0, 8));
}

// The ticks of one number as a batch that stands alone; empty if they make none.
std::optional<EncodedBatch> batch_of(const std::vector<SpoolTick>& ticks) {
  std::uint32_t slots = 0;
  std::size_t points = 0;
  for (const SpoolTick& tick : ticks) {
    slots = std::max(slots, tick.slots);
    points += tick.readings.size();
  }
  // The batcher keeps to these; what does not is none of its ticks.
  if (slots == 0 || points > kMostBatchPoints || ticks.size() > kMostBatchPoints ||
      std::uint64_t{slots} * ticks.size() > std::uint64_t{kMostSlots} * 16) {
    return std::nullopt;
  }
  BatchEncoder encoder;
  for (const SpoolTick& tick : ticks) encoder.add(tick.wall_ms, tick.readings);
  EncodedBatch batch = encoder.finish(slots);
  if (batch.payload.size() > kLargestBatchBytes) return std::nullopt;
  batch.seq = batch.key_seq = ticks.front().number;
  return batch;
}

}  // namespace

// What one segment says, until it is known whether it agrees with those before.
struct SpoolScan::Part {
  NumberSpan numbers;
  std::vector<SeriesDef> series;
  std::vector<SpoolRun> runs;
  std::vector<NumberSpan> gone;
  std::vector<std::uint64_t> keyframes;
  std::optional<std::string> host_id;
};

std::string segment_name(std::uint64_t id) {
  const std::string digits = std::to_string(id);
  return std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits + ".seg";
}

void assign_run(std::vector<SpoolRun>& runs, const SpoolRun& run) {
  std::vector<SpoolRun> out;
  for (const SpoolRun& old : runs) {
    if (old.base < run.base) {
      out.push_back(old);
      out.back().last = std::min(old.last, run.base);
    }
    // What is left behind the new one would have lost its base; nobody writes that.
  }
  out.push_back(run);
  for (const SpoolRun& old : runs) {
    if (old.base >= run.last && run.last != kNoEnd) out.push_back(old);
  }
  runs = std::move(out);
}

void SpoolScan::count_damage(std::uint64_t bytes) {
  if (bytes == 0) return;
  content_.damaged_bytes += bytes;
  ++content_.damaged_files;
}

// False: its body is not what its kind says, or does not fit here.
bool SpoolScan::take_record(const FoundRecord& record, Part& part) const {
  switch (static_cast<SpoolKind>(record.kind)) {
    case SpoolKind::series: {
      auto series = parse_spool_series(record.body);
      if (!series || series->first != part.series.size()) return false;
      if (part.series.size() + series->series.size() > kMostSlots) return false;
      std::move(series->series.begin(), series->series.end(), std::back_inserter(part.series));
      return true;
    }
    case SpoolKind::run: {
      const auto run = parse_spool_run(record.body);
      if (run) part.runs.push_back(*run);
      return run.has_value();
    }
    case SpoolKind::batch: {
      const auto batch = parse_spool_batch(record.body);
      if (!batch || batch->slots > part.series.size()) return false;
      const bool first = part.numbers.last == 0;
      if (first ? batch->seq <= content_.newest : batch->seq != part.numbers.last + 1) return false;
      if (first) part.numbers.after = batch->seq - 1;
      part.numbers.last = batch->seq;
      if (batch->key_seq == batch->seq) part.keyframes.push_back(batch->seq);
      return true;
    }
    case SpoolKind::keyframe:
      return parse_spool_batch(record.body).has_value();
    case SpoolKind::gone: {
      const auto gone = parse_spool_gone(record.body);
      if (gone) part.gone.push_back(*gone);
      return gone.has_value();
    }
    case SpoolKind::host:
      part.host_id = std::string(reinterpret_cast<const char*>(record.body.data()),  // NOLINT
                                 record.body.size());
      return true;
    case SpoolKind::tick:
      return false;  // stands in the open file only
  }
  return true;  // of a newer version
}

bool SpoolScan::agrees(const Part& part) const {
  const std::size_t both = std::min(part.series.size(), content_.series.size());
  return std::equal(part.series.begin(), part.series.begin() + static_cast<std::ptrdiff_t>(both),
                    content_.series.begin());
}

void SpoolScan::join(Part& part) {
  if (part.series.size() > content_.series.size()) content_.series = std::move(part.series);
  for (const SpoolRun& run : part.runs) assign_run(content_.runs, run);
  for (const NumberSpan& gone : part.gone) content_.gone.add(gone);
  std::move(part.keyframes.begin(), part.keyframes.end(), std::back_inserter(content_.keyframes));
  if (part.host_id) content_.host_id = *part.host_id;
  content_.newest = std::max(content_.newest, part.numbers.last);
}

void SpoolScan::segment(std::uint64_t id, std::span<const std::byte> bytes) {
  content_.last_id = std::max(content_.last_id, id);
  Part part;
  auto rest = bytes;
  if (is_spool_head(bytes)) {
    rest = rest.subspan(kSpoolHeadBytes);
    while (const auto record = first_spool_record(rest)) {
      if (!take_record(*record, part)) break;
      rest = rest.subspan(record->size);
    }
  }
  if (!agrees(part)) {
    content_.useless.push_back(id);
    return count_damage(bytes.size());
  }
  count_damage(rest.size());
  join(part);
  if (part.numbers.last == 0) {
    content_.useless.push_back(id);
  } else {
    content_.segments.push_back({id, bytes.size(), part.numbers});
  }
}

void SpoolScan::open_file(std::span<const std::byte> bytes) {
  auto rest = bytes;
  std::vector<std::vector<SpoolTick>> by_number;
  if (is_spool_head(bytes)) {
    rest = rest.subspan(kSpoolHeadBytes);
    TickReader reader;
    while (const auto record = first_spool_record(rest)) {
      if (record->kind != static_cast<std::uint8_t>(SpoolKind::tick)) break;
      auto tick = reader.read(record->body);
      if (!tick || tick->slots > content_.series.size()) break;
      if (!by_number.empty() && tick->number < by_number.back().front().number) break;
      rest = rest.subspan(record->size);
      if (tick->number <= content_.newest) continue;  // finished: it is in a segment
      if (by_number.empty() || by_number.back().front().number != tick->number) {
        by_number.emplace_back();
      }
      by_number.back().push_back(*std::move(tick));
    }
    content_.open_bytes = bytes.size() - rest.size();
  }
  count_damage(rest.size());
  for (const std::vector<SpoolTick>& ticks : by_number) {
    if (auto batch = batch_of(ticks)) {
      content_.newest = batch->seq;
      content_.unfinished.push_back(*std::move(batch));
    }
  }
}

SpoolContent SpoolScan::take() {
  // Slots are found again by what they are called, so no two may be called the same.
  std::set<std::string> names;
  for (const SeriesDef& def : content_.series) {
    if (names.insert(def.name + label_text(def.labels)).second) continue;
    for (const SpoolSegment& segment : content_.segments) {
      count_damage(segment.bytes);
      content_.useless.push_back(segment.id);
    }
    SpoolContent nothing;
    nothing.last_id = content_.last_id;
    nothing.useless = std::move(content_.useless);
    nothing.damaged_bytes = content_.damaged_bytes;
    nothing.damaged_files = content_.damaged_files;
    return nothing;
  }
  return std::move(content_);
}

SpoolContent scan_spool(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::uint64_t> ids;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (const auto id = segment_id(at->path().filename().string())) ids.push_back(*id);
  }
  if (error) throw SystemFailure("read", folder.string(), error.value());
  std::sort(ids.begin(), ids.end());
  SpoolScan scan;
  for (const std::uint64_t id : ids) {
    scan.segment(id, read_spool_file(folder / segment_name(id)).value_or(Bytes()));
  }
  scan.open_file(read_spool_file(folder / "open.seg").value_or(Bytes()));
  return scan.take();
}

}  // namespace volta
