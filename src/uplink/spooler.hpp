// Keeps the spool beside the outbox: writes batches and ticks down as they come, syncs at most
// every kSyncEvery, keeps within the limit, and lives with a disk that fails.
//
// It works on a thread of its own, so that neither the collectors nor the link wait for a disk.
// A failure is told once; meanwhile memory is all there is, as without a spool, and every
// kTryAgain the disk is tried anew.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "uplink/outbox.hpp"
#include "uplink/spool.hpp"

namespace volta {

class Spooler final : public Shelf {
 public:
  static constexpr std::chrono::seconds kSyncEvery{5};
  static constexpr std::chrono::seconds kTryAgain{5};

  // Reads what an earlier agent has left and gives it to the outbox; if that fails, goes on
  // without. Both must live longer. `limit`: bytes in the folder.
  Spooler(Outbox& outbox, const Clock& clock, std::filesystem::path folder, std::uint64_t limit);
  Spooler(const Spooler&) = delete;
  Spooler& operator=(const Spooler&) = delete;
  ~Spooler() override { stop(); }

  // What an earlier agent has left, if there is any: of which runs, of whom, and the series of all
  // slots.
  [[nodiscard]] const std::vector<SpoolRun>& runs() const { return runs_; }
  [[nodiscard]] const std::string& host_id() const { return host_id_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return spool_.folder(); }

  void start();
  // Writes and syncs what is left. A second call does nothing.
  void stop();
  // Something was added. From any thread.
  void wake();
  // One turn of the thread, for who has none. Returns when the next one is due without being woken.
  std::chrono::nanoseconds step(bool last = false);
  // Whether all that was added is in the spool.
  [[nodiscard]] bool has_all() const;

  BatchPtr read(std::uint64_t number) override;
  BatchPtr read_keyframe(std::uint64_t number) override;
  void note_run(const SpoolRun& run) override;
  void note_host(const std::string& host_id) override;

 private:
  enum class State : std::uint8_t { closed, open, given_up };

  void recover();
  void open_late();
  void loop();
  void write_down();
  void make_room(std::uint64_t bytes);
  void drop_oldest();
  void remove_delivered();
  void complain(const std::string& reason);
  template <typename Work>
  void note(const Work& work);

  Outbox& outbox_;
  const Clock& clock_;
  Spool spool_;
  std::vector<SpoolRun> runs_;

  std::mutex noting_;  // guards the next five
  std::string host_id_;
  State state_ = State::closed;
  std::vector<SpoolRun> unnoted_;  // while it is closed
  bool failing_ = false;
  std::chrono::nanoseconds retry_at_{};

  std::chrono::nanoseconds synced_at_{};
  bool written_ = false;  // since the last sync

  std::mutex mutex_;  // guards the next two
  bool woken_ = false;
  bool stopping_ = false;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace volta
