// What of the journal is not sealed yet: its groups, and the windows that they reach into. Kept in
// memory and brought up to date with what changed, so that a look at a store of a thousand hosts
// where nothing is due costs next to nothing.
//
// It may know of too many windows and of old states of groups; nothing is believed before it is
// read again: a window's rows and mark when it is its turn, a group's before it is let go.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "store/age_clock.hpp"
#include "store/journal_row.hpp"
#include "store/pack_rows.hpp"
#include "store/run_table.hpp"
#include "store/seal_job.hpp"

namespace volta {

// One thread. Throws SqliteFailure.
class SealBacklog {
 public:
  struct Limits {
    std::int64_t grace_ms = 0;     // after a window's end; some more by host
    std::size_t groups = 200'000;  // known at a time; further ones when these are gone
  };
  // A group of which nothing is unsealed and that no batch counts from any more.
  struct SealedGroup {
    std::int64_t id = 0;
    HostId host{};
    std::int64_t last_accepted = 0;
    std::uint64_t broken = 0;  // of its rows, that do not decode
    bool too_old = false;      // older than samples are kept
  };

  struct Parts {
    const Clock& clock;
    const AgeClock& ages;
    Connection& reader;
    RunTable& runs;
    std::function<bool()> stop;  // asked all the while; true ends a call with what it has by then
  };

  SealBacklog(Parts parts, Limits limits)
      : clock_(parts.clock),
        ages_(parts.ages),
        reader_(parts.reader),
        runs_(parts.runs),
        stop_(std::move(parts.stop)),
        limits_(limits) {}

  // Takes in what changed. False: there are groups that it had no room for, or it was stopped; the
  // next call goes on.
  bool look(bool everything);
  // The next look() takes in all that there is.
  void start_over() { loaded_to_ = 0; }
  // The windows whose turn it is, the oldest first; with `everything` all.
  std::vector<SealWindow> due(bool everything);
  // The window was sealed; these groups were read for it.
  void sealed(const SealWindow& window, const std::map<std::int64_t, VisitedGroup>& visited);
  // It could not be, how often in a row; it is tried again later, and ever later.
  int failed(const SealWindow& window);
  // Nor will it be. Its groups go as if it were, unless more rows come for them.
  void give_up(const SealWindow& window);
  // What may go.
  std::vector<SealedGroup> sealed_groups();
  void forget(std::int64_t group);
  // It was not as sealed_groups() said: it is read again before it is named again.
  void doubt(std::int64_t group);

 private:
  using Place = std::pair<std::int64_t, HostId>;  // window end, host
  struct Pending {
    std::set<std::int64_t> groups;          // that reach into it
    std::optional<std::int64_t> sealed_to;  // empty: not asked yet
    std::chrono::nanoseconds since{0};      // monotonic, as those below
    std::chrono::nanoseconds changed{0};
    std::chrono::nanoseconds retry_at{0};
    int failures = 0;
  };
  struct Group {
    HostId host{};
    std::int64_t min_ms = 0;
    std::int64_t max_ms = 0;
    std::set<std::int64_t> pending;   // ends of the places that name it
    std::vector<std::int64_t> inner;  // windows between its first and its last
    std::int64_t inner_known_to = 0;  // row
    std::set<std::int64_t> given_up;  // ends
    VisitedGroup visited;
    std::optional<SealedGroup> sealed;  // as it was read, and has not changed since
  };
  struct LastRow {
    std::int64_t id = 0;
    std::int64_t accepted = 0;
  };

  void note(const ChangedGroup& changed);
  void enter(std::int64_t id, Group& group, std::int64_t end_ms);
  void find_inner(std::int64_t id, Group& group);
  [[nodiscard]] static bool has_inner(const Group& group);
  [[nodiscard]] static std::vector<std::int64_t> windows_of(const Group& group);
  [[nodiscard]] bool is_ripe(const Place& place, const Pending& pending) const;
  [[nodiscard]] bool is_quiet(const Pending& pending) const;
  std::vector<Place> ripe(bool everything) const;
  std::optional<SealWindow> confirmed(const Place& place, bool everything);
  void close(const Place& place);
  void forget_host(HostId host);
  std::optional<LastRow> last_row(std::int64_t group);
  bool read_sealed(std::int64_t id, Group& group);
  bool refresh(std::int64_t id, Group& group);
  bool is_sealed(std::int64_t id, Group& group, std::int64_t accepted);
  bool host_is_there(HostId host);
  std::int64_t mark(const Place& place);

  const Clock& clock_;
  const AgeClock& ages_;
  Connection& reader_;
  RunTable& runs_;
  const std::function<bool()> stop_;
  const Limits limits_;
  std::int64_t loaded_to_ = 0;  // groups up to this id
  std::unordered_map<std::int64_t, Group> groups_;
  std::map<Place, Pending> places_;
  std::unordered_set<std::int64_t> closed_;  // groups that no place names
  std::unordered_set<std::int64_t> unread_;  // groups whose inner windows are not known
};

}  // namespace volta
