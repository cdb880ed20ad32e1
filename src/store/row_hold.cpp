#include "store/row_hold.hpp"

#include <algorithm>
#include <limits>

#include "store/run_table.hpp"

namespace volta {
namespace {

constexpr std::int64_t kNothing = std::numeric_limits<std::int64_t>::max();

std::int64_t needed_from(ForwardPosition done) {
  const bool whole = done.row == std::numeric_limits<std::uint32_t>::max();
  const auto commit = static_cast<std::int64_t>(std::min<std::uint64_t>(done.commit, kNothing - 1));
  return whole ? commit + 1 : commit;
}

// Where there is no mark, though the migration left one: the table was damaged and mended.
std::int64_t newest_in_tables(Connection& connection) {
  return std::max({connection.number("SELECT max(last_accepted) FROM run"),
                   connection.number("SELECT max(accepted) FROM seal"),
                   connection.number("SELECT max(id) FROM foreign_row")});
}

}  // namespace

void note_forgotten(Connection& writer, std::int64_t accepted) {
  writer.query("UPDATE forgotten SET accepted=?1 WHERE id=1 AND accepted<?1").with(accepted).run();
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
    Query query =
        writer.query("SELECT accepted, bytes, wall_ms FROM commit_mark ORDER BY accepted");
    while (query.step()) {
      marks_.push_back({query.integer(0), query.integer(1), query.integer(2)});
    }
  }
  if (marks_.empty()) marks_.push_back({newest_in_tables(writer), 0, 0});
  // The first commit of all leaves a mark: so without one there never was any.
  newest_ = marks_.back().accepted == 0 ? 0 : marks_.back().accepted + kMarkRows - 1;
  bytes_ = marks_.back().bytes;
  Query query = writer.query("SELECT reader, done_commit, done_row FROM forward_cursor");
  while (query.step()) {
    const std::string reader(query.text(0));
    if (!all_readers_ && !needs_from_.contains(reader)) continue;
    needs_from_[reader] = needed_from({static_cast<std::uint64_t>(query.integer(1)),
                                       static_cast<std::uint32_t>(query.integer(2))});
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
