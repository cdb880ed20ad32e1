// What the engine knows of hosts that send to another server of the group: when their newest sample
// was taken and what they draw. Asked for all hosts at once, so that a list of thousands costs two
// queries.
//
// look() and cancel() by one thread each; of() by any.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "model/fleet_view.hpp"
#include "model/query_engine.hpp"

namespace volta {

struct Sighting {
  std::int64_t newest_ms = 0;  // of its samples, by the host's clock
  std::int64_t looked_ms = 0;  // when the engine said so, by the server's
  std::optional<HostPower> power;
};

// An engine shows a sample up to a minute after it was taken (the agent's batches, its own delays),
// so a host is live as long as its newest one is not older than that; late for another minute.
HostState sighted_state(const Sighting& sighting, std::int64_t now_ms);

class Sightings {
 public:
  // Both must live longer.
  Sightings(const QueryEngine& engine, const Clock& clock) : engine_(engine), clock_(clock) {}

  // Asks the engine; the first time also for what was seen within a day. Where it does not answer,
  // what is known stays.
  void look();
  // Breaks off a look() and those to come.
  void cancel() { cancelled_ = true; }

  [[nodiscard]] std::optional<Sighting> of(const std::string& host) const;

 private:
  std::optional<VectorValue> ask(std::string_view expression, std::int64_t now_ms);

  const QueryEngine& engine_;
  const Clock& clock_;
  bool looked_back_ = false;
  std::atomic<bool> cancelled_{false};
  Guarded<std::map<std::string, Sighting>> known_;
};

}  // namespace volta
