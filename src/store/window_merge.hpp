// Windows of one series from several sources, put into one column. Pure.
//
// A window that lost its samples (another variant of the series has them now, or a stale marker
// took a sample's place) is written as an empty one, of count 0: what came before it goes, and
// readers never see it.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

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

// Puts an empty window wherever `ends`, rising, has an end that the column has not.
void add_empty_windows(WindowColumn& column, std::span<const std::int64_t> ends);

Window window_at(const WindowColumn& column, std::size_t index);
void append_window(WindowColumn& column, const Window& window);
// Keeps the memory. The vectors may be of different lengths.
void clear_windows(WindowColumn& column);

// One window out of two with the same end, of different samples of one series. Exact where one
// lies behind the other; where their times interleave, `increase` counts the greater one's, as what
// lies between the samples of both cannot be told any more.
Window joined(const Window& a, const Window& b);

// Windows by their end, each as whoever came last (by `accepted`) had it. Columns that begin behind
// what is there, as those of packs in their order do, cost a copy; others a merge of two columns.
// Every column that comes in has rising ends.
class WindowMerge {
 public:
  // Takes memory for those that may come of the span, or the first of them where they are many.
  void reserve(TimeSpan ends, std::int64_t step_ms);
  // Windows with start_ms <= end <= end_ms of the span only. Of equal `accepted` those of the
  // shorter row stay: a long one was merged from what there was before.
  void put(const WindowColumn& windows, std::int64_t accepted, TimeSpan ends,
           std::int64_t span_ms = 0);
  // Joins them with what is there instead, unless they are empty.
  void join(WindowColumn windows, TimeSpan ends);
  void erase(TimeSpan ends);
  // Takes out those that end in the span, empty ones too.
  WindowColumn cut(TimeSpan ends);
  [[nodiscard]] bool empty() const { return windows_.size() == 0; }
  // Empty ones too, only where asked for: where older windows may still lie elsewhere.
  [[nodiscard]] WindowColumn take(bool with_empty = false);

 private:
  // Whose a window is.
  struct Origin {
    std::int64_t accepted = 0;
    std::int64_t span_ms = 0;
  };
  // Of the fresh ones those in [from, to).
  template <typename Same>
  void merge(const WindowColumn& fresh, std::pair<std::size_t, std::size_t> part,
             const Origin& origin, const Same& same);

  WindowColumn windows_;
  std::vector<Origin> origins_;  // of each
};

}  // namespace volta
