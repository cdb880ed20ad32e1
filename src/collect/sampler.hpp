// The agent's heart: one thread that wakes up once a tick and runs the collectors that the schedule
// says are due. A collector that fails or is slow hurts no other, and shows as
// volta_collector_success and _duration_seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "collect/collector.hpp"
#include "collect/schedule.hpp"

namespace volta {

struct SamplerOptions {
  HostRoots roots;
  CollectOptions collect;
  std::set<std::string, std::less<>> disabled_groups;
  std::map<std::string, std::chrono::milliseconds, std::less<>>
      periods;                                // by group; default: the catalogue's
  std::vector<std::string> disabled_metrics;  // globs
  Labels labels;                              // put on every series
  std::vector<int> cores;                     // where the thread may run; empty: anywhere
};

class Sampler {
 public:
  // `stage` runs after the collectors of a tick and before the sink. All that is passed by
  // reference must live longer. `entries`: collectors(), or a test's own.
  Sampler(SamplerOptions options, std::span<const CollectorEntry> entries, const Clock& clock,
          TickSink& sink, std::function<void(Tick&)> stage = {});
  ~Sampler();  // stops
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Starts the thread: two ticks of everything at once, kPrime apart, so that rates are there
  // without waiting for the second aligned tick; then the schedule.
  void start();
  void stop();

  // One tick of every collector, now. Not while the thread runs.
  void sample_all();
  // Runs what is due at the wall clock's time; answers when to come again. Not while the thread
  // runs.
  std::int64_t run_due();

  static constexpr std::chrono::milliseconds kPrime{150};

 private:
  struct Group {
    std::string_view name;
    std::chrono::milliseconds period;
    bool disabled = false;
  };
  // Of a group whose collector runs more often than the group is due, because another group needs
  // it: that collector's readings in between are taken out.
  struct Thinned {
    std::string_view group;
    std::size_t rhythm;  // in schedule_
  };
  struct Source {
    const CollectorEntry* entry = nullptr;
    std::size_t task = 0;  // in schedule_
    std::unique_ptr<Collector> collector;
    std::vector<Thinned> thinned;
    std::chrono::nanoseconds logged_at{};
    std::chrono::nanoseconds duration{};
    Slot success_slot = 0;
    Slot duration_slot = 0;
    Slot skipped_slot = 0;
    bool slots_defined = false;
  };

  void loop();
  void add_source(const CollectorEntry& entry);
  Group& group(std::string_view name);
  bool wait(std::chrono::nanoseconds patience);  // false: stop
  [[nodiscard]] Schedule::Moment moment() const;
  void tick(std::int64_t label_ms);
  void sample(Source& source);
  void succeeded(Source& source);
  void failed(Source& source, const std::string& reason);
  void report(Source& source, bool success);
  void classify_new_slots(const Source* source = nullptr);
  void take_out_what_is_not_due();
  void run_stage();
  void hand_on();
  void complain(std::string_view part, const std::string& reason);

  const SamplerOptions options_;
  const Clock& clock_;
  TickSink& sink_;
  std::function<void(Tick&)> stage_;
  Layout layout_;
  Tick tick_;
  Schedule schedule_;
  std::vector<Source> sources_;
  std::chrono::milliseconds self_period_{};
  std::int64_t self_due_ms_ = 0;
  bool report_details_ = false;                          // in this tick
  std::vector<Group> groups_;                            // as metric_groups()
  bool thinned_ = false;                                 // any source is
  std::vector<bool> masked_;                             // by slot: nobody wants it
  std::vector<std::optional<std::size_t>> slot_rhythm_;  // by slot: in schedule_
  std::vector<bool> dropped_;                            // by slot: not wanted in this tick
  std::chrono::nanoseconds complained_at_{};
  std::optional<Slot> late_slot_;
  UniqueFd stop_event_;
  std::thread thread_;
};

}  // namespace volta
