#include "store/writer.hpp"

#include <algorithm>
#include <iterator>

#include "base/log.hpp"
#include "base/threads.hpp"

namespace volta {
namespace {

using std::chrono::milliseconds;

// Where several hosts send, a commit waits this long after the one before it, so that it serves
// more of them. One host alone is never made to wait.
constexpr milliseconds kGather{5};
constexpr std::size_t kMostGroupBytes = 8U << 20U;
constexpr std::size_t kMostGroupEntries = 4096;
// What a batch costs the queue beside its payload.
constexpr std::size_t kEntryBytes = 256;
constexpr std::int64_t kPageBytes = 4096;
// How long the WAL may grow for one host, and by how much more for each further one. One host's
// commits write the same few pages, so a short WAL costs it next to nothing (3 % more bytes written
// at 1 Hz than with 16 MiB); those of 200 hosts are spread, and would write 60 % more.
constexpr std::int64_t kWalBytes = 1 << 20;
constexpr std::int64_t kWalBytesOfHost = 80 << 10;
constexpr std::int64_t kRunMemoryMs = 3'600'000;
constexpr milliseconds kIdle{30'000};
constexpr milliseconds kLook{10'000};
// Under a full load, retention still gets a slice this often.
constexpr milliseconds kLongestWithoutSlice{200};

std::size_t cost(const JournalEntry& entry) { return entry.batch.payload.size() + kEntryBytes; }

}  // namespace

Writer::Writer(Database database, Committer::Parts parts, ReaderPool& run_reader,
               Retention retention, DiskWatch disk, Limits limits)
    : directory_(database.directory),
      connection_(database.connection),
      parts_(parts),
      run_reader_(run_reader),
      limits_(limits),
      committer_(database.connection, parts),
      retention_(std::move(retention)),
      disk_(std::move(disk)),
      thread_(start_thread("write to the store", [this] { loop(); })) {}

Writer::~Writer() { stop(); }

SeriesId Writer::resolve(HostId host, const SeriesDef& series) {
  return parts_.series.resolve(host, series);
}

RunState Writer::run_state(HostId host, const RunId& run) const {
  if (const auto known = parts_.runs.find({host, run})) return known->state();
  const auto stored = load_run(*run_reader_.take(), {host, run});
  return stored ? stored->state() : RunState{};
}

bool Writer::append(JournalEntry entry) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || read_only_ || queued_bytes_ + cost(entry) > limits_.queue_bytes) return false;
    queued_bytes_ += cost(entry);
    queue_.push_back(std::move(entry));
  }
  wake_.notify_one();
  return true;
}

bool Writer::append(ForeignEntry entry) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || read_only_) return false;
    if (queued_bytes_ != 0 && queued_bytes_ + entry.bytes > limits_.queue_bytes) return false;
    queued_bytes_ += entry.bytes;
    foreign_.push_back(std::move(entry));
  }
  wake_.notify_one();
  return true;
}

std::size_t Writer::queued_bytes() const {
  const std::lock_guard lock(mutex_);
  return queued_bytes_;
}

void Writer::run_on_thread(std::function<void()> work) {
  Task task{std::move(work), nullptr, false};
  std::unique_lock lock(mutex_);
  if (stopping_) throw Failure("the store is closing");
  tasks_.push_back(&task);
  wake_.notify_one();
  task_done_.wait(lock, [&] { return task.done; });
  if (task.error) std::rethrow_exception(task.error);
}

void Writer::call(const std::function<void(Connection&)>& work) {
  run_on_thread([&] {
    watch_directory();
    if (orphaned_)
      throw Failure("the data directory or its store was removed or replaced; start volta anew");
    Transaction transaction(connection_);
    work(connection_);
    transaction.commit();
    wal_empty_ = false;
  });
}

void Writer::maintain() {
  run_on_thread([&] {
    write_seen();
    write_notes();
    parts_.head.tidy(parts_.clock.wall_ms());
    watch_disk();
    while (retention_.slice(disk_.low())) {
    }
    wal_empty_ = connection_.checkpoint(true);
  });
}

void Writer::shrink() {
  run_on_thread([&] {
    connection_.execute("PRAGMA incremental_vacuum");
    wal_empty_ = connection_.checkpoint(true);
  });
}

void Writer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Writer::wait_for_work(std::unique_lock<std::mutex>& lock, bool busy) {
  const auto something = [&] { return stopping_ || !queue_empty() || !tasks_.empty(); };
  if (!busy) wake_.wait_until(lock, last_second_ + std::chrono::seconds(1), something);
  if (queue_empty()) return;
  const HostId next = queue_.empty() ? kNoHost : queue_.front().host;
  if (!several_hosts_ && next == last_host_ && foreign_.size() < 2) return;
  wake_.wait_until(lock, last_commit_ + kGather, [&] { return stopping_ || !tasks_.empty(); });
}

void Writer::loop() {
  last_second_ = std::chrono::steady_clock::now();
  watch_disk();
  bool busy = false;  // retention has more to do
  for (bool last_round = false; !last_round;) {
    Group group;
    std::deque<Task*> tasks;
    {
      std::unique_lock lock(mutex_);
      wait_for_work(lock, busy);
      group = take_group();
      tasks.swap(tasks_);
      last_round = stopping_ && queue_empty() && tasks.empty();
    }
    if (!group.empty()) commit_group(group);
    for (Task* task : tasks) {
      try {
        task->work();
      } catch (...) {
        task->error = std::current_exception();
      }
      const std::lock_guard lock(mutex_);
      task->done = true;
      task_done_.notify_all();
    }
    if (!last_round) busy = housekeeping();
  }
  try {
    write_seen();
    write_notes();
    retention_.close();
    connection_.checkpoint(true);
  } catch (const SqliteFailure& failure) {
    log::warning("the store's last checkpoint failed; nothing is lost",
                 {{"error", failure.what()}});
  }
}

Writer::Group Writer::take_group() {
  Group group;
  std::size_t bytes = 0;
  while (!foreign_.empty() && bytes < kMostGroupBytes) {
    bytes += foreign_.front().bytes;
    group.foreign.push_back(std::move(foreign_.front()));
    foreign_.pop_front();
  }
  const std::size_t most = bytes + kMostGroupBytes;  // neither kind holds up the other
  while (!queue_.empty() && bytes < most && group.batches.size() < kMostGroupEntries) {
    bytes += cost(queue_.front());
    group.batches.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_bytes_ -= bytes;
  return group;
}

void Writer::commit_group(Group& group) {
  const Time start = std::chrono::steady_clock::now();
  watch_directory();
  if (orphaned_) {
    refuse_all(group, CommitState::failed);
    return;
  }
  Committer::States states;
  try {
    states = committer_.commit(group.batches, group.foreign);
  } catch (const SqliteFailure& failure) {
    turn_read_only(failure.what(), "a group commit failed; the store takes no data for now");
    ++(failure.disk_full() ? counters_.disk_full : counters_.failed);
    refuse_all(group, failure.disk_full() ? CommitState::disk_full : CommitState::failed);
    return;
  }
  last_commit_ = std::chrono::steady_clock::now();
  ++counters_.committed;
  counters_.commit_us += static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(last_commit_ - start).count());
  answer(group, states);
  last_host_ = group.batches.empty() ? kNoHost : group.batches.back().host;
  several_hosts_ = group.foreign.size() + (group.batches.empty() ? 0 : 1) > 1 ||
                   std::any_of(group.batches.begin(), group.batches.end(),
                               [&](const JournalEntry& entry) { return entry.host != last_host_; });
  wal_empty_ = false;
}

void Writer::answer(const Group& group, const Committer::States& states) {
  for (std::size_t i = 0; i < group.batches.size(); ++i) {
    if (group.batches[i].done) group.batches[i].done(states.batches[i]);
  }
  for (std::size_t i = 0; i < group.foreign.size(); ++i) {
    group.foreign[i].done(states.foreign[i]);
  }
}

// What was queued behind the failed group fails with it: agents send it again in order.
void Writer::refuse_all(Group& group, CommitState state) {
  {
    const std::lock_guard lock(mutex_);
    std::move(queue_.begin(), queue_.end(), std::back_inserter(group.batches));
    queue_.clear();
    std::move(foreign_.begin(), foreign_.end(), std::back_inserter(group.foreign));
    foreign_.clear();
    queued_bytes_ = 0;
  }
  answer(group,
         {std::vector(group.batches.size(), state), std::vector(group.foreign.size(), state)});
}

void Writer::turn_read_only(const std::string& why, const char* doing) {
  if (!read_only_.exchange(true)) log::error(doing, {{"error", why}});
}

// What is written to files without a name is lost with the process, and another volta may hold the
// name by now. Asked before each commit, so that none that begins after it is acknowledged.
void Writer::watch_directory() {
  if (orphaned_) return;
  const auto lost = directory_.lost();
  if (!lost) return;
  orphaned_ = true;
  turn_read_only(lost->string() + " is not any more what was opened",
                 "the data directory or its store was removed or replaced; the store takes no data "
                 "until volta is started anew");
  Group none;
  refuse_all(none, CommitState::failed);
}

// Stops in time: what is left of the disk belongs to others.
void Writer::watch_disk() {
  const bool low = disk_.look();
  retention_.follow_disk(disk_.space().total_bytes);
  if (!low) return;
  const bool news = !read_only_;
  turn_read_only(std::to_string(disk_.space().available_bytes >> 10U) + " KiB are free, " +
                     std::to_string(disk_.space().reserve_bytes() >> 10U) + " KiB must stay so",
                 "the disk is nearly full; the store takes no data for now");
  if (!news) return;
  ++counters_.disk_full;
  Group none;
  refuse_all(none, CommitState::disk_full);
}

// What is due beside commits. True: there is more of it to do at once.
bool Writer::housekeeping() {
  const Time now = std::chrono::steady_clock::now();
  try {
    if (now - last_second_ >= std::chrono::seconds(1)) {
      last_second_ = now;
      ++seconds_;
      watch_directory();
      watch_disk();
      if (read_only_ && !orphaned_ && !disk_.low()) probe();
      if (seconds_ % 5 == 0 && !read_only_) {
        write_seen();
        write_notes();
      }
      if (seconds_ % 300 == 0) {
        parts_.head.tidy(parts_.clock.wall_ms());
        parts_.runs.forget_before(parts_.clock.wall_ms() - kRunMemoryMs);
      }
    }
    checkpoint();
    const bool more = slice();
    housekeeping_fails_ = false;
    return more;
  } catch (const SqliteFailure& failure) {
    if (!housekeeping_fails_) {
      log::warning("the store's housekeeping failed and is tried again",
                   {{"error", failure.what()}});
    }
    housekeeping_fails_ = true;
    return false;
  }
}

// Retention looks for work now and then, goes on while there is some, and makes room for commits
// between any two slices.
bool Writer::slice() {
  const Time now = std::chrono::steady_clock::now();
  if (!retention_busy_ && now < next_look_ && !parts_.hosts.dying()) return false;
  {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty() && now - last_slice_ < kLongestWithoutSlice) return true;
  }
  last_slice_ = now;
  next_look_ = now + kLook;
  retention_busy_ = false;  // also if this throws
  retention_busy_ = retention_.slice(disk_.low());
  if (retention_busy_) wal_empty_ = false;
  return retention_busy_;
}

// Writes as much as a group commit needs and takes it back. Whoever was killed in between, or had
// no room to take it back, left it there.
void Writer::probe() {
  try {
    {
      Transaction transaction(connection_);
      connection_.execute("INSERT OR REPLACE INTO probe(id, filler) VALUES (1, zeroblob(262144))");
      transaction.commit();
    }
    connection_.execute("DELETE FROM probe");
  } catch (const SqliteFailure& failure) {
    log::debug("the store still takes no data", {{"error", failure.what()}});
    return;
  }
  read_only_ = false;
  log::info("the store takes data again");
}

void Writer::write_seen() {
  const std::vector<HostRecord> hosts = parts_.hosts.seen();
  if (hosts.empty()) return;
  Transaction transaction(connection_);
  HostTable::write_seen(connection_, hosts);
  transaction.commit();
  parts_.hosts.clear_seen(hosts);
  wal_empty_ = false;
}

void Writer::write_notes() {
  const std::vector<MetricMetadata> notes = parts_.notes.unwritten();
  if (notes.empty()) return;
  Transaction transaction(connection_);
  MetricNotes::write(connection_, notes);
  transaction.commit();
  parts_.notes.clear(notes);
  wal_empty_ = false;
}

std::int64_t Writer::wal_limit() const {
  const auto hosts = static_cast<std::int64_t>(parts_.hosts.size());
  return std::min(limits_.wal_bytes, kWalBytes + hosts * kWalBytesOfHost);
}

void Writer::checkpoint() {
  const std::int64_t limit = wal_limit();
  if (limit != wal_limit_set_) {
    // What a slow reader made the WAL grow to is cut off again when it begins anew.
    connection_.execute("PRAGMA journal_size_limit=" + std::to_string(limit));
    wal_limit_set_ = limit;
  }
  const std::int64_t pages = connection_.wal_pages();
  if (pages < checkpointed_at_pages_) checkpointed_at_pages_ = 0;  // it began anew
  if (pages > checkpointed_at_pages_ + limit / kPageBytes) {
    connection_.checkpoint(false);
    checkpointed_at_pages_ = pages;  // a reader may hold the rest: not again at every commit
    return;
  }
  const bool idle = std::chrono::steady_clock::now() - last_commit_ > kIdle;
  if (!idle || wal_empty_) return;
  connection_.set_patience_ms(0);
  wal_empty_ = connection_.checkpoint(true);
  connection_.set_patience_ms(2000);
}

}  // namespace volta
