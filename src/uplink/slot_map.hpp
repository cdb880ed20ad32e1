// Gives ticks the slots that the spool's series have.
//
// All runs on a link share one layout, so what an earlier agent has left and what is measured now
// must agree on it. An agent that finds a backlog therefore goes on with its layout: series that it
// knows keep their slots, others come behind. Without a backlog ticks pass as they are.
#pragma once

#include <vector>

#include "model/tick.hpp"

namespace volta {

// The collectors' thread.
class SlotMap {
 public:
  explicit SlotMap(std::vector<SeriesDef> before) : mapped_(layout_), used_(!before.empty()) {
    for (SeriesDef& def : before) layout_.define(std::move(def));
  }
  SlotMap(const SlotMap&) = delete;
  SlotMap& operator=(const SlotMap&) = delete;

  // Valid until the next call.
  const Tick& map(const Tick& tick) {
    if (!used_) return tick;
    const auto series = tick.layout().series();
    while (slots_.size() < series.size()) {
      slots_.push_back(layout_.define(SeriesDef(series[slots_.size()])));
    }
    mapped_.begin(tick.wall_ms(), tick.boottime());
    for (const Reading& reading : tick.readings()) {
      mapped_.set_unsigned(slots_[reading.slot], reading.raw);
    }
    return mapped_;
  }

 private:
  Layout layout_;
  Tick mapped_;
  const bool used_;
  std::vector<Slot> slots_;  // by the tick's slot
};

}  // namespace volta
