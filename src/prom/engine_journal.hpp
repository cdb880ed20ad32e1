// Where committed samples go when another engine keeps them: agents' batches and foreign samples
// are written to it, and count as committed once it has answered 2xx. volta's own store then takes
// the batch as well, for an hour or so: how far each run is durable, what the page shows live and
// which hosts there are stays with volta.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "model/exposition.hpp"
#include "model/sample_sink.hpp"
#include "model/store.hpp"
#include "prom/engine_client.hpp"
#include "prom/label_cache.hpp"

namespace volta {

struct EngineJournalParts {
  Journal& local;
  const HostDirectory& hosts;
  const SeriesIndex& series;
  const EngineClient& engine;
  std::function<double()> random;  // uniform in [0, 1), from any thread
};

// Thread-safe.
class EngineJournal final : public Journal, public SelfMetrics {
 public:
  struct Limits {
    std::size_t queue_points = 2'000'000;  // beyond that append() refuses
    std::size_t request_points = 20'000;   // of one request; a larger batch goes alone
    std::size_t writers = 4;               // threads, each with one request under way
  };

  // Starts the threads. Everything passed must live longer.
  explicit EngineJournal(EngineJournalParts parts) : EngineJournal(std::move(parts), Limits{}) {}
  EngineJournal(EngineJournalParts parts, Limits limits);
  ~EngineJournal() override { stop(); }
  EngineJournal(const EngineJournal&) = delete;
  EngineJournal& operator=(const EngineJournal&) = delete;

  SeriesId resolve(HostId host, const SeriesDef& series) override;
  [[nodiscard]] RunState run_state(HostId host, const RunId& run) const override {
    return parts_.local.run_state(host, run);
  }
  // False also after stop(). Entries of one run stay in their order because nobody appends the next
  // before `done` of the last was called (fleet/run_feed.hpp).
  bool append(JournalEntry entry) override;

  // Breaks off what is on its way; what was not acknowledged comes again from the agents.
  void stop();
  [[nodiscard]] bool reachable() const { return reachable_; }

  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  struct KnownSeries {
    std::shared_ptr<const Labels> labels;  // with `__name__` and `host`
    ValueType type = ValueType::int64;
    std::int8_t scale = 0;
  };

  void work();
  std::vector<JournalEntry> take();
  bool deliver(std::span<const LabeledSamples> samples);
  void add_samples(const JournalEntry& entry, std::vector<LabeledSamples>& out);
  KnownSeries known(HostId host, SeriesId series);
  void remember(const SeriesRecord& record, const std::string& host);
  void pause(std::chrono::milliseconds wait);
  void complain(const std::string& what, const std::string& why);

  const EngineJournalParts parts_;
  const Limits limits_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<JournalEntry> queue_;  // behind mutex_, as all down to the next blank line
  std::size_t queued_points_ = 0;
  std::string complaint_;  // what was logged last; "" since all is well

  std::mutex series_mutex_;
  std::unordered_map<SeriesId, KnownSeries> series_;  // a cache; behind series_mutex_

  std::atomic<std::uint64_t> sent_{0}, refused_{0}, failed_{0};
  std::atomic<bool> reachable_{true};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

// Foreign samples, written through on the caller's thread.
class EngineSink final : public SampleSink {
 public:
  explicit EngineSink(const EngineClient& engine) : engine_(engine) {}  // must live longer
  WriteOutcome write(std::span<const LabeledSamples> series) override;
  WriteOutcome write_keyed(const KeyedSamples& samples) override;
  // Not passed on: remote write 1.0 has no agreed place for it.
  void describe(std::span<const MetricMetadata> /*metrics*/) override {}

 private:
  const EngineClient& engine_;
  LabelCache labels_;  // locks itself
};

}  // namespace volta
