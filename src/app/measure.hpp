// The measuring half of `volta local` and `volta agent`: collectors, the energy account, and
// volta's own costs, put together from the settings.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/settings.hpp"
#include "base/clock.hpp"
#include "collect/facts.hpp"
#include "collect/sampler.hpp"
#include "energy/account.hpp"
#include "uplink/uplink.hpp"

namespace volta {

// Throws StartFailure where a root that somebody chose is no folder.
HostRoots host_roots(const Settings& settings);

class Measure {
 public:
  // `sink` hears every tick and must live longer. `uplink`: numbers for volta's own metrics, empty
  // where there is none.
  Measure(const Settings& settings, const Clock& clock, TickSink& sink,
          std::function<UplinkCounters()> uplink = {});

  void start() { sampler_.start(); }
  void stop() { sampler_.stop(); }
  [[nodiscard]] Sampler& sampler() { return sampler_; }

  // Says on stderr that there is no procfs, as in an empty chroot, and which sensors may not be
  // read, with the one command that mends it.
  void warn_of_what_cannot_be_read() const;

 private:
  void run_stage(Tick& tick);
  void show_uplink(Tick& tick);

  const HostRoots roots_;
  const HostFacts facts_;
  const bool energy_;
  const std::chrono::milliseconds self_period_;
  std::function<UplinkCounters()> uplink_;
  Account account_;
  std::optional<std::int64_t> uplink_shown_ms_;
  std::optional<Slot> buffered_slot_, dropped_slot_, sent_slot_;
  Sampler sampler_;
};

// What an agent says of itself at hello.
AgentIdentity agent_identity(std::function<HostToken()> token, const HostRoots& roots,
                             const std::string& host_name);

}  // namespace volta
