// The memory of the large answers that are being sent, for all connections together. While there is
// room nobody is hurried. When there is none, answers whose readers are slow give way to the next
// one: otherwise few slow readers would be refusals for everybody else.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace volta {

// Thread-safe. Outlives its places.
class AnswerRoom {
 public:
  using Time = std::chrono::nanoseconds;  // of one clock that never goes back

  struct Limits {
    std::size_t most_bytes = 256U << 20U;
    // An answer is slow if, as it goes, it takes longer than this in all ...
    std::chrono::milliseconds fair_time{30'000};
    // ... which is not judged any earlier.
    std::chrono::milliseconds judged_after{5'000};
  };

  explicit AnswerRoom(const Limits& limits) : limits_(limits) {}
  AnswerRoom(const AnswerRoom&) = delete;
  AnswerRoom& operator=(const AnswerRoom&) = delete;

 private:
  struct Entry {
    std::size_t bytes;
    Time since;
    std::size_t sent;
    std::function<void()> give_way;
  };

 public:
  // One answer's share; given back when destroyed.
  class Place {
   public:
    Place(AnswerRoom& room, std::shared_ptr<Entry> entry) : room_(room), entry_(std::move(entry)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { room_.leave(entry_); }
    // So much of it in all.
    void sent(std::size_t bytes) {
      const std::lock_guard lock(room_.mutex_);
      entry_->sent = bytes;
    }

   private:
    AnswerRoom& room_;
    const std::shared_ptr<Entry> entry_;
  };

  // Null: there is no room, and slow ones would not make enough. Where nobody else has anything it
  // is never too much. `give_way` is called at most once, from another's take(): the share is lost
  // then, and the answer is to be ended soon. It must neither block nor call this room.
  std::unique_ptr<Place> take(std::size_t bytes, Time now, std::function<void()> give_way);

 private:
  [[nodiscard]] Time whole_time(const Entry& entry, Time now) const;
  [[nodiscard]] bool is_slow(const Entry& entry, Time now) const;
  void leave(const std::shared_ptr<Entry>& entry);

  const Limits limits_;
  std::mutex mutex_;  // for those below and the entries' `sent`
  std::size_t used_ = 0;
  std::vector<std::shared_ptr<Entry>> entries_;
};

}  // namespace volta
