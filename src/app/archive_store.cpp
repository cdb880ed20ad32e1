#include "app/archive_store.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <unordered_set>

#include "app/json_lines.hpp"
#include "app/new_file.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

constexpr std::int64_t kWindowLengthMs = 3'600'000;
constexpr std::size_t kWindowsAtOnce = 24;
constexpr std::size_t kSamplesOfLine = 100'000;

// How many of the windows from here on lie side by side: one read.
std::size_t neighbours(std::span<const std::int64_t> ends) {
  std::size_t count = 1;
  while (count < std::min(ends.size(), kWindowsAtOnce) &&
         ends[count] == ends[count - 1] + kWindowLengthMs)
    ++count;
  return count;
}

class ArchiveWriter {
 public:
  explicit ArchiveWriter(NewZstdFile& file) : file_(file) {}

  // `source` reads; the samples of the windows from `first_end` to `last_end`.
  void add(const SeriesSource& source, std::int64_t first_end, std::int64_t last_end) {
    const TimeSpan span{first_end - kWindowLengthMs + 1, last_end};
    const auto series = source.select({}, span, SIZE_MAX);
    if (!series) throw Failure(series.error().text);
    source.read(*series, span, [&](std::size_t place, const SampleSlice& samples) {
      if (!samples.times_ms.empty()) put((*series)[place], samples);
      return true;
    });
  }
  [[nodiscard]] std::uint64_t samples() const { return samples_; }
  [[nodiscard]] std::uint64_t series() const { return seen_.size(); }

 private:
  void put(const QuerySeries& series, const SampleSlice& samples) {
    seen_.insert(series.ref);
    samples_ += samples.times_ms.size();
    for (std::size_t from = 0; from < samples.times_ms.size(); from += kSamplesOfLine) {
      const std::size_t count = std::min(kSamplesOfLine, samples.times_ms.size() - from);
      const auto times = samples.times_ms.subspan(from, count);
      const auto values = samples.values.subspan(from, count);
      line_.clear();
      append_json_line(
          line_, {series.labels, {times.begin(), times.end()}, {values.begin(), values.end()}});
      file_.write(line_);
    }
  }

  NewZstdFile& file_;
  std::string line_;
  std::unordered_set<std::uint64_t> seen_;
  std::uint64_t samples_ = 0;
};

}  // namespace

Result<ArchiveReport> archive_store(Store& store, std::int64_t before_ms,
                                    const std::filesystem::path& path) {
  const std::vector<std::int64_t> ends = store.sealed_windows(before_ms);
  if (ends.empty())
    return Error{"no sealed hour ends at or before " + rfc3339(before_ms) +
                 "; what is not sealed yet, volta store seal seals"};
  NewZstdFile file(path);
  ArchiveWriter writer(file);
  for (std::span<const std::int64_t> left(ends); !left.empty();) {
    const std::size_t count = neighbours(left);
    writer.add(store.source(), left.front(), left[count - 1]);
    left = left.subspan(count);
  }
  // What could not be read is not in the file, and must not go.
  if (store.broken_packs() > 0)
    return Error{
        "a part of the samples is damaged; nothing was archived: volta store check says "
        "what, and puts it aside"};
  file.finish();
  for (const std::int64_t end : ends) store.drop_sealed_samples(end);
  store.shrink();
  return ArchiveReport{ends.size(), writer.samples(), writer.series(), ends.back()};
}

}  // namespace volta
