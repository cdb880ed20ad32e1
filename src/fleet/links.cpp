#include "fleet/links.hpp"

#include <utility>

#include "base/log.hpp"

namespace volta {

class Link {
 public:
  Link(HostId host_id, const RunId& run_id, std::string peer_name,
       std::shared_ptr<AgentControl> agent)
      : host(host_id),
        run(run_id),
        peer(std::move(peer_name)),
        control(std::move(agent)),
        plaintext(control->plaintext()) {}

  const HostId host;
  const RunId run;
  const std::string peer;
  const std::shared_ptr<AgentControl> control;
  const bool plaintext;

  // Guarded by the table's lock.
  bool closed = false;
  bool live_wanted = false;
  bool live_told = false;
  bool telling = false;  // a thread is in tell_live() for this link and will see later changes
};

std::shared_ptr<Link> LinkTable::open(HostId host, const RunId& run, const std::string& peer,
                                      std::shared_ptr<AgentControl> control) {
  auto link = std::make_shared<Link>(host, run, peer, std::move(control));
  std::shared_ptr<Link> older;
  bool live = false;
  {
    const std::lock_guard lock(mutex_);
    Host& state = hosts_[host];
    older = std::exchange(state.link, link);
    if (older) older->closed = true;
    state.opened_at = clock_.boottime();
    state.gone_at.reset();
    live = wanted_live(state);
  }
  if (older) {
    log::warning("a newer link of the same host replaces an open one: a reconnect, or a clone",
                 {{"peer", peer}, {"older_peer", older->peer}, {"same_run", older->run == run}});
    older->control->close("a newer link with the same host token replaces this one");
  }
  if (live) tell_live(link);
  return link;
}

void LinkTable::gone(const std::shared_ptr<Link>& link) {
  const std::lock_guard lock(mutex_);
  link->closed = true;
  const auto found = hosts_.find(link->host);
  if (found == hosts_.end() || found->second.link != link) return;
  found->second.link.reset();
  found->second.gone_at = clock_.boottime();
}

bool LinkTable::is_open(const std::shared_ptr<Link>& link) const {
  const std::lock_guard lock(mutex_);
  return !link->closed && hosts_.contains(link->host);
}

void LinkTable::heard(const std::shared_ptr<Link>& link,
                      std::optional<std::chrono::milliseconds> batch_interval) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = hosts_.find(link->host);
    if (link->closed || found == hosts_.end()) return;
    Host& state = found->second;
    state.data_at = clock_.boottime();
    state.data_wall_ms = clock_.wall_ms();
    if (batch_interval) state.batch_interval = *batch_interval;
    if (wanted_live(state) == link->live_wanted) return;
  }
  tell_live(link);
}

void LinkTable::close(HostId host, const std::string& reason) {
  std::shared_ptr<Link> link;
  {
    const std::lock_guard lock(mutex_);
    const auto found = hosts_.find(host);
    if (found == hosts_.end() || !found->second.link) return;
    link = std::exchange(found->second.link, nullptr);
    link->closed = true;
    found->second.gone_at = clock_.boottime();
  }
  link->control->close(reason);
}

void LinkTable::forget(HostId host, const std::string& reason) {
  close(host, reason);
  const std::lock_guard lock(mutex_);
  hosts_.erase(host);
}

void LinkTable::watch(HostId host, bool begin) {
  std::shared_ptr<Link> link;
  {
    const std::lock_guard lock(mutex_);
    if (begin) {
      Host& state = hosts_[host];
      ++state.watchers;
      state.unwatched_at.reset();
      link = state.link;
    } else if (const auto found = hosts_.find(host); found != hosts_.end()) {
      Host& state = found->second;
      if (state.watchers > 0 && --state.watchers == 0) state.unwatched_at = clock_.boottime();
    }
  }
  if (link) tell_live(link);
}

// Requires the lock.
bool LinkTable::wanted_live(Host& host) const {
  if (host.watchers > 0) return true;
  if (!host.unwatched_at) return false;
  if (clock_.boottime() - *host.unwatched_at < kLiveGrace) return true;
  host.unwatched_at.reset();
  return false;
}

// Only one thread at a time speaks to a link; it goes on until what it told is what is wanted.
void LinkTable::tell_live(const std::shared_ptr<Link>& link) {
  std::unique_lock lock(mutex_);
  const auto host = hosts_.find(link->host);
  if (host == hosts_.end()) return;
  link->live_wanted = wanted_live(host->second);
  if (link->telling) return;
  link->telling = true;
  while (!link->closed && link->live_told != link->live_wanted) {
    const bool told = link->live_told = link->live_wanted;
    lock.unlock();
    link->control->live(told);
    lock.lock();
  }
  link->telling = false;
}

LinkStatus LinkTable::status(HostId host) const {
  const std::lock_guard lock(mutex_);
  LinkStatus status;
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return status;
  const Host& state = found->second;
  const auto now = clock_.boottime();
  status.connected = state.link != nullptr;
  status.plaintext = state.link && state.link->plaintext;
  status.last_data_wall_ms = state.data_wall_ms;
  status.batch_interval = state.batch_interval;
  if (state.data_at) status.since_data = now - *state.data_at;
  if (state.opened_at) status.since_opened = now - *state.opened_at;
  if (state.gone_at) status.since_gone = now - *state.gone_at;
  return status;
}

std::size_t LinkTable::connected() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [id, host] : hosts_) count += host.link ? 1U : 0U;
  return count;
}

}  // namespace volta
