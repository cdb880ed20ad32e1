// Windows of one series from several sources, put into one column. Pure.
#pragma once

#include <map>

#include "model/time_series.hpp"

namespace volta {

// One window of a column, by itself.
struct Window {
  std::int64_t end_ms = 0;
  std::int64_t first_ms = 0, last_ms = 0;
  double first = 0, last = 0, min = 0, max = 0, sum = 0, increase = 0;
  std::uint32_t count = 0;
  std::uint8_t ends_stale = 0;
};

Window window_at(const WindowColumn& column, std::size_t index);
void append_window(WindowColumn& column, const Window& window);

// One window out of two with the same end, of different samples of one series. Exact where one
// lies behind the other; where their times interleave, `increase` counts the greater one's, as what
// lies between the samples of both cannot be told any more.
Window joined(const Window& a, const Window& b);

// Windows by their end, each as whoever came last (by `accepted`) had it.
class WindowMerge {
 public:
  // Windows with start_ms <= end <= end_ms of the span only.
  void put(const WindowColumn& windows, std::int64_t accepted, TimeSpan ends);
  // Joins them with what is there instead.
  void join(const WindowColumn& windows, TimeSpan ends);
  void erase(TimeSpan ends);
  [[nodiscard]] bool empty() const { return windows_.empty(); }
  [[nodiscard]] WindowColumn take();

 private:
  struct Entry {
    Window window;
    std::int64_t accepted = 0;
  };
  std::map<std::int64_t, Entry> windows_;
};

}  // namespace volta
