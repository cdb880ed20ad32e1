#include "store/window_merge.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace volta {
namespace {

// NaN counts only where there is nothing else.
double least(double a, double b) { return std::isnan(a) ? b : b < a ? b : a; }
double greatest(double a, double b) { return std::isnan(a) ? b : b > a ? b : a; }

// Calls visit(member of `a`, the same of `b`) for each vector of the columns.
template <typename A, typename B, typename Visit>
void each_vector(A& a, B& b, const Visit& visit) {
  visit(a.end_ms, b.end_ms);
  visit(a.first_ms, b.first_ms);
  visit(a.last_ms, b.last_ms);
  visit(a.first, b.first);
  visit(a.last, b.last);
  visit(a.min, b.min);
  visit(a.max, b.max);
  visit(a.sum, b.sum);
  visit(a.increase, b.increase);
  visit(a.count, b.count);
  visit(a.ends_stale, b.ends_stale);
}

void append_range(WindowColumn& out, const WindowColumn& in, std::size_t from, std::size_t to) {
  if (from == to) return;
  each_vector(out, in, [&](auto& whole, const auto& part) {
    whole.insert(whole.end(), part.begin() + static_cast<std::ptrdiff_t>(from),
                 part.begin() + static_cast<std::ptrdiff_t>(to));
  });
}

void erase_range(WindowColumn& column, std::size_t from, std::size_t to) {
  if (from == to) return;
  each_vector(column, column, [&](auto& whole, const auto& /*same*/) {
    whole.erase(whole.begin() + static_cast<std::ptrdiff_t>(from),
                whole.begin() + static_cast<std::ptrdiff_t>(to));
  });
}

// Which of the column's windows end in the span.
std::pair<std::size_t, std::size_t> places_of(const WindowColumn& column, TimeSpan ends) {
  const auto& all = column.end_ms;
  const auto from = std::lower_bound(all.begin(), all.end(), ends.start_ms);
  const auto to = std::upper_bound(from, all.end(), ends.end_ms);
  return {static_cast<std::size_t>(from - all.begin()), static_cast<std::size_t>(to - all.begin())};
}

void drop_empty(WindowColumn& column) {
  if (std::find(column.count.begin(), column.count.end(), 0U) == column.count.end()) return;
  WindowColumn out;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (column.count[i] != 0) append_window(out, window_at(column, i));
  }
  column = std::move(out);
}

void set_window(WindowColumn& column, std::size_t at, const Window& window) {
  column.end_ms[at] = window.end_ms;
  column.first_ms[at] = window.first_ms;
  column.last_ms[at] = window.last_ms;
  column.first[at] = window.first;
  column.last[at] = window.last;
  column.min[at] = window.min;
  column.max[at] = window.max;
  column.sum[at] = window.sum;
  column.increase[at] = window.increase;
  column.count[at] = window.count;
  column.ends_stale[at] = window.ends_stale;
}

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

void clear_windows(WindowColumn& column) {
  each_vector(column, column, [](auto& vector, const auto& /*same*/) { vector.clear(); });
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

void WindowMerge::reserve(TimeSpan ends, std::int64_t step_ms) {
  constexpr std::int64_t kMost = 1024;
  const auto windows = static_cast<std::size_t>(
      std::clamp<std::int64_t>(ends.end_ms / step_ms - ends.start_ms / step_ms + 1, 0, kMost));
  each_vector(windows_, windows_,
              [&](auto& column, const auto& /*same*/) { column.reserve(windows); });
  origins_.reserve(windows);
}

void WindowMerge::put(const WindowColumn& windows, std::int64_t accepted, TimeSpan ends,
                      std::int64_t span_ms) {
  merge(windows, places_of(windows, ends), {accepted, span_ms},
        [&](WindowColumn& out, std::size_t at, const Window& window, Origin& origin) {
          if (accepted < origin.accepted) return;
          if (accepted == origin.accepted && span_ms > origin.span_ms) return;
          set_window(out, at, window);
          origin = {accepted, span_ms};
        });
}

void WindowMerge::join(WindowColumn windows, TimeSpan ends) {
  const auto [from, to] = places_of(windows, ends);
  erase_range(windows, to, windows.size());
  erase_range(windows, 0, from);
  drop_empty(windows);
  const Origin origin{INT64_MIN, INT64_MAX};  // whatever is put later takes their place
  if (empty()) {
    origins_.assign(windows.size(), origin);
    windows_ = std::move(windows);
    return;
  }
  merge(windows, {0, windows.size()}, origin,
        [](WindowColumn& out, std::size_t at, const Window& window, const Origin& /*origin*/) {
          set_window(out, at, out.count[at] == 0 ? window : joined(window_at(out, at), window));
        });
}

// `same` says what becomes of window `at` when a fresh one with its end comes.
template <typename Same>
void WindowMerge::merge(const WindowColumn& fresh, std::pair<std::size_t, std::size_t> part,
                        const Origin& origin, const Same& same) {
  const auto [first, behind] = part;
  if (first == behind) return;
  if (empty() || windows_.end_ms.back() < fresh.end_ms[first]) {
    append_range(windows_, fresh, first, behind);
    origins_.resize(windows_.size(), origin);
    return;
  }
  WindowColumn out;
  std::vector<Origin> origins;
  origins.reserve(windows_.size() + behind - first);
  std::size_t known = 0;
  for (std::size_t next = first; next < behind; ++next) {
    const std::int64_t end = fresh.end_ms[next];
    const std::size_t from = known;
    while (known < windows_.size() && windows_.end_ms[known] <= end) ++known;
    append_range(out, windows_, from, known);
    origins.insert(origins.end(), origins_.begin() + static_cast<std::ptrdiff_t>(from),
                   origins_.begin() + static_cast<std::ptrdiff_t>(known));
    if (out.size() > 0 && out.end_ms.back() == end) {
      same(out, out.size() - 1, window_at(fresh, next), origins.back());
    } else {
      append_window(out, window_at(fresh, next));
      origins.push_back(origin);
    }
  }
  append_range(out, windows_, known, windows_.size());
  origins.insert(origins.end(), origins_.begin() + static_cast<std::ptrdiff_t>(known),
                 origins_.end());
  windows_ = std::move(out);
  origins_ = std::move(origins);
}

void WindowMerge::erase(TimeSpan ends) {
  const auto [from, to] = places_of(windows_, ends);
  erase_range(windows_, from, to);
  origins_.erase(origins_.begin() + static_cast<std::ptrdiff_t>(from),
                 origins_.begin() + static_cast<std::ptrdiff_t>(to));
}

WindowColumn WindowMerge::cut(TimeSpan ends) {
  const auto [from, to] = places_of(windows_, ends);
  WindowColumn out;
  append_range(out, windows_, from, to);
  erase(ends);
  return out;
}

WindowColumn WindowMerge::take(bool with_empty) {
  WindowColumn out = std::exchange(windows_, {});
  origins_.clear();
  if (!with_empty) drop_empty(out);
  return out;
}

}  // namespace volta
