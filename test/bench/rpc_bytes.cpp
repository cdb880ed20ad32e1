// What the wire costs: bytes on the socket and CPU time per push, and how long an answer takes, for
// 200 and 500 series in batches of 10 ticks and live. The values are like a host's: a quarter of
// the series change each tick. Prints a table; the promises are <= 1.0 byte a sample in batches and
// <= 4 live at 200 series, <= 1 ms at the 99th percentile.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>
#include <vector>

#include "model/batch.hpp"
#include "rpc/client.hpp"
#include "rpc/fake_sink.hpp"
#include "rpc/server.hpp"

namespace volta {
namespace {

using Clock = std::chrono::steady_clock;

double cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// Acknowledges at once and keeps nothing.
class QuickSink final : public BatchSink {
 public:
  std::variant<OpenedSession, Refusal> open(const Hello& /*hello*/, const std::string& /*peer*/,
                                            std::shared_ptr<AgentControl> /*control*/) override {
    return OpenedSession{{"host", 0, 0}, std::make_unique<Session>()};
  }

 private:
  class Session final : public IngestSession {
   public:
    Result<void> define(std::vector<SeriesDef> /*series*/) override { return {}; }
    void push(EncodedBatch batch, PushDone done) override {
      PushOutcome outcome;
      outcome.durable_seq = batch.seq;
      done(std::move(outcome));
    }
    std::variant<OpenedSession, Refusal> open_run(const RunId& /*run*/) override {
      return Refusal{};
    }
  };
};

class Host {
 public:
  explicit Host(std::uint32_t series) : values_(series) {
    for (auto& value : values_) value = random_() % 1'000'000'000;
  }
  EncodedBatch batch(int ticks) {
    std::vector<Reading> readings(values_.size());
    for (int tick = 0; tick < ticks; ++tick) {
      for (Slot slot = 0; slot < values_.size(); ++slot) {
        if (slot % 4 == 0) values_[slot] += random_() % 3000;
        readings[slot] = {slot, values_[slot]};
      }
      encoder_.add(now_ms_ += 1000, readings);
    }
    return encoder_.finish(static_cast<std::uint32_t>(values_.size()));
  }

 private:
  std::mt19937_64 random_{1};
  std::vector<std::uint64_t> values_;
  BatchEncoder encoder_;
  std::int64_t now_ms_ = 1'795'226'940'000;
};

void measure(std::uint32_t series, int ticks) {
  constexpr int kPushes = 3000;
  QuickSink sink;
  RpcServerOptions options;
  options.port = 0;
  RpcServer server(options, sink);
  RpcAgentLink link({"127.0.0.1", server.port(), false, std::chrono::seconds(10)});
  if (!std::holds_alternative<Welcome>(link.open(test::some_hello()))) return;
  Host host(series);
  std::vector<EncodedBatch> batches;
  std::size_t payload = 0;
  for (int i = 0; i < kPushes; ++i) {
    batches.push_back(host.batch(ticks));
    payload += batches.back().payload.size();
  }
  const auto sent = link.bytes_sent();
  const auto received = link.bytes_received();
  const double cpu = cpu_us();
  std::vector<double> latencies;
  for (const EncodedBatch& batch : batches) {
    const auto begin = Clock::now();
    link.push(batch);
    if (!link.wait(std::chrono::seconds(10))) return;
    latencies.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  const double cpu_per_push = (cpu_us() - cpu) / kPushes;
  std::sort(latencies.begin(), latencies.end());
  const double out = static_cast<double>(link.bytes_sent() - sent) / kPushes;
  const double back = static_cast<double>(link.bytes_received() - received) / kPushes;
  const double body = static_cast<double>(payload) / kPushes;
  std::printf("%6u %5d %9.1f %9.1f %9.1f %9.1f %9.3f %9.1f %9.1f %9.1f\n", series, ticks, body, out,
              out - body, back, (out + back) / (static_cast<double>(series) * ticks), cpu_per_push,
              latencies[latencies.size() / 2], latencies[latencies.size() * 99 / 100]);
}

}  // namespace
}  // namespace volta

int main() {
  std::printf("%6s %5s %9s %9s %9s %9s %9s %9s %9s %9s\n", "series", "ticks", "payload", "out",
              "overhead", "back", "B/sample", "CPU us", "p50 us", "p99 us");
  for (const std::uint32_t series : {200U, 500U}) {
    for (const int ticks : {1, 10}) volta::measure(series, ticks);
  }
}
