// Which agents are connected, when they were last heard, and who watches them. The one place that
// speaks to an agent's AgentControl, so that `live` arrives in the order in which it was wanted.
//
// Safe from any thread. Controls are called with no lock held.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/link.hpp"
#include "model/store.hpp"

namespace volta {

// One connected agent. Shared by its session and the table.
class Link;

struct LinkStatus {
  bool connected = false;
  bool plaintext = false;
  std::int64_t last_data_wall_ms = 0;  // 0: none since the server started
  // Empty where there was none since the server started.
  std::optional<std::chrono::nanoseconds> since_data;
  std::optional<std::chrono::nanoseconds> since_opened;
  std::optional<std::chrono::nanoseconds> since_gone;  // set only while not connected
  std::chrono::milliseconds batch_interval{};          // sample time in its newest batch
};

class LinkTable {
 public:
  // After the last watcher has left, the agent goes on live for this long: pages are reloaded.
  static constexpr std::chrono::seconds kLiveGrace{10};

  explicit LinkTable(const Clock& clock) : clock_(clock) {}

  // The newest link of a host replaces the one before, which is closed and logged as a possible
  // clone. If the host is watched, the agent is told so at once.
  std::shared_ptr<Link> open(HostId host, const RunId& run, const std::string& peer,
                             std::shared_ptr<AgentControl> control);
  // The session is gone.
  void gone(const std::shared_ptr<Link>& link);
  // False: nothing that comes over this link may be taken any more.
  [[nodiscard]] bool is_open(const std::shared_ptr<Link>& link) const;
  // A batch that came over this link is taken: the host lives. One that is refused says nothing of
  // that. `batch_interval`: empty for what an outage left, which says nothing of the agent's
  // rhythm.
  void heard(const std::shared_ptr<Link>& link,
             std::optional<std::chrono::milliseconds> batch_interval);

  // Closes the host's link, if it has one: nothing more is taken from it, even before it breaks.
  void close(HostId host, const std::string& reason);
  // close(), and nothing is remembered of the host.
  void forget(HostId host, const std::string& reason);
  // A client begins or ends watching. The end of the last one takes effect with the first batch
  // after kLiveGrace.
  void watch(HostId host, bool begin);

  [[nodiscard]] LinkStatus status(HostId host) const;
  [[nodiscard]] std::size_t connected() const;

 private:
  struct Host {
    std::shared_ptr<Link> link;  // null: not connected
    std::optional<std::chrono::nanoseconds> data_at;
    std::optional<std::chrono::nanoseconds> opened_at;
    std::optional<std::chrono::nanoseconds> gone_at;
    std::int64_t data_wall_ms = 0;
    std::chrono::milliseconds batch_interval{};
    std::size_t watchers = 0;
    std::optional<std::chrono::nanoseconds> unwatched_at;  // the grace runs since then
  };

  bool wanted_live(Host& host) const;
  void tell_live(const std::shared_ptr<Link>& link);

  const Clock& clock_;
  mutable std::mutex mutex_;      // guards all below, and the Links' changing parts
  std::map<HostId, Host> hosts_;  // at most one for each host of the directory
};

}  // namespace volta
