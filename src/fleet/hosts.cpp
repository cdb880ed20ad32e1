#include "fleet/hosts.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "model/link.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::chrono::seconds kFresh{15};
constexpr std::chrono::seconds kSilent{60};
constexpr int kMissedBatches = 3;

Error unknown_host(std::string_view name) {
  return Error{"there is no host named '" + std::string(name) + "'"};
}

}  // namespace

HostSecret new_host_secret() {
  HostToken token{};
  random_bytes(token);
  return {hex(token), sha256(std::as_bytes(std::span(token)))};
}

HostState host_state(bool disabled, const LinkStatus& link) {
  if (disabled) return HostState::disabled;
  const bool gone = !link.connected && (!link.since_gone || *link.since_gone > kFresh);
  if (gone) return HostState::offline;
  if (link.since_data &&
      (*link.since_data <= kFresh || *link.since_data <= kMissedBatches * link.batch_interval)) {
    return HostState::live;
  }
  // A link that has only just opened has had no time to bring data.
  const auto silence = std::min(link.since_data.value_or(std::chrono::nanoseconds::max()),
                                link.since_opened.value_or(std::chrono::nanoseconds::max()));
  return silence > kSilent ? HostState::offline : HostState::late;
}

std::vector<HostStatus> Hosts::hosts() const {
  std::vector<HostStatus> all;
  for (HostRecord& record : directory_.list()) {
    const LinkStatus link = links_.status(record.id);
    HostStatus status;
    status.state = host_state(record.disabled, link);
    status.plaintext = link.plaintext;
    status.record = std::move(record);
    status.record.last_seen_ms = std::max(status.record.last_seen_ms, link.last_data_wall_ms);
    add_sighting(status);
    all.push_back(std::move(status));
  }
  return all;
}

// What another server hears of a host counts where this one hears nothing.
void Hosts::add_sighting(HostStatus& status) const {
  if (shared_.sightings == nullptr) return;
  const auto sighting = shared_.sightings->of(status.record.name);
  if (!sighting) return;
  status.record.last_seen_ms = std::max(status.record.last_seen_ms, sighting->newest_ms);
  if (status.state != HostState::offline) return;
  status.state = sighted_state(*sighting, clock_.wall_ms());
  status.power_elsewhere = sighting->power;
}

bool Hosts::may_be_elsewhere(HostId host) const {
  return shared_.sightings != nullptr &&
         host_state(false, links_.status(host)) == HostState::offline;
}

Result<void> Hosts::may_change(const std::string& command) const {
  if (shared_.file.empty()) return {};
  return Error{
      "the hosts of this server stand in a file that it shares with others; change them "
      "there with: volta host " +
      command + " --hosts-file " + shared_.file};
}

Result<NewToken> Hosts::add_host(const std::string& name) {
  if (const auto may = may_change("add " + name); !may) return may.error();
  HostSecret secret = new_host_secret();
  Result<HostRecord> added = directory_.add(name, secret.hash);
  if (!added) return added.error();
  return NewToken{*std::move(added), std::move(secret.text)};
}

Result<NewToken> Hosts::rotate_token(std::string_view name_or_uid) {
  std::optional<HostRecord> host = directory_.find(name_or_uid);
  if (!host) return unknown_host(name_or_uid);
  if (const auto may = may_change("rotate " + host->name); !may) return may.error();
  HostSecret secret = new_host_secret();
  const Result<void> set = directory_.set_token(host->id, secret.hash);
  if (!set) return set.error();
  links_.close(host->id, "the host's token was replaced; put the new one into its token file");
  return NewToken{*std::move(host), std::move(secret.text)};
}

Result<void> Hosts::set_disabled(std::string_view name_or_uid, bool disabled) {
  const std::optional<HostRecord> host = directory_.find(name_or_uid);
  if (!host) return unknown_host(name_or_uid);
  if (auto may = may_change((disabled ? "disable " : "enable ") + host->name); !may) return may;
  Result<void> set = directory_.set_disabled(host->id, disabled);
  if (set && disabled) links_.close(host->id, "the host was disabled on the server");
  return set;
}

Result<void> Hosts::remove_host(std::string_view name_or_uid) {
  const std::optional<HostRecord> host = directory_.find(name_or_uid);
  if (!host) return unknown_host(name_or_uid);
  if (auto may = may_change("remove " + host->name); !may) return may;
  // Before, so that nothing arrives for a host that is no more; after, for a link that opened
  // meanwhile.
  const std::string reason = "the host was removed from the server";
  links_.close(host->id, reason);
  Result<void> removed = directory_.remove(host->id);
  if (removed) links_.forget(host->id, reason);
  return removed;
}

void Hosts::append_to(std::vector<MetricFamily>& families) const {
  constexpr std::array kStates = {HostState::live, HostState::late, HostState::offline,
                                  HostState::disabled};
  std::array<double, kStates.size()> counts{};
  for (const HostStatus& host : this->hosts()) ++counts.at(static_cast<std::size_t>(host.state));
  MetricFamily hosts = family(metrics::server_hosts);
  for (const HostState state : kStates) {
    hosts.samples.push_back(
        {{{"state", std::string(to_text(state))}}, counts.at(static_cast<std::size_t>(state))});
  }
  families.push_back(std::move(hosts));
  MetricFamily links = family(metrics::server_links);
  links.samples.push_back({{}, static_cast<double>(links_.connected())});
  families.push_back(std::move(links));
}

}  // namespace volta
