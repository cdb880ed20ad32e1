#include "uplink/spooler.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/threads.hpp"

namespace volta {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kNothingDue = std::chrono::hours(1);
// While the server takes everything, a segment of this size gives way to a new one.
constexpr std::uint64_t kSmallSegment = 256U << 10U;
// What may come with a batch: heads, a run, a few new series.
constexpr std::uint64_t kBesideBatch = 4096;

}  // namespace

Spooler::Spooler(Outbox& outbox, const Clock& clock, std::filesystem::path folder,
                 std::uint64_t limit)
    : outbox_(outbox),
      clock_(clock),
      spool_(std::move(folder), limit,
             [&outbox](std::size_t first) { return outbox.series(first); }) {
  try {
    recover();
  } catch (const Failure& failure) {
    complain(failure.what());
    outbox_.attach(*this, {}, clock_.monotonic());
  }
}

void Spooler::recover() {
  spool_.open();
  SpoolContent content = spool_.recover();
  if (content.damaged_bytes > 0) {
    log::warning("a part of the spool cannot be read, as after a power cut, and is left out",
                 {{"files", content.damaged_files}, {"bytes", content.damaged_bytes}});
  }
  std::uint64_t batches = content.unfinished.size();
  for (const SpoolSegment& segment : content.segments) {
    const NumberSpan& numbers = segment.numbers;
    batches += numbers.last - numbers.after - content.gone.count(numbers);
  }
  if (batches == 0) {
    spool_.clear();
    content = {};
  } else {
    log::info("readings of an earlier agent wait in the spool",
              {{"folder", folder().string()}, {"batches", batches}});
  }
  runs_ = content.runs;
  host_id_ = content.host_id;
  outbox_.attach(*this, content, clock_.monotonic());
  state_ = State::open;
}

// After a start without it. What is there now belongs to numbers and slots of another start.
void Spooler::open_late() {
  spool_.open();
  const std::lock_guard guard(noting_);
  if (spool_.holds_segments()) {
    state_ = State::given_up;
    log::warning(
        "the spool holds readings of an earlier agent, which the next start will send; "
        "until then readings are kept in memory alone",
        {{"folder", folder().string()}});
    return;
  }
  spool_.clear();
  state_ = State::open;
  for (const SpoolRun& run : std::exchange(unnoted_, {})) spool_.note_run(run);
  if (!host_id_.empty()) spool_.note_host(host_id_);
}

void Spooler::complain(const std::string& reason) {
  const std::lock_guard guard(noting_);
  retry_at_ = clock_.monotonic() + kTryAgain;
  if (std::exchange(failing_, true)) return;
  log::warning("the spool cannot be written; readings are kept in memory until it can",
               {{"reason", reason}});
}

void Spooler::start() {
  thread_ = start_thread("keep readings on disk", [this] { loop(); });
}

void Spooler::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Spooler::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Spooler::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool last = stopping_;
    woken_ = false;
    lock.unlock();
    const nanoseconds patience = step(last);
    lock.lock();
    if (last) return;
    changed_.wait_for(lock, patience, [&] { return woken_ || stopping_; });
  }
}

nanoseconds Spooler::step(bool last) {
  if (state_ == State::given_up) return kNothingDue;
  const nanoseconds now = clock_.monotonic();
  {
    const std::lock_guard guard(noting_);
    if (now < retry_at_ && !last) return retry_at_ - now;
  }
  try {
    if (state_ == State::closed) open_late();
    if (state_ != State::open) return kNothingDue;
    write_down();
    remove_delivered();
    if (written_ && (last || now - synced_at_ >= kSyncEvery)) {
      spool_.sync();
      synced_at_ = now;
      written_ = false;
    }
    const std::lock_guard guard(noting_);
    if (std::exchange(failing_, false)) log::info("the spool is written again");
  } catch (const Failure& failure) {
    complain(failure.what());
    return kTryAgain;
  }
  return written_ ? std::max(nanoseconds(0), synced_at_ + kSyncEvery - now) : kNothingDue;
}

void Spooler::write_down() {
  // Ticks are taken first, so that a tick whose batch is finished meanwhile is before it.
  const std::vector<OpenTick> ticks = outbox_.take_ticks();
  while (true) {
    const ToSpool next = outbox_.to_spool();
    if (!next.batch) break;
    make_room(next.batch->payload.size() + (next.keyframe ? next.keyframe->payload.size() : 0) +
              kBesideBatch);
    spool_.append(next);
    outbox_.spooled(next.batch->seq);
    written_ = true;
  }
  const std::uint64_t newest = outbox_.newest();
  for (const OpenTick& tick : ticks) {
    if (tick.number <= newest) continue;  // its batch is in a segment, or nobody's any more
    spool_.append_tick(tick.number, tick.slots, tick.record);
    written_ = true;
  }
  for (const NumberSpan& gone : outbox_.take_gone()) {
    spool_.note_gone(gone);
    written_ = true;
  }
}

void Spooler::make_room(std::uint64_t bytes) {
  while (spool_.bytes() + bytes > spool_.limit()) {
    if (!spool_.oldest()) {
      if (spool_.current_bytes() == 0) return;
      spool_.end_segment();
      if (!spool_.oldest()) return;
    }
    drop_oldest();
  }
}

void Spooler::drop_oldest() {
  const auto segment = spool_.oldest();
  const DroppedBatches lost = outbox_.leave_disk(segment->numbers, spool_.oldest_batches());
  spool_.remove_oldest();
  if (lost.batches == 0) return;
  log::warning("the spool is full: the oldest readings are dropped, which leaves a gap",
               {{"batches", lost.batches},
                {"samples", lost.samples},
                {"from_ms", lost.first_ms},
                {"to_ms", lost.last_ms},
                {"dropped_so_far", outbox_.dropped()}});
}

// From the front only: what is said in a segment of batches before it must not go before these.
void Spooler::remove_delivered() {
  if (spool_.current_bytes() > kSmallSegment && outbox_.size() == 0) spool_.end_segment();
  while (const auto oldest = spool_.oldest()) {
    if (outbox_.count(oldest->numbers.after, oldest->numbers.last) > 0) return;
    outbox_.leave_disk(oldest->numbers, {});
    spool_.remove_oldest();
  }
}

bool Spooler::has_all() const { return state_ == State::open && !outbox_.to_spool().batch; }

BatchPtr Spooler::read(std::uint64_t number) { return spool_.read(number); }

BatchPtr Spooler::read_keyframe(std::uint64_t number) { return spool_.read_keyframe(number); }

// What fails is said by the next segment.
template <typename Work>
void Spooler::note(const Work& work) {
  try {
    work();
  } catch (const Failure& failure) {
    complain(failure.what());
  }
}

void Spooler::note_run(const SpoolRun& run) {
  {
    const std::lock_guard guard(noting_);
    if (state_ != State::open) {
      unnoted_.push_back(run);
      return;
    }
  }
  note([&] { spool_.note_run(run); });
}

void Spooler::note_host(const std::string& host_id) {
  {
    const std::lock_guard guard(noting_);
    host_id_ = host_id;
    if (state_ != State::open) return;
  }
  note([&] { spool_.note_host(host_id); });
}

}  // namespace volta
