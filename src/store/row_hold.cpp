#include "store/row_hold.hpp"

#include <algorithm>
#include <limits>

#include "base/log.hpp"
#include "store/run_table.hpp"

namespace volta {
namespace {

constexpr std::int64_t kNothing = std::numeric_limits<std::int64_t>::max();

// Of what no bytes and no times come near: differences of two do not overflow.
constexpr std::int64_t kMostOfMark = std::int64_t{1} << 60;

std::int64_t needed_from(ForwardPosition done) {
  const bool whole = done.row == std::numeric_limits<std::uint32_t>::max();
  const auto commit = static_cast<std::int64_t>(std::min<std::uint64_t>(done.commit, kNothing - 1));
  return whole ? commit + 1 : commit;
}

// The greatest number that the tables claim to know.
std::int64_t newest_in_tables(Connection& connection) {
  std::int64_t newest = 0;
  for (const char* sql : {"SELECT max(last_accepted) FROM run WHERE last_accepted<=?",
                          "SELECT max(accepted) FROM seal WHERE accepted<=?",
                          "SELECT max(id) FROM foreign_row WHERE id<=?"}) {
    try {
      Query query = connection.query(sql);
      query.with(kMostAccepted);
      if (query.step()) newest = std::max(newest, query.integer(0));
    } catch (const SqliteFailure& failure) {
      if (!failure.damaged()) throw;  // a broken page is met again by who needs what is on it
    }
  }
  return newest;
}

}  // namespace

void note_forgotten(Connection& writer, std::int64_t accepted) {
  if (accepted > kMostAccepted) return;
  writer.query("UPDATE forgotten SET accepted=?1 WHERE id=1 AND (accepted<?1 OR accepted>?2)")
      .with(accepted, kMostAccepted)
      .run();
}

void note_rows_forgotten(Connection& writer, std::span<const std::int64_t> rows) {
  std::int64_t last = 0;
  for (const std::int64_t row : rows) {
    if (row <= kMostAccepted) last = std::max(last, row);
  }
  note_forgotten(writer, last);
}

void note_group_forgotten(Connection& writer, std::int64_t keyframe) {
  std::int64_t last = 0;
  {
    Query query = writer.query(
        "SELECT accepted FROM journal WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1");
    query.with(group_start(keyframe), group_start(keyframe + 1));
    if (query.step()) last = query.integer(0);
  }
  note_forgotten(writer, last);
}

RowHold::RowHold(const Clock& clock, AgeClock& ages, Limits limits, const Readers& readers)
    : clock_(clock),
      ages_(ages),
      limits_(limits),
      all_readers_(!readers),
      marked_at_(clock.monotonic()) {
  if (!readers) return;
  for (const std::string& reader : *readers) needs_from_.emplace(reader, kNothing);
}

void RowHold::load(Connection& writer) {
  const std::lock_guard lock(mutex_);
  {
    Query query = writer.query(
        "SELECT accepted, bytes, wall_ms FROM commit_mark WHERE accepted BETWEEN 0 AND ?"
        " ORDER BY accepted");
    query.with(kMostAccepted);
    while (query.step()) {
      marks_.push_back({query.integer(0),
                        std::clamp<std::int64_t>(query.integer(1), 0, kMostOfMark),
                        std::clamp<std::int64_t>(query.integer(2), 0, kMostOfMark)});
    }
  }
  const std::int64_t in_tables = newest_in_tables(writer);
  if (marks_.empty()) marks_.push_back({in_tables, 0, 0});
  // The first commit of all leaves a mark: so without one there never was any.
  newest_ = marks_.back().accepted == 0 ? 0 : marks_.back().accepted + kMarkRows - 1;
  bytes_ = marks_.back().bytes;
  if (in_tables > newest_) {
    log::error(
        "the store is damaged: a row has a number beyond what was counted; the count goes on after "
        "it, and `volta store check` says more",
        {{"row", in_tables}, {"counted", newest_}});
    newest_ = in_tables;
  }
  Query query = writer.query("SELECT reader, done_commit, done_row FROM forward_cursor");
  while (query.step()) {
    const std::string reader(query.text(0));
    if (!all_readers_ && !needs_from_.contains(reader)) continue;
    // Beyond what was counted it is damaged; its reader saves a sound one soon.
    const bool sound = query.integer(1) >= 0 && query.integer(1) <= newest_;
    needs_from_[reader] = sound ? needed_from({static_cast<std::uint64_t>(query.integer(1)),
                                               static_cast<std::uint32_t>(query.integer(2))})
                                : 0;
  }
}

void RowHold::stage(Connection& writer, std::int64_t accepted, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  staged_ = {accepted, bytes_ + bytes, false, 0};
  if (accepted == newest_) return;
  const Mark last = marks_.empty() ? Mark{} : marks_.back();
  staged_.mark = last.accepted == 0 || accepted - last.accepted >= kMarkRows ||
                 staged_.bytes - last.bytes >= kMarkBytes ||
                 clock_.monotonic() - marked_at_ >= kMarkTime;
  if (staged_.mark) write_mark(writer);
}

// Older marks than the one that tells what is overtaken serve nobody.
void RowHold::write_mark(Connection& writer) {
  ages_.look();
  staged_.made_ms = ages_.believed_ms();
  writer.query("INSERT OR REPLACE INTO commit_mark(accepted, bytes, wall_ms) VALUES (?,?,?)")
      .with(staged_.accepted, staged_.bytes, staged_.made_ms)
      .run();
  writer.query("DELETE FROM commit_mark WHERE accepted<?").with(overtaken()).run();
}

void RowHold::committed() {
  const std::lock_guard lock(mutex_);
  newest_ = std::max(newest_, staged_.accepted);
  bytes_ = staged_.bytes;
  if (!staged_.mark) return;
  const std::int64_t gone = overtaken();
  std::erase_if(marks_, [&](const Mark& mark) { return mark.accepted < gone; });
  marks_.push_back({staged_.accepted, staged_.bytes, staged_.made_ms});
  marked_at_ = clock_.monotonic();
  staged_.mark = false;
}

void RowHold::rolled_back() {
  const std::lock_guard lock(mutex_);
  staged_.mark = false;
}

std::int64_t RowHold::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::int64_t RowHold::overtaken() const {
  const std::int64_t now = ages_.believed_ms();
  std::int64_t found = 0;
  for (const Mark& mark : marks_) {
    const bool old = limits_.age_ms > 0 && now - mark.made_ms > limits_.age_ms;
    if (old || bytes_ - mark.bytes > limits_.bytes) found = mark.accepted;
  }
  return found;
}

bool RowHold::lets_go(std::int64_t accepted) const {
  const std::lock_guard lock(mutex_);
  const auto first =
      std::min_element(needs_from_.begin(), needs_from_.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return first == needs_from_.end() || accepted < first->second || accepted <= overtaken();
}

void RowHold::moved(std::string_view reader, ForwardPosition done) {
  const std::lock_guard lock(mutex_);
  const std::string name(reader);
  if (all_readers_ || needs_from_.contains(name)) needs_from_[name] = needed_from(done);
}

}  // namespace volta
