// The thread around batcher and sender. The link answers like a server that commits at once.
#include "uplink/uplink.hpp"

#include <catch2/catch.hpp>

#include "base/guarded.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;

struct Seen {
  std::vector<EncodedBatch> pushed;
  std::vector<SeriesDef> named;
  int opens = 0;
  bool closed = false;
};

// Blocks in wait() as a real one does.
class EchoLink final : public AgentLink {
 public:
  EchoLink(Guarded<Seen>& seen, bool away, bool mute) : seen_(seen), away_(away), mute_(mute) {}
  std::variant<Welcome, Refusal> open(const Hello&) override {
    seen_.with([](Seen& seen) { ++seen.opens; });
    if (away_) return Refusal{RefusalReason::unreachable, "nobody there", 1h};
    return Welcome{"uid", 0, 0};
  }
  void close() override {
    seen_.with([](Seen& seen) { seen.closed = true; });
  }
  void define(std::span<const SeriesDef> series) override {
    seen_.with(
        [&](Seen& seen) { seen.named.insert(seen.named.end(), series.begin(), series.end()); });
  }
  void push(const EncodedBatch& batch) override {
    bytes_ += batch.payload.size();
    durable_ = batch.seq;
    answer_ = !mute_;
    seen_.with([&](Seen& seen) { seen.pushed.push_back(batch); });
  }
  void open_backlog(const RunId&, std::uint64_t) override { opened_ = !mute_; }
  void push_backlog(const EncodedBatch& batch) override {
    bytes_ += batch.payload.size();
    drained_ = batch.seq;
    seen_.with([&](Seen& seen) { seen.pushed.push_back(batch); });
  }
  void close_backlog() override {}
  std::optional<LinkEvent> wait(std::chrono::milliseconds patience) override {
    if (std::exchange(opened_, false)) return BacklogOpened{0};
    if (const auto seq = std::exchange(drained_, 0)) return Acknowledged{seq, Lane::backlog};
    if (std::exchange(answer_, false)) return Acknowledged{durable_};
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return awake_; });
    awake_ = false;
    return std::nullopt;
  }
  void wake() override {
    const std::lock_guard lock(mutex_);
    awake_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] std::uint64_t bytes_sent() const override { return bytes_; }
  [[nodiscard]] std::uint64_t bytes_received() const override { return 0; }

 private:
  Guarded<Seen>& seen_;
  const bool away_;
  const bool mute_;
  bool answer_ = false;
  bool opened_ = false;
  std::uint64_t drained_ = 0;
  std::uint64_t durable_ = 0;
  std::uint64_t bytes_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = false;
};

struct UplinkFixture {
  Guarded<Seen> seen;
  Uplink uplink;
  Layout layout;
  Tick tick{layout};
  std::chrono::nanoseconds now = 1000s;

  explicit UplinkFixture(bool away = false, bool mute = false,
                         const std::filesystem::path& spool = {})
      : uplink(std::make_unique<EchoLink>(seen, away, mute), system_clock(), options(spool)) {}
  static UplinkOptions options(const std::filesystem::path& spool) {
    UplinkOptions out;
    out.farewell = 200ms;
    out.spool_folder = spool;
    out.spool_bytes = spool.empty() ? 0 : 1U << 20U;
    return out;
  }
  void wait_until_empty() {
    const auto end = system_clock().monotonic() + 30s;
    while (uplink.counters().buffered_batches > 1 && system_clock().monotonic() < end) {
      std::this_thread::yield();
    }
  }
  void add(int count) {
    for (int i = 0; i < count; ++i) {
      now += 1s;
      tick.begin(now / 1ms, now);
      SeriesDef def;
      def.name = "m";
      tick.set(tick.define(std::move(def)), i);
      uplink.on_tick(tick);
    }
  }
};

TEST_CASE("everything that was ticked has arrived when stop() returns") {
  UplinkFixture f;
  f.uplink.start();
  f.add(25);
  f.uplink.stop();
  f.uplink.stop();
  CHECK(f.uplink.counters().buffered_batches == 0);
  CHECK(f.uplink.counters().dropped_batches == 0);
  f.seen.with([&](const Seen& seen) {
    CHECK(seen.closed);
    std::size_t points = 0;
    std::size_t bytes = 0;
    for (const EncodedBatch& batch : seen.pushed) {
      points += batch.points;
      bytes += batch.payload.size();
    }
    CHECK(points == 25);
    CHECK(f.uplink.counters().sent_bytes == bytes);
  });
}

TEST_CASE("stop() does not wait long for a server that is away or does not answer") {
  const bool away = GENERATE(true, false);
  UplinkFixture f(away, !away);
  f.uplink.start();
  f.add(25);
  const auto before = system_clock().monotonic();
  f.uplink.stop();
  CHECK(system_clock().monotonic() - before < 30s);
  CHECK(f.uplink.counters().buffered_batches == 4);
}

TEST_CASE("what an uplink has kept the next one sends, whatever slots its own series would have") {
  const test::TempDir dir;
  {
    UplinkFixture f(true, false, dir.path() / "spool");
    f.uplink.start();
    f.add(25);
    f.uplink.stop();
    CHECK(f.uplink.counters().buffered_batches == 4);
  }
  UplinkFixture f(false, false, dir.path() / "spool");
  SeriesDef other;
  other.name = "other";
  f.tick.define(std::move(other));
  CHECK(f.uplink.counters().buffered_batches == 4);
  f.uplink.start();
  f.add(25);
  f.wait_until_empty();
  f.uplink.stop();
  f.seen.with([&](const Seen& seen) {
    std::size_t points = 0;
    for (const EncodedBatch& batch : seen.pushed) points += batch.points;
    CHECK(points == 50);
    REQUIRE(seen.named.size() == 2);
    CHECK(seen.named[0].name == "m");  // as the first uplink had it
    CHECK(seen.named[1].name == "other");
  });
}

TEST_CASE("an uplink that was never started stops") {
  UplinkFixture f;
  f.add(1);
  f.uplink.stop();
  CHECK(f.seen.with([](const Seen& seen) { return seen.opens; }) == 0);
}

}  // namespace
}  // namespace volta
