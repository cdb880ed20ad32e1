#include "api/live.hpp"

#include <algorithm>
#include <utility>

#include "base/json_writer.hpp"
#include "base/log.hpp"
#include "base/threads.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::uint16_t kNotAllowed = 1008;
constexpr std::uint16_t kLoginNeeded = 4401;
constexpr std::chrono::milliseconds kPatience{500};
constexpr std::chrono::seconds kExpireEvery{5};
// A client may say this much at once, and then so many messages a second.
constexpr double kMostMessages = 100;
constexpr double kMessagesPerSecond = 20;

std::string message_head(std::string_view op, std::string_view id) {
  std::string out = R"({"op":")" + std::string(op) + R"(","id":)";
  append_json_string(out, id);
  return out;
}

std::shared_ptr<const std::string> error_message(std::string_view id, const Problem& problem) {
  std::string out = R"({"op":"error","id":)";
  if (id.empty()) {
    out += "null";
  } else {
    append_json_string(out, id);
  }
  return std::make_shared<const std::string>(out + R"(,"problem":)" + problem_json(problem, "") +
                                             "}");
}

Problem too_many_series(std::size_t shown) {
  return decline(422, "too_many_series",
                 "more series fit these names than one subscription may have; only the first " +
                     std::to_string(shown) + " are shown")
      .problem;
}

}  // namespace

struct LiveHub::Client {
  struct Subscription {
    HostId host{};
    LiveWishes wishes;
  };
  Viewer viewer;
  std::map<std::string, Subscription> subscriptions;
  bool closed = false;                   // no longer allowed: on its way out, hears nothing more
  double messages_left = kMostMessages;  // on_message's alone, as is the next
  std::chrono::nanoseconds messages_at{};
};

// Joins a connection's life to its client's.
class LiveHub::Receiver final : public StreamReceiver {
 public:
  Receiver(LiveHub& hub, Viewer viewer) : hub_(&hub) {
    client_.viewer = std::move(viewer);
    client_.messages_at = hub.parts_.clock.boottime();
    const std::lock_guard lock(hub.mutex_);
    hub.clients_.insert(&client_);
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver() override { hub_->leave(client_); }
  void on_message(std::string_view text) override { hub_->on_message(client_, text); }
  Client& client() { return client_; }

 private:
  LiveHub* hub_;
  Client client_;
};

LiveHub::LiveHub(LiveParts parts)
    : parts_(std::move(parts)), thread_(start_thread("feed live pages", [this] { run(); })) {}

LiveHub::~LiveHub() {
  queue_.close();
  thread_.join();
}

void LiveHub::on_batch(HostId host, const DecodedBatch& batch,
                       std::span<const std::shared_ptr<const SeriesRecord>> series) {
  const bool watched =
      watched_.with([&](const std::set<HostId>& hosts) { return hosts.count(host) > 0; });
  if (!watched || batch.ticks() == 0) return;
  {
    const std::lock_guard lock(progress_mutex_);
    ++handed_over_;
  }
  const std::size_t dropped = queue_.push_dropping_oldest(newest_of(host, batch, series));
  if (dropped > 0) {
    dropped_ += dropped;
    worked_off(dropped);
  }
}

void LiveHub::append_to(std::vector<MetricFamily>& families) const {
  std::size_t subscriptions = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const Client* client : clients_) subscriptions += client->subscriptions.size();
  }
  MetricFamily held = family(metrics::live_subscriptions);
  held.samples.push_back({{}, static_cast<double>(subscriptions)});
  families.push_back(std::move(held));
  MetricFamily dropped = family(metrics::live_dropped_batches_total);
  dropped.samples.push_back({{}, static_cast<double>(dropped_.load())});
  families.push_back(std::move(dropped));
}

std::unique_ptr<StreamReceiver> LiveHub::connect(Viewer viewer) {
  return std::make_unique<Receiver>(*this, std::move(viewer));
}

std::variant<std::unique_ptr<StreamReceiver>, Declined> LiveHub::connect(Viewer viewer,
                                                                         const Subscribe& wish) {
  auto receiver = std::make_unique<Receiver>(*this, std::move(viewer));
  if (auto declined = subscribe(receiver->client(), wish)) return *std::move(declined);
  return std::unique_ptr<StreamReceiver>(std::move(receiver));
}

void LiveHub::drain() {
  std::unique_lock lock(progress_mutex_);
  progress_.wait(lock, [&] { return worked_off_ >= handed_over_; });
}

void LiveHub::worked_off(std::uint64_t batches) {
  {
    const std::lock_guard lock(progress_mutex_);
    worked_off_ += batches;
  }
  progress_.notify_all();
}

void LiveHub::on_message(Client& client, std::string_view text) {
  const auto now = parts_.clock.boottime();
  const std::chrono::duration<double> passed = now - client.messages_at;
  client.messages_at = now;
  client.messages_left =
      std::min(kMostMessages, client.messages_left + passed.count() * kMessagesPerSecond) - 1;
  StreamSender& sender = *client.viewer.sender;
  if (client.messages_left < 0) return sender.close(kNotAllowed, "too many messages");
  if (!client.viewer.allowed()) return sender.close(kLoginNeeded, "login needed");

  ClientMessage message = parse_client_message(text);
  if (const auto* bad = std::get_if<BadMessage>(&message)) {
    return sender.send("", error_message(bad->id, bad->problem));
  }
  if (const auto* end = std::get_if<Unsubscribe>(&message)) {
    if (unsubscribe(client, end->id)) return;
    const Declined declined =
        decline(404, "subscription_not_found", "there is no subscription with this id");
    return sender.send("", error_message(end->id, declined.problem));
  }
  const auto& wish = std::get<Subscribe>(message);
  if (const auto declined = subscribe(client, wish)) {
    sender.send("", error_message(wish.id, declined->problem));
  }
}

std::optional<Declined> LiveHub::subscribe(Client& client, const Subscribe& wish) {
  bool reserved = false;
  try {
    const auto host = parts_.hosts.find(wish.host);
    if (!may(client.viewer.who, Action::read, host ? std::optional(host->id) : std::nullopt)) {
      return decline(403, "forbidden", "this role may not watch the host");
    }
    if (!host) return host_not_found(wish.host);
    if (auto declined = reserve(client, wish, host->id)) return declined;
    reserved = true;
    parts_.watch(host->id, true);  // from now on batches are queued; what was before comes here:
    if (is_seeded(host->id)) {
      join(client, wish.id, nullptr, {});
    } else {
      const auto records = parts_.index.find(host->id, "*");
      join(client, wish.id, &records, parts_.reader.latest(host->id));
    }
    return std::nullopt;
  } catch (const std::exception& failure) {
    log::error("subscription failed", {{"host", wish.host}, {"why", failure.what()}});
    if (reserved) unsubscribe(client, wish.id);
    return decline(500, "internal", "volta failed here; its log has the reason");
  }
}

bool LiveHub::is_seeded(HostId host) const {
  const std::lock_guard lock(mutex_);
  return hosts_.at(host).seeded;
}

std::optional<Declined> LiveHub::reserve(Client& client, const Subscribe& wish, HostId host) {
  const std::lock_guard lock(mutex_);
  if (client.subscriptions.count(wish.id) > 0) {
    return decline(409, "subscription_exists", "the id already names a subscription");
  }
  if (client.subscriptions.size() >= kMostSubscriptions) {
    return decline(422, "too_many_subscriptions",
                   "a client may have " + std::to_string(kMostSubscriptions) + " subscriptions");
  }
  client.subscriptions[wish.id] = {host, {wish.names, wish.interval_ms, wish.rates}};
  ++hosts_[host].users;
  watched_.with([&](std::set<HostId>& hosts) { hosts.insert(host); });
  return std::nullopt;
}

void LiveHub::join(Client& client, const std::string& id, const std::vector<SeriesRecord>* records,
                   const std::vector<LatestSample>& newest) {
  const std::lock_guard lock(mutex_);
  const auto& [host_id, wishes] = client.subscriptions.at(id);
  WatchedHost& host = hosts_.at(host_id);
  if (records != nullptr) {
    host.feed.seed(*records, newest);
    host.seeded = true;
  }
  const auto [place, created] =
      host.groups.try_emplace(wishes, Group{LiveGroup(wishes), {}, false});
  Group& group = place->second;
  grow(group, host.feed);
  Member member{&client, id, 0};
  send_index(member, group.shared, 0);
  auto tail = created ? group.shared.frame_tail(host.feed) : group.shared.whole_tail();
  if (tail) {
    client.viewer.sender->send(
        id + '\n' + std::to_string(member.generation),
        std::make_shared<const std::string>(message_head("data", id) + *tail));
  }
  if (group.shared.truncated())
    client.viewer.sender->send("", error_message(id, too_many_series(group.shared.size())));
  group.members.push_back(std::move(member));
}

void LiveHub::grow(Group& group, const LiveFeed& feed) {
  const std::size_t before = group.shared.size();
  if (group.shared.grow(feed)) {
    for (Member& member : group.members) send_index(member, group.shared, before);
  }
  if (!group.shared.truncated() || group.told_truncated) return;
  group.told_truncated = true;
  for (const Member& member : group.members) {
    member.client->viewer.sender->send(
        "", error_message(member.id, too_many_series(group.shared.size())));
  }
}

void LiveHub::send_index(Member& member, const LiveGroup& group, std::size_t from) {
  member.generation = ++generations_;
  member.client->viewer.sender->send(
      "", std::make_shared<const std::string>(message_head("series", member.id) +
                                              group.index_tail(from)));
}

HostId LiveHub::remove_subscription(Client& client, const std::string& id) {
  const auto found = client.subscriptions.find(id);
  const HostId host_id = found->second.host;
  const LiveWishes wishes = found->second.wishes;
  client.subscriptions.erase(found);
  WatchedHost& host = hosts_.at(host_id);
  if (const auto group = host.groups.find(wishes); group != host.groups.end()) {
    std::erase_if(group->second.members, [&](const Member& member) {
      return member.client == &client && member.id == id;
    });
    if (group->second.members.empty()) host.groups.erase(group);
  }
  if (--host.users == 0) {
    hosts_.erase(host_id);
    watched_.with([&](std::set<HostId>& hosts) { hosts.erase(host_id); });
  }
  return host_id;
}

bool LiveHub::unsubscribe(Client& client, const std::string& id) {
  HostId host{};
  {
    const std::lock_guard lock(mutex_);
    if (client.subscriptions.count(id) == 0) return false;
    host = remove_subscription(client, id);
  }
  parts_.watch(host, false);
  return true;
}

void LiveHub::leave(Client& client) {
  std::vector<HostId> hosts;
  {
    const std::lock_guard lock(mutex_);
    while (!client.subscriptions.empty()) {
      const std::string id = client.subscriptions.begin()->first;
      hosts.push_back(remove_subscription(client, id));
    }
    clients_.erase(&client);
  }
  for (const HostId host : hosts) parts_.watch(host, false);
}

void LiveHub::run() {
  for (;;) {
    const auto batch = queue_.pop(kPatience);
    if (batch) {
      deliver(*batch);
    } else if (queue_.closed()) {
      return;
    }
    expire();
    if (batch) worked_off(1);
  }
}

void LiveHub::deliver(const LiveBatch& batch) {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(batch.host);
  if (found == hosts_.end()) return;
  LiveFeed& feed = found->second.feed;
  if (!feed.take(batch, parts_.clock.boottime())) return;
  for (auto& [wishes, group] : found->second.groups) {
    grow(group, feed);
    if (!group.shared.due(feed)) continue;
    const auto tail = group.shared.frame_tail(feed);
    if (!tail) continue;
    for (const Member& member : group.members) {
      if (member.client->closed) continue;
      member.client->viewer.sender->send(
          member.id + '\n' + std::to_string(member.generation),
          std::make_shared<const std::string>(message_head("data", member.id) + *tail));
    }
  }
}

void LiveHub::expire() {
  const std::lock_guard lock(mutex_);
  const auto now = parts_.clock.boottime();
  if (now - expired_at_ < kExpireEvery) return;
  expired_at_ = now;
  for (Client* client : clients_) {
    if (client->closed || client->viewer.allowed()) continue;
    client->closed = true;
    client->viewer.sender->close(kLoginNeeded, "login needed");
  }
}

}  // namespace volta
