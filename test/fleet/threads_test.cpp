// Link, journal and people at once, each on a thread of its own: for the thread sanitizer, and to
// see that order and number survive it.
#include <thread>

#include <catch2/catch.hpp>

#include "base/bounded_queue.hpp"
#include "base/guarded.hpp"
#include "fleet/fakes.hpp"
#include "fleet/hosts.hpp"
#include "fleet/ingest.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

// Commits on its own thread; every seventh commit fails.
class SlowJournal final : public Journal {
 public:
  SeriesId resolve(HostId, const SeriesDef&) override { return SeriesId{1}; }
  RunState run_state(HostId, const RunId&) const override {
    const std::lock_guard lock(mutex_);
    return state_;
  }
  bool append(JournalEntry entry) override { return queue_.try_push(entry); }

  void run() {
    for (int n = 1; auto entry = queue_.pop(std::chrono::hours(1)); ++n) {
      if (n % 7 == 0) {
        entry->done(CommitState::failed);
        continue;
      }
      {
        const std::lock_guard lock(mutex_);
        VOLTA_ASSERT(entry->batch.seq == state_.durable_seq + 1);
        state_.durable_seq = entry->batch.seq;
        state_.last_hash = sha256(entry->batch.payload);
        if (entry->batch.key_seq == entry->batch.seq) {
          state_.key_seq = entry->batch.seq;
          state_.key = key_values(*entry->decoded);
        }
      }
      entry->done(CommitState::committed);
    }
  }
  void close() { queue_.close(); }

 private:
  mutable std::mutex mutex_;
  RunState state_;
  BoundedQueue<JournalEntry> queue_{64};
};

// A directory that several threads may use.
class SharedDirectory final : public HostDirectory {
 public:
  explicit SharedDirectory(Guarded<test::FakeDirectory>& all) : all_(all) {}
  std::vector<HostRecord> list() const override {
    return all_.with([&](auto& all) { return all.list(); });
  }
  std::optional<HostRecord> find(std::string_view name) const override {
    return all_.with([&](auto& all) { return all.find(name); });
  }
  std::optional<HostRecord> find(HostId id) const override {
    return all_.with([&](auto& all) { return all.find(id); });
  }
  std::optional<HostRecord> find_by_token(const Sha256& hash) const override {
    return all_.with([&](auto& all) { return all.find_by_token(hash); });
  }
  Result<HostRecord> add(const std::string&, const Sha256&) override { return Error{"no"}; }
  Result<void> set_disabled(HostId id, bool disabled) override {
    return all_.with([&](auto& all) { return all.set_disabled(id, disabled); });
  }
  Result<void> set_token(HostId, const Sha256&) override { return Error{"no"}; }
  Result<void> remove(HostId) override { return Error{"no"}; }
  void saw(HostId, const std::string&, const std::string&, std::int64_t, std::int64_t) override {}

 private:
  Guarded<test::FakeDirectory>& all_;
};

// Sends all batches, the open ones again when they are put off, until all are durable.
void deliver(Ingest& ingest, const Clock& clock, const std::vector<EncodedBatch>& batches) {
  Hello hello;
  hello.token = test::kToken;
  hello.run = test::kRun;
  hello.facts_json = "{}";
  hello.clock_ms = clock.wall_ms();
  std::uint64_t durable = 0;
  while (durable < batches.size()) {
    auto opened = ingest.open(hello, "peer", std::make_shared<test::FakeControl>());
    if (std::holds_alternative<Refusal>(opened)) continue;  // disabled for a moment
    auto& session = std::get<OpenedSession>(opened).session;
    durable = std::get<OpenedSession>(opened).welcome.durable_seq;
    REQUIRE(session->define({test::gauge("m")}));
    const auto answers = std::make_shared<BoundedQueue<PushOutcome>>(64);
    for (int round = 0; round < 3 && durable < batches.size(); ++round) {
      const std::size_t count = std::min<std::size_t>(8, batches.size() - durable);
      for (std::size_t i = 0; i < count; ++i) {
        session->push(batches[durable + i],
                      [answers](PushOutcome outcome) { answers->try_push(outcome); });
      }
      for (std::size_t i = 0; i < count; ++i) {
        const auto outcome = answers->pop(std::chrono::minutes(1));
        REQUIRE(outcome);
        REQUIRE_FALSE(outcome->new_run);
        REQUIRE_FALSE(outcome->refused);
        durable = std::max(durable, outcome->durable_seq);
      }
    }
  }
}

TEST_CASE("batches stay in order while people watch, disable and enable the host") {
  const test::FakeClock clock;
  Guarded<test::FakeDirectory> directory;
  REQUIRE(directory.with(
      [](auto& all) { return all.add("alpha", test::token_hash(test::kToken)).has_value(); }));
  SharedDirectory shared(directory);

  SlowJournal journal;
  LinkTable links(clock);
  IngestOptions options;
  options.batch_burst = 1e9;
  Ingest ingest(shared, journal, links, clock, {}, options);
  Hosts hosts(shared, links, clock);
  std::vector<EncodedBatch> batches;
  BatchEncoder encoder;
  for (std::uint64_t i = 0; i < 400; ++i) {
    if (i % 50 == 49) encoder.force_keyframe();
    encoder.add(clock.wall_ms(), std::vector<Reading>{{0, i}});
    batches.push_back(encoder.finish(1));
  }

  std::thread writer([&] { journal.run(); });
  std::atomic<bool> done{false};
  std::thread people([&] {
    for (int i = 0; !done; ++i) {
      hosts.watch(HostId{1}, i % 2 == 0);
      std::vector<MetricFamily> families;
      hosts.append_to(families);
      ingest.append_to(families);
      if (hosts.hosts().size() != 1) std::abort();
      if (i % 50 == 0 && !hosts.set_disabled("alpha", true)) std::abort();
      if (!hosts.set_disabled("alpha", false)) std::abort();
      std::this_thread::yield();
    }
  });
  deliver(ingest, clock, batches);
  done = true;
  people.join();
  journal.close();
  writer.join();
  CHECK(journal.run_state(HostId{1}, test::kRun).durable_seq == batches.size());
}

}  // namespace
}  // namespace volta
