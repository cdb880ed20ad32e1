// The hosts, in memory and in their table. Changes are committed before the call returns, except
// `saw`, which is written within a few seconds.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "model/host_list.hpp"
#include "model/store.hpp"
#include "store/sqlite.hpp"

namespace volta {

// Thread-safe. Calls that change something wait for the writer and throw Failure where the disk
// fails.
class HostTable final : public HostDirectory, public HostList {
 public:
  // Runs work in a transaction of its own on the writer's thread and waits for its commit.
  using Write = std::function<void(const std::function<void(Connection&)>&)>;

  explicit HostTable(const Clock& clock) : clock_(clock) {}
  void load(Connection& connection);
  // Once, before any call that changes something.
  void set_writer(Write write) { write_ = std::move(write); }

  [[nodiscard]] std::vector<HostRecord> list() const override;
  [[nodiscard]] std::optional<HostRecord> find(std::string_view name_or_uid) const override;
  [[nodiscard]] std::optional<HostRecord> find(HostId id) const override;
  [[nodiscard]] std::optional<HostRecord> find_by_token(const Sha256& token_hash) const override;
  Result<HostRecord> add(const std::string& name, const Sha256& token_hash) override;
  Result<void> set_disabled(HostId id, bool disabled) override;
  Result<void> set_token(HostId id, const Sha256& token_hash) override;
  // The host is gone at once; its data are deleted in the background.
  Result<void> remove(HostId id) override;
  void saw(HostId id, const std::string& agent_version, const std::string& facts_json,
           std::int64_t clock_offset_ms, std::int64_t now_ms) override;
  Result<HostChanges> assume(std::span<const HostEntry> list) override;

  [[nodiscard]] std::map<HostId, std::string> names() const;

  // For the writer.
  [[nodiscard]] bool exists(HostId id) const;
  [[nodiscard]] std::size_t size() const;
  // What `saw` left to be written; after the commit of write_seen it is cleared.
  std::vector<HostRecord> seen() const;
  static void write_seen(Connection& connection, const std::vector<HostRecord>& hosts);
  void clear_seen(const std::vector<HostRecord>& hosts);
  // Removed hosts whose data are still being deleted.
  [[nodiscard]] std::optional<HostId> dying() const;
  void died(HostId id);

 private:
  struct Entry {
    HostRecord record;
    Sha256 token{};
  };
  // How a list differs from what is there.
  struct Difference {
    std::vector<HostId> gone;
    std::vector<std::pair<HostId, const HostEntry*>> changed;
    std::vector<const HostEntry*> fresh;
    bool waits = false;
  };
  [[nodiscard]] const Entry* by_name(std::string_view name) const;  // under mutex_
  void forget(HostId id);                                           // under mutex_
  [[nodiscard]] Result<Difference> difference(std::span<const HostEntry> list) const;
  // The ids of the fresh ones.
  std::vector<HostId> write_difference(const Difference& difference, std::int64_t now_ms);
  HostChanges apply(const Difference& difference, std::span<const HostId> fresh,
                    std::int64_t now_ms);

  const Clock& clock_;
  Write write_;
  std::mutex changes_;        // one change at a time; taken before mutex_
  mutable std::mutex mutex_;  // never held while waiting for the writer
  std::map<HostId, Entry> hosts_;
  std::set<HostId> seen_;
  std::map<HostId, std::string> dying_;  // with their uids
};

}  // namespace volta
