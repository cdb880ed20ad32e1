// Sealing of foreign samples: which of their windows are due, where a window's samples are found,
// and which rows of their journal are nothing but copies and may go. What becomes of a window is
// SealJob's business, as for hosts; their packs stand under kNoHost.
//
// A row may reach over any number of windows. So what is remembered is the windows that have news,
// not the rows: each row is looked at once, when it is new, and decoded for that only if it spans
// more than two windows. Work and memory are bounded: rows are not looked at while kMostNews
// entries are waiting to be sealed, and a pass takes kMostDue windows.
//
// A row that does not decode, or lies under a broken page, is left out of its windows and stays
// until it is older than samples are kept; one that the disk does not give now keeps the rows
// behind it waiting for ten minutes, and then is taken for such a one. A window that cannot be
// sealed is tried again ever later (store/seal_retry.hpp).
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/clock.hpp"
#include "store/age_clock.hpp"
#include "store/foreign_head.hpp"
#include "store/foreign_rows.hpp"
#include "store/row_hold.hpp"
#include "store/seal_job.hpp"
#include "store/seal_retry.hpp"
#include "store/writer.hpp"

namespace volta {

// One thread: the sealer's.
class ForeignSealer {
 public:
  struct Limits {
    std::int64_t grace_ms = 0;  // after a window's end
  };
  struct Parts {
    const Clock& clock;
    const AgeClock& ages;
    const SeriesTable& series;
    Connection& connection;  // a reader's
    Writer& writer;
    ForeignHead& head;
    const RowHold& hold;
  };
  // Everything passed must outlive it.
  ForeignSealer(Parts parts, Limits limits)
      : parts_(parts), limits_(limits), patience_(parts.clock) {}

  // Looks at the rows that are new; answers the windows that are due, the oldest first. With
  // `everything` all that have news.
  std::vector<SealWindow> find_due(bool everything);
  // Why the last find_due() did not look at all new rows, if it did not: the disk does not give
  // one. The next call goes on there.
  [[nodiscard]] std::exception_ptr look_failure() const { return look_failure_; }
  // Met so far.
  [[nodiscard]] std::uint64_t damaged_rows() const { return damaged_.size() + damaged_gone_; }
  // Whether the last find_due() with `everything` left some out for want of room, and windows were
  // sealed since, so that there is room now.
  [[nodiscard]] bool has_more() const { return full_ && sealed_some_; }
  // Of a window that find_due() answered; to be used before its next call.
  std::unique_ptr<SealSource> source(const SealWindow& window);
  // The window is in packs up to this row, and the mark that says so is committed. INT64_MAX: it
  // is given up, and its rows may go as if it were.
  void note_sealed(const SealWindow& window, std::int64_t accepted);
  // It could not be, how often in a row; it is tried again later, and ever later.
  int failed(const SealWindow& window);
  // Deletes rows that packs have as a whole, in slices; `stop` is asked between them.
  void sweep(const std::function<bool()>& stop);

 private:
  friend class ForeignSource;
  // A window of which rows are in no pack yet.
  struct News {
    std::int64_t sealed_to = 0;  // its mark
    std::int64_t newest = 0;     // row
    std::chrono::nanoseconds since{};
    std::chrono::nanoseconds changed{};
    SealRetry retry;
    bool late = false;                   // it was over or sealed when they came
    std::vector<std::int64_t> reaching;  // rows whose last sample is in a later window
  };
  struct WideRows {
    std::map<std::int64_t, std::unique_ptr<const ForeignRow>> decoded;
    std::size_t bytes = 0;
  };

  void look_at_new_rows();
  [[nodiscard]] std::int64_t last_row() const;
  [[nodiscard]] std::vector<ForeignRowSpan> next_rows(std::int64_t last) const;
  void look_at(const ForeignRowSpan& row);
  std::vector<std::int64_t> windows_of(const ForeignRowSpan& row);
  // True: the window is not sealed up to the row.
  bool note(const ForeignRowSpan& row, std::int64_t end);
  [[nodiscard]] bool is_due(std::int64_t end, const News& news) const;
  // Of rows that were looked at: whether packs have all of it; whether it is damaged, and older
  // than samples are kept.
  [[nodiscard]] bool is_copy(const ForeignRowSpan& row) const;
  [[nodiscard]] bool is_lost(const ForeignRowSpan& row, std::int64_t cutoff_ms) const;
  void remove(std::span<const std::int64_t> rows);
  void remove_all(std::span<const std::int64_t> rows);

  const Parts parts_;
  const Limits limits_;
  std::map<std::int64_t, News> news_;  // by window end
  std::size_t known_ = 0;              // entries of news_ and of all `reaching`
  std::int64_t looked_to_ = 0;         // row
  bool full_ = false;
  bool sealed_some_ = false;
  bool may_sweep_ = true;  // at first: what was sealed before and not deleted; later also what was
                           // held
  std::set<std::int64_t> damaged_;  // rows that do not decode: kept, for whoever can mend them
  std::set<std::int64_t> stuck_;    // rows that cannot be deleted either
  std::uint64_t damaged_gone_ = 0;  // out of damaged_
  RowPatience patience_;
  std::exception_ptr look_failure_;
  WideRows wide_;  // while windows are sealed in turn
};

}  // namespace volta
