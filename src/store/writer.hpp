// The one thread that writes: group commits, host changes, retention, checkpoints. Everything else
// queues here or reads.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "store/committer.hpp"
#include "store/data_directory.hpp"
#include "store/disk_space.hpp"
#include "store/reader_pool.hpp"
#include "store/retention.hpp"

namespace volta {

// Thread-safe.
class Writer final : public Journal {
 public:
  struct Limits {
    std::size_t queue_bytes = 0;  // payloads; beyond that append() refuses
    std::int64_t wal_bytes = 0;   // checkpoint when the WAL is longer; with few hosts, earlier
  };
  struct Database {
    Connection& connection;
    const DataDirectory& directory;  // that it stands in
  };
  struct Counters {
    std::atomic<std::uint64_t> committed{0}, disk_full{0}, failed{0};  // group commits
    std::atomic<std::uint64_t> commit_us{0};
  };
  // Starts the thread. Everything passed must outlive it; the connection is the thread's from now.
  // `run_reader` serves run_state() and nobody else: who asks has one thread for all agents.
  Writer(Database database, Committer::Parts parts, ReaderPool& run_reader, Retention retention,
         DiskWatch disk, Limits limits);
  // Commits what is queued, then ends the thread.
  ~Writer() override;

  SeriesId resolve(HostId host, const SeriesDef& series) override;
  [[nodiscard]] RunState run_state(HostId host, const RunId& run) const override;
  bool append(JournalEntry entry) override;
  // The same for foreign samples. An entry larger than the queue is taken if no other waits.
  bool append(ForeignEntry entry);

  // Runs the work on the thread, in a transaction of its own, and waits. Rethrows what it throws.
  void call(const std::function<void(Connection&)>& work);
  // All of retention and a checkpoint now; waits.
  void maintain();
  // Gives all free pages back and empties the WAL; waits.
  void shrink();
  // Refuses batches from now on, commits what is queued, empties the WAL and ends the thread.
  void stop();

  [[nodiscard]] bool read_only() const { return read_only_; }
  [[nodiscard]] std::size_t queued_bytes() const;
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Task {
    std::function<void()> work;
    std::exception_ptr error;
    bool done = false;
  };

  struct Group {
    std::vector<JournalEntry> batches;
    std::vector<ForeignEntry> foreign;
    [[nodiscard]] bool empty() const { return batches.empty() && foreign.empty(); }
  };

  void loop();
  [[nodiscard]] bool queue_empty() const { return queue_.empty() && foreign_.empty(); }
  void wait_for_work(std::unique_lock<std::mutex>& lock, bool busy);
  void run_on_thread(std::function<void()> work);
  Group take_group();
  void commit_group(Group& group);
  void answer(const Group& group, const Committer::States& states);
  void refuse_all(Group& group, CommitState state);
  bool housekeeping();
  bool slice();
  void probe();
  void write_seen();
  void write_notes();
  [[nodiscard]] std::int64_t wal_limit() const;
  void checkpoint();
  void watch_directory();
  void watch_disk();
  void turn_read_only(const std::string& why, const char* doing);

  const DataDirectory& directory_;
  Connection& connection_;
  Committer::Parts parts_;
  ReaderPool& run_reader_;
  const Limits limits_;
  Committer committer_;
  Retention retention_;
  DiskWatch disk_;  // the thread's own
  Counters counters_;
  std::atomic<bool> read_only_{false};

  // The thread's own.
  HostId last_host_{};
  bool several_hosts_ = false;  // among the batches of the last group
  Time last_commit_{};
  Time last_second_{};
  Time last_slice_{};
  Time next_look_{};
  bool retention_busy_ = false;
  bool housekeeping_fails_ = false;
  bool orphaned_ = false;  // the directory is not ours any more
  std::uint64_t seconds_ = 0;
  std::int64_t checkpointed_at_pages_ = 0;
  std::int64_t wal_limit_set_ = 0;
  bool wal_empty_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable task_done_;
  std::deque<JournalEntry> queue_;    // at most limits_.queue_bytes of payload
  std::deque<ForeignEntry> foreign_;  // shares the limit
  std::size_t queued_bytes_ = 0;
  std::deque<Task*> tasks_;  // one per waiting caller
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace volta
