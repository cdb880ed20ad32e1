#include "store/host_table.hpp"

#include <algorithm>
#include <array>

namespace volta {
namespace {

constexpr std::size_t kLongestName = 253;

std::int64_t number(HostId id) { return static_cast<std::uint32_t>(id); }

std::string name_problem(const std::string& name) {
  if (name.empty()) return "a host needs a name";
  if (name == "." || name == "..") return "'.' and '..' are no names for a host";
  if (name.size() > kLongestName) return "the host's name is longer than 253 bytes";
  const bool fits = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  return fits ? "" : "the host's name has characters other than letters, digits, '.', '_' and '-'";
}

std::string_view view(const Sha256& hash) {
  const auto chars = std::as_bytes(std::span(hash));
  return {static_cast<const char*>(static_cast<const void*>(chars.data())), chars.size()};
}

Error no_such_host() { return Error{"there is no such host"}; }

}  // namespace

void HostTable::load(Connection& connection) {
  const std::lock_guard lock(mutex_);
  Query query = connection.query(
      "SELECT id, uid, name, token_hash, disabled, removed, created_ms, last_seen_ms,"
      " agent_version, facts_json, clock_offset_ms FROM host");
  while (query.step()) {
    Entry entry;
    entry.record.id = HostId(static_cast<std::uint32_t>(query.integer(0)));
    entry.record.uid = query.text(1);
    entry.record.name = query.text(2);
    const auto hash = query.blob(3);
    if (hash.size() != entry.token.size()) throw Failure("the store's table of hosts is malformed");
    std::transform(hash.begin(), hash.end(), entry.token.begin(),
                   [](std::byte byte) { return static_cast<std::uint8_t>(byte); });
    entry.record.disabled = query.integer(4) != 0;
    entry.record.created_ms = query.integer(6);
    entry.record.last_seen_ms = query.integer(7);
    entry.record.agent_version = query.text(8);
    entry.record.facts_json = query.text(9);
    entry.record.clock_offset_ms = query.integer(10);
    if (query.integer(5) != 0) {
      dying_.emplace(entry.record.id, std::move(entry.record.uid));
    } else {
      hosts_.emplace(entry.record.id, std::move(entry));
    }
  }
}

std::vector<HostRecord> HostTable::list() const {
  std::vector<HostRecord> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : hosts_) all.push_back(entry.record);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

const HostTable::Entry* HostTable::by_name(std::string_view name) const {
  const auto found = std::find_if(hosts_.begin(), hosts_.end(), [&](const auto& host) {
    return host.second.record.name == name;
  });
  return found == hosts_.end() ? nullptr : &found->second;
}

std::optional<HostRecord> HostTable::find(std::string_view name_or_uid) const {
  const std::lock_guard lock(mutex_);
  if (const Entry* entry = by_name(name_or_uid)) return entry->record;
  for (const auto& [id, entry] : hosts_) {
    if (entry.record.uid == name_or_uid) return entry.record;
  }
  return std::nullopt;
}

std::optional<HostRecord> HostTable::find(HostId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(id);
  if (found == hosts_.end()) return std::nullopt;
  return found->second.record;
}

std::optional<HostRecord> HostTable::find_by_token(const Sha256& token_hash) const {
  const std::lock_guard lock(mutex_);
  const Entry* match = nullptr;
  for (const auto& [id, entry] : hosts_) {  // all of them: no early end that could be timed
    if (equal_constant_time(view(entry.token), view(token_hash))) match = &entry;
  }
  if (match == nullptr) return std::nullopt;
  return match->record;
}

Result<HostRecord> HostTable::add(const std::string& name, const Sha256& token_hash) {
  if (const std::string problem = name_problem(name); !problem.empty()) return Error{problem};
  const std::lock_guard change(changes_);
  {
    const std::lock_guard lock(mutex_);
    if (by_name(name) != nullptr) return Error{"there is already a host named " + name};
  }
  if (find_by_token(token_hash)) return Error{"this token belongs to another host"};
  Entry entry;
  std::array<std::uint8_t, 8> uid{};
  random_bytes(uid);
  entry.record.uid = hex(uid);
  entry.record.name = name;
  entry.record.created_ms = clock_.wall_ms();
  entry.token = token_hash;
  write_([&](Connection& connection) {
    connection.query("INSERT INTO host(uid, name, token_hash, created_ms) VALUES (?,?,?,?)")
        .with(std::string_view(entry.record.uid), std::string_view(name),
              std::span<const std::uint8_t>(token_hash), entry.record.created_ms)
        .run();
    entry.record.id = HostId(static_cast<std::uint32_t>(connection.last_insert_id()));
  });
  const std::lock_guard lock(mutex_);
  hosts_.emplace(entry.record.id, entry);
  return entry.record;
}

Result<void> HostTable::set_disabled(HostId id, bool disabled) {
  const std::lock_guard change(changes_);
  if (!exists(id)) return no_such_host();
  write_([&](Connection& connection) {
    connection.query("UPDATE host SET disabled=? WHERE id=?")
        .with(std::int64_t{disabled}, number(id))
        .run();
  });
  const std::lock_guard lock(mutex_);
  hosts_.at(id).record.disabled = disabled;
  return {};
}

Result<void> HostTable::set_token(HostId id, const Sha256& token_hash) {
  const std::lock_guard change(changes_);
  if (!exists(id)) return no_such_host();
  if (find_by_token(token_hash)) return Error{"this token belongs to another host"};
  write_([&](Connection& connection) {
    connection.query("UPDATE host SET token_hash=? WHERE id=?")
        .with(std::span<const std::uint8_t>(token_hash), number(id))
        .run();
  });
  const std::lock_guard lock(mutex_);
  hosts_.at(id).token = token_hash;
  return {};
}

Result<void> HostTable::remove(HostId id) {
  const std::lock_guard change(changes_);
  if (!exists(id)) return no_such_host();
  write_([&](Connection& connection) {
    connection.query("UPDATE host SET removed=1 WHERE id=?").with(number(id)).run();
  });
  const std::lock_guard lock(mutex_);
  forget(id);
  return {};
}

void HostTable::forget(HostId id) {
  const auto found = hosts_.find(id);
  dying_.emplace(id, std::move(found->second.record.uid));
  hosts_.erase(found);
  seen_.erase(id);
}

Result<HostTable::Difference> HostTable::difference(std::span<const HostEntry> list) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string_view, const Entry*> known;
  for (const auto& [id, entry] : hosts_) known.emplace(entry.record.uid, &entry);
  std::set<std::string_view> leaving;
  for (const auto& [id, uid] : dying_) leaving.insert(uid);
  Difference difference;
  for (const HostEntry& wanted : list) {
    if (const std::string problem = name_problem(wanted.name); !problem.empty())
      return Error{problem};
    const auto found = known.find(wanted.uid);
    if (found != known.end()) {
      const Entry& here = *found->second;
      if (here.record.name != wanted.name) {
        return Error{"the host " + wanted.uid + " is called " + here.record.name + " here and " +
                     wanted.name + " there; a host keeps its name, so remove it and add another"};
      }
      if (here.token != wanted.token_hash || here.record.disabled != wanted.disabled)
        difference.changed.emplace_back(here.record.id, &wanted);
      known.erase(found);
    } else if (leaving.contains(wanted.uid)) {
      difference.waits = true;
    } else {
      difference.fresh.push_back(&wanted);
    }
  }
  for (const auto& [uid, entry] : known) difference.gone.push_back(entry->record.id);
  return difference;
}

std::vector<HostId> HostTable::write_difference(const Difference& difference, std::int64_t now_ms) {
  std::vector<HostId> fresh;
  write_([&](Connection& connection) {
    fresh.clear();
    for (const HostId id : difference.gone)
      connection.query("UPDATE host SET removed=1 WHERE id=?").with(number(id)).run();
    // Tokens are unique at each moment, also where two hosts change theirs for each other's.
    for (const auto& [id, wanted] : difference.changed)
      connection.query("UPDATE host SET token_hash=randomblob(32) WHERE id=?")
          .with(number(id))
          .run();
    for (const auto& [id, wanted] : difference.changed) {
      connection.query("UPDATE host SET token_hash=?, disabled=? WHERE id=?")
          .with(std::span<const std::uint8_t>(wanted->token_hash), std::int64_t{wanted->disabled},
                number(id))
          .run();
    }
    for (const HostEntry* wanted : difference.fresh) {
      connection
          .query("INSERT INTO host(uid, name, token_hash, disabled, created_ms) VALUES (?,?,?,?,?)")
          .with(std::string_view(wanted->uid), std::string_view(wanted->name),
                std::span<const std::uint8_t>(wanted->token_hash), std::int64_t{wanted->disabled},
                now_ms)
          .run();
      fresh.push_back(HostId(static_cast<std::uint32_t>(connection.last_insert_id())));
    }
  });
  return fresh;
}

HostChanges HostTable::apply(const Difference& difference, std::span<const HostId> fresh,
                             std::int64_t now_ms) {
  HostChanges changes;
  changes.removed = difference.gone;
  changes.added = fresh.size();
  changes.waits = difference.waits;
  const std::lock_guard lock(mutex_);
  for (const HostId id : difference.gone) forget(id);
  for (const auto& [id, wanted] : difference.changed) {
    Entry& entry = hosts_.at(id);
    if (wanted->disabled || entry.token != wanted->token_hash) changes.shut.push_back(id);
    entry.token = wanted->token_hash;
    entry.record.disabled = wanted->disabled;
  }
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const HostEntry& wanted = *difference.fresh[i];
    Entry entry;
    entry.record.id = fresh[i];
    entry.record.uid = wanted.uid;
    entry.record.name = wanted.name;
    entry.record.disabled = wanted.disabled;
    entry.record.created_ms = now_ms;
    entry.token = wanted.token_hash;
    hosts_.emplace(fresh[i], std::move(entry));
  }
  return changes;
}

Result<HostChanges> HostTable::assume(std::span<const HostEntry> list) {
  const std::lock_guard change(changes_);
  const auto found = difference(list);
  if (!found) return found.error();
  const std::int64_t now = clock_.wall_ms();
  std::vector<HostId> fresh;
  if (!found->gone.empty() || !found->changed.empty() || !found->fresh.empty())
    fresh = write_difference(*found, now);
  return apply(*found, fresh, now);
}

void HostTable::saw(HostId id, const std::string& agent_version, const std::string& facts_json,
                    std::int64_t clock_offset_ms, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(id);
  if (found == hosts_.end()) return;
  HostRecord& record = found->second.record;
  record.agent_version = agent_version;
  record.facts_json = facts_json;
  record.clock_offset_ms = clock_offset_ms;
  record.last_seen_ms = now_ms;
  seen_.insert(id);
}

std::map<HostId, std::string> HostTable::names() const {
  const std::lock_guard lock(mutex_);
  std::map<HostId, std::string> names;
  for (const auto& [id, entry] : hosts_) names.emplace(id, entry.record.name);
  return names;
}

bool HostTable::exists(HostId id) const {
  const std::lock_guard lock(mutex_);
  return hosts_.contains(id);
}

std::size_t HostTable::size() const {
  const std::lock_guard lock(mutex_);
  return hosts_.size();
}

std::vector<HostRecord> HostTable::seen() const {
  const std::lock_guard lock(mutex_);
  std::vector<HostRecord> hosts;
  for (const HostId id : seen_) hosts.push_back(hosts_.at(id).record);
  return hosts;
}

void HostTable::write_seen(Connection& connection, const std::vector<HostRecord>& hosts) {
  for (const HostRecord& host : hosts) {
    connection
        .query(
            "UPDATE host SET agent_version=?, facts_json=?, clock_offset_ms=?, last_seen_ms=?"
            " WHERE id=?")
        .with(std::string_view(host.agent_version), std::string_view(host.facts_json),
              host.clock_offset_ms, host.last_seen_ms, number(host.id))
        .run();
  }
}

void HostTable::clear_seen(const std::vector<HostRecord>& hosts) {
  const std::lock_guard lock(mutex_);
  for (const HostRecord& host : hosts) {
    const auto found = hosts_.find(host.id);
    const bool newer =
        found != hosts_.end() && found->second.record.last_seen_ms != host.last_seen_ms;
    if (!newer) seen_.erase(host.id);
  }
}

std::optional<HostId> HostTable::dying() const {
  const std::lock_guard lock(mutex_);
  if (dying_.empty()) return std::nullopt;
  return dying_.begin()->first;
}

void HostTable::died(HostId id) {
  const std::lock_guard lock(mutex_);
  dying_.erase(id);
}

}  // namespace volta
