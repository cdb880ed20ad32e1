#include "store/window_intake.hpp"

#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "store/window_builder.hpp"

namespace volta {
namespace {

// Whether the samples of `part` may all be among those of `whole`.
bool may_hold(const Window& whole, const Window& part) {
  return whole.first_ms <= part.first_ms && whole.last_ms >= part.last_ms &&
         whole.count >= part.count && (std::isnan(part.min) || whole.min <= part.min) &&
         (std::isnan(part.max) || whole.max >= part.max);
}

// Whether the sample may be one of those that the window counted.
bool may_have(const Window& window, std::int64_t time_ms, double value) {
  return window.first_ms <= time_ms && time_ms <= window.last_ms &&
         (std::isnan(value) || (window.min <= value && value <= window.max));
}

std::map<std::int64_t, Window> by_end(const WindowColumn& column) {
  std::map<std::int64_t, Window> windows;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (column.count[i] != 0) windows.emplace(column.end_ms[i], window_at(column, i));
  }
  return windows;
}

}  // namespace

WindowColumn windows_of_new(const WindowColumn& counted, const SampleSlice& samples,
                            std::int64_t step_ms) {
  const auto windows = by_end(counted);
  std::vector<std::int64_t> times;
  std::vector<double> values;
  for (std::size_t at = 0; at < samples.times_ms.size();) {
    const std::int64_t end = window_end_ms(samples.times_ms[at], step_ms);
    const std::size_t first = at;
    const auto known = windows.find(end);
    std::uint64_t copies = 0;
    std::vector<bool> is_copy;
    for (; at < samples.times_ms.size(); ++at) {
      if (window_end_ms(samples.times_ms[at], step_ms) != end) break;
      const double value = samples.values[at];
      is_copy.push_back(known != windows.end() &&
                        may_have(known->second, samples.times_ms[at], value));
      if (is_copy.back() && std::bit_cast<std::uint64_t>(value) != kStaleBits) ++copies;
    }
    const bool some_new = copies > (known == windows.end() ? 0 : known->second.count);
    for (std::size_t i = first; i < at; ++i) {
      if (is_copy[i - first] && !some_new) continue;
      times.push_back(samples.times_ms[i]);
      values.push_back(samples.values[i]);
    }
  }
  return build_windows({times, values}, step_ms);
}

Window taken_in(const Window& counted, const Window& fresh, const Window& all) {
  if (counted.count == 0 || may_hold(all, counted)) return all;
  if (fresh.count == 0 || may_hold(counted, fresh)) return counted;
  return joined(counted, fresh);
}

WindowColumn taken_in(const WindowColumn& counted, const WindowColumn& fresh,
                      const WindowColumn& all) {
  const auto of_fresh = by_end(fresh);
  const auto of_all = by_end(all);
  std::map<std::int64_t, Window> windows = by_end(counted);
  for (const auto& [end, window] : of_all) {
    const auto came = of_fresh.find(end);
    Window& known = windows[end];
    known = taken_in(known, came == of_fresh.end() ? Window{} : came->second, window);
  }
  WindowColumn out;
  for (const auto& [end, window] : windows) append_window(out, window);
  return out;
}

Window joined(const WindowColumn& windows, std::int64_t end_ms) {
  Window out;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (windows.count[i] == 0) continue;
    out = out.count == 0 ? window_at(windows, i) : joined(out, window_at(windows, i));
  }
  out.end_ms = end_ms;
  return out;
}

std::uint64_t count_of(const WindowColumn& windows) {
  return std::accumulate(windows.count.begin(), windows.count.end(), std::uint64_t{0});
}

}  // namespace volta
