// A BatchSink that remembers what it was given and answers when the test says so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/link.hpp"

namespace volta::test {

inline PushOutcome durable(std::uint64_t seq);

class FakeSink final : public BatchSink {
 public:
  // What the sink has seen; read it inside with().
  struct Seen {
    std::vector<Hello> hellos;
    std::vector<std::string> peers;
    std::vector<SeriesDef> series;
    std::vector<EncodedBatch> batches;
    std::deque<std::pair<std::uint64_t, PushDone>> unanswered;
    std::vector<RunId> runs;  // opened beside the first
    std::shared_ptr<AgentControl> control;
    int sessions = 0;  // alive
  };

  // Set before the first agent comes.
  std::optional<Refusal> refusal;
  std::optional<Refusal> run_refusal;  // of a run beside the first
  Welcome welcome{"host-1", 0, 1'795'226'940'000};
  bool answer_at_once = true;
  std::string define_problem;

  std::variant<OpenedSession, Refusal> open(const Hello& hello, const std::string& peer,
                                            std::shared_ptr<AgentControl> control) override {
    const std::lock_guard lock(mutex_);
    seen_.hellos.push_back(hello);
    seen_.peers.push_back(peer);
    changed_.notify_all();
    if (refusal) return *refusal;
    seen_.control = std::move(control);
    return OpenedSession{welcome, std::make_unique<Session>(*this)};
  }

  template <typename Use>
  auto with(Use use) {
    const std::lock_guard lock(mutex_);
    return use(seen_);
  }
  // False if `condition` does not come true in 20 s.
  template <typename Condition>
  bool wait_until(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return condition(seen_); });
  }

  // Answers the oldest unanswered push, from the caller's thread.
  void answer(PushOutcome outcome) {
    PushDone done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(seen_.unanswered.front().second);
      seen_.unanswered.pop_front();
    }
    done(std::move(outcome));
  }

 private:
  class Session final : public IngestSession {
   public:
    explicit Session(FakeSink& sink) : sink_(sink) { ++sink_.seen_.sessions; }
    ~Session() override {
      sink_.with([](Seen& seen) { --seen.sessions; });
      sink_.changed_.notify_all();
    }
    Result<void> define(std::vector<SeriesDef> series) override {
      if (!sink_.define_problem.empty()) return Error{sink_.define_problem};
      sink_.with([&](Seen& seen) {
        for (auto& one : series) seen.series.push_back(std::move(one));
      });
      sink_.changed_.notify_all();
      return {};
    }
    void push(EncodedBatch batch, PushDone done) override {
      PushOutcome outcome = durable(batch.seq);
      sink_.with([&](Seen& seen) {
        if (!sink_.answer_at_once) seen.unanswered.emplace_back(batch.seq, std::move(done));
        seen.batches.push_back(std::move(batch));
      });
      sink_.changed_.notify_all();
      if (sink_.answer_at_once) done(std::move(outcome));
    }
    std::variant<OpenedSession, Refusal> open_run(const RunId& run) override {
      sink_.with([&](Seen& seen) { seen.runs.push_back(run); });
      sink_.changed_.notify_all();
      if (sink_.run_refusal) return *sink_.run_refusal;
      Welcome beside = sink_.welcome;
      beside.durable_seq = 70;
      return OpenedSession{beside, std::make_unique<Session>(sink_)};
    }

   private:
    FakeSink& sink_;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  Seen seen_;
};

inline PushOutcome durable(std::uint64_t seq) {
  PushOutcome outcome;
  outcome.durable_seq = seq;
  return outcome;
}
inline PushOutcome refused(BatchFault fault, std::string text) {
  PushOutcome outcome;
  outcome.refused = fault;
  outcome.text = std::move(text);
  return outcome;
}
inline PushOutcome retry(std::chrono::milliseconds pause) {
  PushOutcome outcome;
  outcome.retry_after = pause;
  return outcome;
}
inline PushOutcome clone(std::string text) {
  PushOutcome outcome;
  outcome.new_run = true;
  outcome.text = std::move(text);
  return outcome;
}

inline Hello some_hello() {
  Hello hello;
  hello.token.fill(7);
  hello.run.fill(9);
  hello.host_name = "laptop";
  hello.agent_version = "0.1.0";
  hello.clock_ms = 1'795'226'940'123;
  hello.facts_json = R"({"os":"Debian 12"})";
  hello.last_seq = 3;
  return hello;
}

inline SeriesDef some_series(const std::string& mode) {
  SeriesDef series;
  series.name = "volta_cpu_seconds_total";
  series.labels = {{"cpu", "0"}, {"mode", mode}};
  series.kind = Kind::counter;
  series.type = ValueType::uint64;
  series.scale = 2;
  series.unit = "seconds";
  return series;
}

inline EncodedBatch some_batch(std::uint64_t seq, std::size_t payload = 100) {
  EncodedBatch batch;
  batch.seq = seq;
  batch.key_seq = 1;
  batch.slots = 2;
  batch.first_ms = 1'795'226'940'000;
  batch.last_ms = 1'795'226'949'000;
  batch.points = 20;
  for (std::size_t i = 0; i < payload; ++i) {
    batch.payload.push_back(static_cast<std::byte>(i * 37 + seq));
  }
  return batch;
}

}  // namespace volta::test
