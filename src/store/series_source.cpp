#include "store/series_source.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "base/assert.hpp"
#include "store/window_merge.hpp"

namespace volta {
namespace {

// Raw columns in the making take 24 bytes a sample at most: about 50 MB.
constexpr std::uint64_t kSamplesAtOnce = 2'000'000;
// Of windows, about 250 bytes each while they are put together.
constexpr double kWindowsAtOnce = 200'000;
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

SeriesId id_of(const QuerySeries& series) {
  return SeriesId(static_cast<std::uint32_t>(series.ref));
}

// Of a host's series: the foreign one that stands beside it.
std::optional<SeriesId> beside(const QuerySeries& series) {
  const std::uint64_t id = series.ref >> LabelIndex::kBesideBits;
  if (id == 0) return std::nullopt;
  return SeriesId(static_cast<std::uint32_t>(id));
}

struct Filled {
  std::vector<SeriesId> own;
  std::vector<SeriesId> beside;
};

Filled ids_of(std::span<const QuerySeries> series, std::span<const std::size_t> places) {
  Filled ids;
  for (const std::size_t place : places) {
    ids.own.push_back(id_of(series[place]));
    ids.beside.push_back(beside(series[place]).value());
  }
  return ids;
}

void fill(SampleColumn& column, const SampleColumn& from) {
  if (from.times_ms.empty()) return;
  std::vector<std::int64_t> times;
  std::vector<double> values;
  times.reserve(column.times_ms.size() + from.times_ms.size());
  values.reserve(times.capacity());
  std::size_t next = 0;
  const auto take_before = [&](std::int64_t time) {
    for (; next < from.times_ms.size() && from.times_ms[next] < time; ++next) {
      times.push_back(from.times_ms[next]);
      values.push_back(from.values[next]);
    }
  };
  for (std::size_t i = 0; i < column.times_ms.size(); ++i) {
    take_before(column.times_ms[i]);
    if (next < from.times_ms.size() && from.times_ms[next] == column.times_ms[i]) ++next;
    times.push_back(column.times_ms[i]);
    values.push_back(column.values[i]);
  }
  for (; next < from.times_ms.size(); ++next) {
    times.push_back(from.times_ms[next]);
    values.push_back(from.values[next]);
  }
  column.times_ms = std::move(times);
  column.values = std::move(values);
}

// Whole windows: both may count the same samples.
void fill(WindowColumn& column, const WindowColumn& from) {
  if (from.size() == 0) return;
  const TimeSpan ever{INT64_MIN, INT64_MAX};
  WindowMerge merge;
  merge.put(from, 0, ever);
  merge.put(column, 1, ever);
  column = merge.take();
}

// Never fails: there is no limit to exceed.
std::vector<QuerySeries> select_all(const LabelIndex& index, const Matchers& matchers,
                                    const HostNames& hosts) {
  return index.select(matchers, hosts, kNoLimit).value();
}

MetricMetadata metadata_of(const Metric& metric) {
  return {std::string(metric.name), std::string(to_text(metric.kind)), std::string(metric.help),
          std::string(metric.unit)};
}

}  // namespace

Result<std::vector<QuerySeries>> StoreSeriesSource::select(std::span<const LabelMatcher> matchers,
                                                           TimeSpan /*span*/,
                                                           std::size_t most) const {
  return series_.index().select(matchers, hosts_.names(), most);
}

StoreSeriesSource::ByHost StoreSeriesSource::by_host(std::span<const QuerySeries> series) const {
  ByHost found;
  for (std::size_t place = 0; place < series.size(); ++place) {
    const auto record = series_.record(id_of(series[place]));
    auto& hosts = beside(series[place]) ? found.filled : found.plain;
    (record == nullptr ? found.gone : hosts[record->host]).push_back(place);
  }
  return found;
}

void StoreSeriesSource::read(std::span<const QuerySeries> series, TimeSpan span,
                             const VisitSamples& visit) const {
  const auto [plain, filled, gone] = by_host(series);
  for (const auto& [host, places] : plain) {
    if (!read_host(host, series, places, span, visit)) return;
  }
  for (const auto& [host, places] : filled) {
    if (!read_filled(host, series, places, span, visit)) return;
  }
  for (const std::size_t place : gone) {
    if (!visit(place, {})) return;
  }
}

std::size_t StoreSeriesSource::series_at_once(HostId host, std::size_t asked, TimeSpan span) const {
  // Few series over a short time need no look at the disk: no sensor is read much faster.
  const double seconds =
      (static_cast<double>(span.end_ms) - static_cast<double>(span.start_ms)) / 1000 + 1;
  if (seconds * static_cast<double>(asked) <= kSamplesAtOnce) return asked;
  const std::uint64_t samples =
      host == kNoHost ? foreign_.samples_at_most(span) : reader_.samples_at_most(host, span);
  const std::uint64_t each = samples / std::max<std::uint64_t>(series_.size(host), 1) + 1;
  return static_cast<std::size_t>(std::max<std::uint64_t>(kSamplesAtOnce / each, 1));
}

bool StoreSeriesSource::read_host(HostId host, std::span<const QuerySeries> series,
                                  const Places& places, TimeSpan span,
                                  const VisitSamples& visit) const {
  const std::size_t at_once = series_at_once(host, places.size(), span);
  std::optional<ForeignReading> foreign;
  if (host == kNoHost) foreign.emplace(foreign_.begin(span));
  for (std::size_t first = 0; first < places.size(); first += at_once) {
    const auto part = std::span(places).subspan(first, std::min(at_once, places.size() - first));
    std::vector<SeriesId> ids;
    ids.reserve(part.size());
    for (const std::size_t place : part) ids.push_back(id_of(series[place]));
    if (!foreign) {
      const auto visit_part = [&](std::size_t i, const SampleSlice& samples) {
        return visit(part[i], samples);
      };
      if (!reader_.visit(host, ids, span, visit_part)) return false;
      continue;
    }
    std::vector<SampleColumn> columns = foreign->read(ids, span);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (!visit(part[i], {columns[i].times_ms, columns[i].values})) return false;
      columns[i] = {};
    }
  }
  return true;
}

bool StoreSeriesSource::read_filled(HostId host, std::span<const QuerySeries> series,
                                    const Places& places, TimeSpan span,
                                    const VisitSamples& visit) const {
  const std::size_t at_once =
      std::max<std::size_t>(series_at_once(host, places.size(), span) / 2, 1);
  for (std::size_t first = 0; first < places.size(); first += at_once) {
    const auto part = std::span(places).subspan(first, std::min(at_once, places.size() - first));
    const Filled ids = ids_of(series, part);
    std::vector<SampleColumn> columns = reader_.read(host, ids.own, span.start_ms, span.end_ms);
    const std::vector<SampleColumn> others = foreign_.read(ids.beside, span);
    for (std::size_t i = 0; i < part.size(); ++i) {
      fill(columns[i], others[i]);
      if (!visit(part[i], {columns[i].times_ms, columns[i].values})) return false;
      columns[i] = {};
    }
  }
  return true;
}

bool StoreSeriesSource::read_filled_windows(HostId host, std::span<const QuerySeries> series,
                                            const Places& places, const WindowsAsked& asked,
                                            const VisitWindows& visit) const {
  const auto ends =
      static_cast<double>(asked.ends.end_ms) - static_cast<double>(asked.ends.start_ms);
  const double windows = ends / static_cast<double>(tier_step_ms(asked.tier)) + 1;
  const auto at_once = static_cast<std::size_t>(std::max(1.0, kWindowsAtOnce / 2 / windows));
  for (std::size_t first = 0; first < places.size(); first += at_once) {
    const auto part = std::span(places).subspan(first, std::min(at_once, places.size() - first));
    const Filled ids = ids_of(series, part);
    std::vector<WindowColumn> columns = reader_.read_windows(host, ids.own, asked);
    const std::vector<WindowColumn> others = foreign_.read_windows(ids.beside, asked);
    for (std::size_t i = 0; i < part.size(); ++i) {
      fill(columns[i], others[i]);
      if (!visit(part[i], columns[i])) return false;
    }
  }
  return true;
}

void StoreSeriesSource::visit_windows(std::span<const QuerySeries> series,
                                      const WindowsAsked& asked, const VisitWindows& visit) const {
  VOLTA_ASSERT(asked.tier != Tier::raw);
  const auto [plain, filled, gone] = by_host(series);
  for (const auto& [host, places] : plain) {
    if (!read_windows_of_host(host, series, places, asked, visit)) return;
  }
  for (const auto& [host, places] : filled) {
    if (!read_filled_windows(host, series, places, asked, visit)) return;
  }
  for (const std::size_t place : gone) {
    if (!visit(place, {})) return;
  }
}

bool StoreSeriesSource::read_windows_of_host(HostId host, std::span<const QuerySeries> series,
                                             const Places& places, const WindowsAsked& asked,
                                             const VisitWindows& visit) const {
  const std::int64_t step = tier_step_ms(asked.tier);
  const TimeSpan ends = asked.ends;
  const double windows = (static_cast<double>(ends.end_ms) - static_cast<double>(ends.start_ms)) /
                             static_cast<double>(step) +
                         1;
  const auto at_once = static_cast<std::size_t>(std::max(1.0, kWindowsAtOnce / windows));
  for (std::size_t first = 0; first < places.size(); first += at_once) {
    const auto part = std::span(places).subspan(first, std::min(at_once, places.size() - first));
    std::vector<SeriesId> ids;
    ids.reserve(part.size());
    for (const std::size_t place : part) ids.push_back(id_of(series[place]));
    const std::vector<WindowColumn> columns = host == kNoHost
                                                  ? foreign_.read_windows(ids, asked)
                                                  : reader_.read_windows(host, ids, asked);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (!visit(part[i], columns[i])) return false;
    }
  }
  return true;
}

std::optional<std::int64_t> StoreSeriesSource::oldest_ms(Tier tier) const {
  const auto ours = reader_.oldest_ms(tier);
  const auto foreign = foreign_.oldest_ms();
  // Foreign samples that are in no pack yet may be older than all that is kept: they would hide
  // that something is gone.
  return ours ? ours : foreign;
}

std::vector<std::string> StoreSeriesSource::label_names(std::span<const Matchers> any_of,
                                                        TimeSpan /*span*/) const {
  const HostNames hosts = hosts_.names();
  if (any_of.empty()) return series_.index().label_names(hosts);
  std::set<std::string> names;
  for (const Matchers& matchers : any_of) {
    for (const QuerySeries& series : select_all(series_.index(), matchers, hosts)) {
      for (const auto& [name, value] : *series.labels) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> StoreSeriesSource::label_values(std::string_view name,
                                                         std::span<const Matchers> any_of,
                                                         TimeSpan /*span*/) const {
  const HostNames hosts = hosts_.names();
  if (any_of.empty()) return series_.index().label_values(name, hosts);
  std::set<std::string, std::less<>> values;
  for (const Matchers& matchers : any_of) {
    for (const QuerySeries& series : select_all(series_.index(), matchers, hosts)) {
      const std::string_view value = label_value(*series.labels, name);
      if (!value.empty()) values.emplace(value);
    }
  }
  return {values.begin(), values.end()};
}

// What volta says of its own metrics is in force, whatever others say of them.
std::vector<MetricMetadata> StoreSeriesSource::metadata(std::string_view name) const {
  std::map<std::string, MetricMetadata> found;
  for (MetricMetadata& note : notes_.find(name)) found[note.name] = std::move(note);
  for (const Metric& metric : catalogue()) {
    const bool wanted = name.empty() ? series_.index().has_name(metric.name) : metric.name == name;
    if (wanted) found[std::string(metric.name)] = metadata_of(metric);
  }
  std::vector<MetricMetadata> all;
  all.reserve(found.size());
  for (auto& [key, metadata] : found) all.push_back(std::move(metadata));
  return all;
}

}  // namespace volta
