#include "store/window_intake.hpp"

#include <cmath>
#include <map>
#include <numeric>

namespace volta {
namespace {

// Whether the samples of `part` may all be among those of `whole`.
bool may_hold(const Window& whole, const Window& part) {
  return whole.first_ms <= part.first_ms && whole.last_ms >= part.last_ms &&
         whole.count >= part.count && (std::isnan(part.min) || whole.min <= part.min) &&
         (std::isnan(part.max) || whole.max >= part.max);
}

std::map<std::int64_t, Window> by_end(const WindowColumn& column) {
  std::map<std::int64_t, Window> windows;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (column.count[i] != 0) windows.emplace(column.end_ms[i], window_at(column, i));
  }
  return windows;
}

}  // namespace

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
