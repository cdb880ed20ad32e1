#include "store/window_merge.hpp"

#include <algorithm>
#include <cmath>

namespace volta {
namespace {

// NaN counts only where there is nothing else.
double least(double a, double b) { return std::isnan(a) ? b : b < a ? b : a; }
double greatest(double a, double b) { return std::isnan(a) ? b : b > a ? b : a; }

}  // namespace

void add_empty_windows(WindowColumn& column, std::span<const std::int64_t> ends) {
  WindowColumn out;
  std::size_t next = 0;
  const auto copy_before = [&](std::int64_t end) {
    while (next < column.size() && column.end_ms[next] < end) {
      append_window(out, window_at(column, next++));
    }
  };
  for (const std::int64_t end : ends) {
    copy_before(end);
    if (next < column.size() && column.end_ms[next] == end) continue;
    Window empty;
    empty.end_ms = empty.first_ms = empty.last_ms = end;
    append_window(out, empty);
  }
  while (next < column.size()) append_window(out, window_at(column, next++));
  column = std::move(out);
}

Window window_at(const WindowColumn& column, std::size_t index) {
  return {column.end_ms[index], column.first_ms[index],  column.last_ms[index],
          column.first[index],  column.last[index],      column.min[index],
          column.max[index],    column.sum[index],       column.increase[index],
          column.count[index],  column.ends_stale[index]};
}

void append_window(WindowColumn& column, const Window& window) {
  column.end_ms.push_back(window.end_ms);
  column.first_ms.push_back(window.first_ms);
  column.last_ms.push_back(window.last_ms);
  column.first.push_back(window.first);
  column.last.push_back(window.last);
  column.min.push_back(window.min);
  column.max.push_back(window.max);
  column.sum.push_back(window.sum);
  column.increase.push_back(window.increase);
  column.count.push_back(window.count);
  column.ends_stale.push_back(window.ends_stale);
}

Window joined(const Window& a, const Window& b) {
  if (b.first_ms < a.first_ms) return joined(b, a);
  Window out = a;
  const bool b_ends = b.last_ms >= a.last_ms;
  out.last_ms = b_ends ? b.last_ms : a.last_ms;
  out.last = b_ends ? b.last : a.last;
  out.ends_stale = b_ends ? b.ends_stale : a.ends_stale;
  out.min = least(a.min, b.min);
  out.max = greatest(a.max, b.max);
  out.sum = a.sum + b.sum;
  out.count = a.count + b.count;
  if (b.first_ms > a.last_ms) {
    const double between = b.first < a.last ? b.first : b.first - a.last;
    out.increase = a.increase + between + b.increase;
  } else {
    out.increase = greatest(a.increase, b.increase);
  }
  return out;
}

void WindowMerge::put(const WindowColumn& windows, std::int64_t accepted, TimeSpan ends,
                      std::int64_t span_ms) {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::int64_t end = windows.end_ms[i];
    if (end < ends.start_ms || end > ends.end_ms) continue;
    Entry& entry = windows_[end];
    if (accepted < entry.accepted) continue;
    if (accepted == entry.accepted && span_ms > entry.span_ms) continue;
    entry = {window_at(windows, i), accepted, span_ms};
  }
}

void WindowMerge::join(const WindowColumn& windows, TimeSpan ends) {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::int64_t end = windows.end_ms[i];
    if (end < ends.start_ms || end > ends.end_ms || windows.count[i] == 0) continue;
    Entry& entry = windows_[end];
    const Window window = window_at(windows, i);
    entry.window = entry.window.count == 0 ? window : joined(entry.window, window);
  }
}

void WindowMerge::erase(TimeSpan ends) {
  windows_.erase(windows_.lower_bound(ends.start_ms), windows_.upper_bound(ends.end_ms));
}

WindowColumn WindowMerge::take(bool with_empty) {
  WindowColumn out;
  for (const auto& [end, entry] : windows_) {
    if (with_empty || entry.window.count != 0) append_window(out, entry.window);
  }
  windows_.clear();
  return out;
}

}  // namespace volta
