#include "store/forward_store.hpp"

#include <algorithm>
#include <limits>

#include "base/log.hpp"

namespace volta {
namespace {

// Rows of each journal that are looked at in one read transaction.
constexpr std::int64_t kRowsOfRead = 256;
constexpr std::uint32_t kLastRow = std::numeric_limits<std::uint32_t>::max();

constexpr const char* kBatches =
    "SELECT id, accepted FROM journal WHERE accepted >= ? AND accepted <= ? ORDER BY accepted "
    "LIMIT ?";
constexpr const char* kForeign =
    "SELECT id FROM foreign_row WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?";

std::int64_t commit_number(ForwardPosition position) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max() - 1;
  return static_cast<std::int64_t>(std::min(position.commit, kMost));
}

}  // namespace

struct StoreForwardLog::Reading {
  ForwardPosition after;
  std::int64_t from = 0;    // the next commit to look at
  std::int64_t newest = 0;  // the last one
  std::size_t most_samples = 0;
  std::size_t samples = 0;
  bool full = false;
  std::vector<ForwardRow> out;
};

void StoreForwardLog::set_index(Connection& writer, bool wanted) {
  try {
    writer.execute(wanted ? "CREATE INDEX IF NOT EXISTS journal_accepted ON journal(accepted)"
                          : "DROP INDEX IF EXISTS journal_accepted");
  } catch (const SqliteFailure& failure) {
    log::warning("the index of the log of commits could not be changed",
                 {{"error", failure.what()}});
  }
}

Connection& StoreForwardLog::connection() const {
  if (connection_ == nullptr) {
    connection_ = std::make_unique<Connection>(database_, Connection::Mode::reader, cache_kib_);
  }
  return *connection_;
}

template <typename Decode>
void StoreForwardLog::take(Reading& reading, std::int64_t commit, Decode decode) const {
  if (last_commit_ != commit) {
    last_commit_ = -1;
    last_rows_ = decode();
    last_commit_ = commit;
  }
  for (const ForwardRow& row : last_rows_) {
    if (row.position <= reading.after) continue;
    const std::size_t samples = row.samples.times_ms.size();
    if (!reading.out.empty() && reading.samples + samples > reading.most_samples) {
      reading.full = true;
      return;
    }
    reading.samples += samples;
    reading.out.push_back(row);
  }
}

// True: there may be more behind it.
bool StoreForwardLog::read_some(Reading& reading) const {
  Query batches = connection().query(kBatches);
  Query foreign = connection().query(kForeign);
  batches.with(reading.from, reading.newest, kRowsOfRead);
  foreign.with(reading.from, reading.newest, kRowsOfRead);
  bool more_batches = batches.step();
  bool more_foreign = foreign.step();
  const std::int64_t began = reading.from;
  std::int64_t left = kRowsOfRead;  // of neither there may be more than this
  for (; left > 0 && !reading.full && (more_batches || more_foreign); --left) {
    const bool batch = more_batches && (!more_foreign || batches.integer(1) < foreign.integer(0));
    const std::int64_t commit = batch ? batches.integer(1) : foreign.integer(0);
    take(reading, commit, [&] {
      return batch ? rows_.of_batch(connection(), batches.integer(0))
                   : rows_.of_foreign(connection(), commit);
    });
    reading.from = std::max(reading.from, commit + 1);
    if (reading.samples >= reading.most_samples) reading.full = true;
    if (reading.full) break;
    (batch ? more_batches : more_foreign) = (batch ? batches : foreign).step();
  }
  return left == 0 && reading.from > began;  // rows may lie out of order
}

std::vector<ForwardRow> StoreForwardLog::read_after(ForwardPosition after,
                                                    std::size_t most_samples) const {
  const std::lock_guard lock(mutex_);
  Reading reading;
  reading.after = after;
  reading.from = commit_number(after) + (after.row == kLastRow ? 1 : 0);
  // What both journals have up to here is committed: no commit slips in between the two reads.
  reading.newest = parts_.hold.newest();
  reading.most_samples = most_samples;
  while (read_some(reading) && !reading.full) {
  }
  return std::move(reading.out);
}

ForwardPosition StoreForwardLog::newest() const {
  return {static_cast<std::uint64_t>(parts_.hold.newest()), kLastRow};
}

ForwardPosition StoreForwardLog::forgotten() const {
  const std::lock_guard lock(mutex_);
  std::int64_t last = connection().number("SELECT accepted FROM forgotten WHERE id=1");
  if (last < 0 || last > parts_.hold.newest()) last = 0;  // damaged
  return {static_cast<std::uint64_t>(last), last == 0 ? 0 : kLastRow};
}

std::string StoreForwardLog::load(std::string_view reader) const {
  const std::lock_guard lock(mutex_);
  Query query = connection().query("SELECT state FROM forward_cursor WHERE reader=?");
  query.with(reader);
  return query.step() ? std::string(query.text(0)) : std::string();
}

void StoreForwardLog::save(std::string_view reader, std::string_view state, ForwardPosition done) {
  parts_.writer.call([&](Connection& writer) {
    writer
        .query(
            "INSERT INTO forward_cursor(reader, done_commit, done_row, saved_ms, state)"
            " VALUES (?1,?2,?3,?4,?5) ON CONFLICT(reader) DO UPDATE SET done_commit=?2,"
            " done_row=?3, saved_ms=?4, state=?5")
        .with(reader, commit_number(done), std::int64_t{done.row}, parts_.clock.wall_ms(), state)
        .run();
  });
  parts_.hold.moved(reader, done);
}

}  // namespace volta
