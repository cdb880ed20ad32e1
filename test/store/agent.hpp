// An agent as the store sees one: it encodes batches, decodes them as the ingest does, and hands
// them to a journal.
#pragma once

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "base/assert.hpp"
#include "model/store.hpp"

namespace volta::test {

// A whole minute: where the samples of most cases begin, ms.
inline constexpr std::int64_t kStart = 1'795'226'940'000;

inline SeriesDef gauge(const std::string& name, Labels labels = {}) {
  SeriesDef def;
  def.name = name;
  def.labels = std::move(labels);
  return def;
}

inline SeriesDef counter(const std::string& name, Labels labels = {}) {
  SeriesDef def = gauge(name, std::move(labels));
  def.kind = Kind::counter;
  return def;
}

inline Sha256 token(std::uint8_t first) { return Sha256{first, 1, 2, 3}; }

inline RunId run_id(std::uint64_t number) {
  RunId run{};
  for (std::size_t i = 0; i < 8; ++i) run[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return run;
}

class Agent {
 public:
  Agent(Journal& journal, HostId host, const RunId& run)
      : journal_(&journal), host_(host), run_(run) {}

  Slot define(const SeriesDef& def) {
    auto grown = std::make_shared<std::vector<SeriesId>>(*series_);
    grown->push_back(journal_->resolve(host_, def));
    series_ = grown;
    return static_cast<Slot>(grown->size() - 1);
  }
  [[nodiscard]] SeriesId series(Slot slot) const { return (*series_)[slot]; }
  void tick(std::int64_t time_ms, std::span<const Reading> readings) {
    encoder_.add(time_ms, readings);
  }
  // What was ticked, as the next entry; `done` left empty.
  JournalEntry finish() {
    JournalEntry entry;
    entry.host = host_;
    entry.run = run_;
    entry.batch = encoder_.finish(static_cast<std::uint32_t>(series_->size()));
    auto decoded = decode_batch(entry.batch, key_);
    VOLTA_ASSERT(decoded.has_value());
    if (entry.batch.key_seq == entry.batch.seq) key_ = key_values(*decoded);
    entry.decoded = std::make_shared<const DecodedBatch>(std::move(*decoded));
    entry.series = series_;
    return entry;
  }
  // One tick of one slot.
  JournalEntry finish_one(Slot slot, std::int64_t time_ms = 1, std::uint64_t raw = 1) {
    tick(time_ms, std::vector<Reading>{{slot, raw}});
    return finish();
  }
  void force_keyframe() { encoder_.force_keyframe(); }

 private:
  Journal* journal_;
  HostId host_;
  RunId run_;
  std::shared_ptr<const std::vector<SeriesId>> series_ =
      std::make_shared<const std::vector<SeriesId>>();
  BatchEncoder encoder_;
  KeyValues key_;
};

// Appends and waits for the answer; empty: append() refused.
inline std::optional<CommitState> commit(Journal& journal, JournalEntry entry) {
  auto answer = std::make_shared<std::promise<CommitState>>();
  auto future = answer->get_future();
  entry.done = [answer](CommitState state) { answer->set_value(state); };
  if (!journal.append(std::move(entry))) return std::nullopt;
  VOLTA_ASSERT(future.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
  return future.get();
}

}  // namespace volta::test
