// A journal and a host directory in memory, and an agent's control that only remembers. For one
// thread, but for the journal's resolve().
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "model/host_list.hpp"
#include "model/link.hpp"
#include "model/store.hpp"

namespace volta::test {

constexpr HostToken kToken{1, 2, 3};
constexpr RunId kRun{7};

inline Sha256 token_hash(const HostToken& token) { return sha256(std::as_bytes(std::span(token))); }

class FakeJournal final : public Journal {
 public:
  struct Row {
    HostId host{};
    RunId run{};
    std::uint64_t seq = 0;
    std::shared_ptr<const DecodedBatch> decoded;
    std::shared_ptr<const std::vector<SeriesId>> series;
  };

  bool commit_at_once = true;
  bool full = false;    // append() takes nothing
  bool broken = false;  // resolve() and run_state() throw
  std::vector<Row> rows;
  std::deque<JournalEntry> queue;
  std::map<std::pair<HostId, RunId>, RunState> runs;

  SeriesId resolve(HostId host, const SeriesDef& series) override {
    if (broken) throw Failure("the fake journal is broken");
    const auto key = std::pair(host, series.name + label_text(series.labels));
    return ids_.emplace(key, SeriesId{static_cast<std::uint32_t>(ids_.size() + 1)}).first->second;
  }
  RunState run_state(HostId host, const RunId& run) const override {
    if (broken) throw Failure("the fake journal is broken");
    const auto found = runs.find({host, run});
    return found == runs.end() ? RunState{} : found->second;
  }
  bool append(JournalEntry entry) override {
    if (full) return false;
    queue.push_back(std::move(entry));
    if (commit_at_once) commit();
    return true;
  }

  // The oldest entry of the queue; false if there is none.
  bool commit() {
    if (queue.empty()) return false;
    JournalEntry entry = std::move(queue.front());
    queue.pop_front();
    RunState& state = runs[{entry.host, entry.run}];
    VOLTA_ASSERT(entry.batch.seq > state.durable_seq);
    VOLTA_ASSERT(entry.batch.key_seq == entry.batch.seq || entry.batch.key_seq == state.key_seq);
    state.durable_seq = entry.batch.seq;
    state.last_hash = sha256(entry.batch.payload);
    if (entry.batch.key_seq == entry.batch.seq) {
      state.key_seq = entry.batch.seq;
      state.key = key_values(*entry.decoded);
    }
    rows.push_back({entry.host, entry.run, entry.batch.seq, entry.decoded, entry.series});
    entry.done(CommitState::committed);
    return true;
  }
  bool fail(CommitState why) {
    if (queue.empty()) return false;
    JournalEntry entry = std::move(queue.front());
    queue.pop_front();
    entry.done(why);
    return true;
  }
  // As kill -9 would: nobody is told.
  void crash() { queue.clear(); }

 private:
  std::map<std::pair<HostId, std::string>, SeriesId> ids_;
};

class FakeDirectory final : public HostDirectory, public HostList {
 public:
  std::vector<HostRecord> records;
  std::map<HostId, Sha256> tokens;
  bool broken = false;
  bool waits = false;                 // said of each list
  std::string refusal;                // of each list
  std::vector<std::int64_t> offsets;  // of each saw()

  std::vector<HostRecord> list() const override { return records; }
  std::optional<HostRecord> find(std::string_view name_or_uid) const override {
    for (const HostRecord& record : records) {
      if (record.name == name_or_uid || record.uid == name_or_uid) return record;
    }
    return std::nullopt;
  }
  std::optional<HostRecord> find(HostId id) const override {
    for (const HostRecord& record : records) {
      if (record.id == id) return record;
    }
    return std::nullopt;
  }
  std::optional<HostRecord> find_by_token(const Sha256& hash) const override {
    if (broken) throw Failure("the fake directory is broken");
    for (const auto& [id, token] : tokens) {
      if (token == hash) return find(id);
    }
    return std::nullopt;
  }
  Result<HostRecord> add(const std::string& name, const Sha256& hash) override {
    if (name.empty() || find(name)) return Error{"the name is taken or empty"};
    HostRecord record;
    record.id = HostId{++last_id_};
    record.uid = "uid-" + std::to_string(last_id_);
    record.name = name;
    tokens[record.id] = hash;
    records.push_back(record);
    return record;
  }
  Result<void> set_disabled(HostId id, bool disabled) override {
    for (HostRecord& record : records) {
      if (record.id == id) record.disabled = disabled;
    }
    return {};
  }
  Result<void> set_token(HostId id, const Sha256& hash) override {
    tokens[id] = hash;
    return {};
  }
  Result<void> remove(HostId id) override {
    std::erase_if(records, [&](const HostRecord& record) { return record.id == id; });
    tokens.erase(id);
    return {};
  }
  // One that was removed with the last list is on its way out until `waits` is reset.
  Result<HostChanges> assume(std::span<const HostEntry> list) override {
    if (broken) throw Failure("the fake directory is broken");
    if (!refusal.empty()) return Error{refusal};
    HostChanges changes;
    changes.waits = waits;
    const auto all = records;
    for (const HostRecord& record : all) {
      const bool stays = std::any_of(list.begin(), list.end(), [&](const HostEntry& entry) {
        return entry.uid == record.uid;
      });
      if (!stays) {
        changes.removed.push_back(record.id);
        static_cast<void>(remove(record.id));
      }
    }
    for (const HostEntry& entry : list) {
      if (const auto known = find(entry.uid)) {
        const bool other_token = tokens[known->id] != entry.token_hash;
        if (other_token || (entry.disabled && !known->disabled)) changes.shut.push_back(known->id);
      } else {
        HostRecord record;
        record.id = HostId{++last_id_};
        record.uid = entry.uid;
        record.name = entry.name;
        records.push_back(record);
        ++changes.added;
      }
      const HostId id = find(entry.uid)->id;
      tokens[id] = entry.token_hash;
      static_cast<void>(set_disabled(id, entry.disabled));
    }
    return changes;
  }
  void saw(HostId, const std::string&, const std::string&, std::int64_t offset,
           std::int64_t) override {
    offsets.push_back(offset);
  }

 private:
  std::uint32_t last_id_ = 0;
};

class FakeControl final : public AgentControl {
 public:
  std::vector<bool> lives;
  std::vector<std::string> closed;
  bool plain = false;
  void live(bool on) override { lives.push_back(on); }
  void retry_after(std::chrono::milliseconds) override {}
  void close(const std::string& reason) override { closed.push_back(reason); }
  [[nodiscard]] bool plaintext() const override { return plain; }
};

// What a push was answered with.
struct Answers {
  std::vector<PushOutcome> all;
  PushDone one() {
    return [this](PushOutcome outcome) { all.push_back(std::move(outcome)); };
  }
};

inline SeriesDef gauge(const std::string& name) {
  SeriesDef def;
  def.name = name;
  return def;
}

}  // namespace volta::test
