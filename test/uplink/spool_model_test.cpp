// Agents that are killed and started again while a server comes and goes: whatever the order, each
// tick arrives exactly once.
#include <csignal>
#include <map>
#include <set>

#include <catch2/catch.hpp>
#include <sys/resource.h>

#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/stderr.hpp"
#include "uplink/sender.hpp"
#include "uplink/slot_map.hpp"
#include "uplink/spool_fixture.hpp"
#include "uplink/spooler.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;

// What every tick says of a series, so that nothing can be mixed up.
std::uint64_t value_of(const std::string& name, std::int64_t time_ms) {
  return (std::hash<std::string>()(name) ^ static_cast<std::uint64_t>(time_ms)) * 0x9e37'79b9 %
         1'000'000;
}

// Keeps what it commits; the test decides when it answers.
struct FakeServer {
  struct Run {
    std::uint64_t durable = 0;
    std::uint64_t key_seq = 0;
    KeyValues key;
  };
  bool up = true;
  std::string host_id = "uid";
  std::map<RunId, Run> runs;
  std::map<std::pair<std::int64_t, std::string>, int> samples;  // how often each came
  int wrong_values = 0;

  // Empty: committed.
  std::optional<BatchFault> commit(const RunId& id, const EncodedBatch& batch,
                                   const std::vector<SeriesDef>& layout) {
    Run& run = runs[id];
    if (batch.seq <= run.durable) return std::nullopt;
    const bool keyframe = batch.seq == batch.key_seq;
    if (!keyframe && batch.key_seq != run.key_seq) return BatchFault::unknown_keyframe;
    const auto decoded = decode_batch(batch, keyframe ? KeyValues() : run.key);
    if (!decoded || decoded->slots > layout.size()) return BatchFault::malformed;
    for (std::size_t tick = 0; tick < decoded->ticks(); ++tick) {
      for (Slot slot = 0; slot < decoded->slots; ++slot) {
        if (decoded->present[decoded->at(slot, tick)] == 0) continue;
        const std::int64_t time = decoded->times_ms[tick];
        ++samples[{time, layout[slot].name}];
        wrong_values +=
            decoded->values[decoded->at(slot, tick)] != value_of(layout[slot].name, time);
      }
    }
    run.durable = batch.seq;
    if (keyframe) {
      run.key_seq = batch.seq;
      run.key = key_values(*decoded);
    }
    return std::nullopt;
  }
};

class ServerLink final : public AgentLink {
 public:
  explicit ServerLink(FakeServer& server) : server_(server) {}
  std::variant<Welcome, Refusal> open(const Hello& hello) override {
    if (!server_.up) return Refusal{};
    close();
    run_ = hello.run;
    return Welcome{server_.host_id, server_.runs[run_].durable, 0};
  }
  void close() override {
    layout_.clear();
    events_.clear();
  }
  void define(std::span<const SeriesDef> series) override {
    layout_.insert(layout_.end(), series.begin(), series.end());
  }
  void push(const EncodedBatch& batch) override { take(Lane::now, run_, batch); }
  void open_backlog(const RunId& run, std::uint64_t) override {
    backlog_ = run;
    events_.emplace_back(BacklogOpened{server_.runs[run].durable});
  }
  void push_backlog(const EncodedBatch& batch) override { take(Lane::backlog, backlog_, batch); }
  void close_backlog() override {}
  std::optional<LinkEvent> wait(std::chrono::milliseconds) override {
    if (!server_.up) return LinkClosed{"away"};
    if (events_.empty()) return std::nullopt;
    LinkEvent event = events_.front();
    events_.erase(events_.begin());
    return event;
  }
  void wake() override {}
  [[nodiscard]] std::uint64_t bytes_sent() const override { return 0; }
  [[nodiscard]] std::uint64_t bytes_received() const override { return 0; }

 private:
  // Committed at once; whether the answer is heard is another matter.
  void take(Lane lane, const RunId& run, const EncodedBatch& batch) {
    if (!server_.up) return;
    if (const auto fault = server_.commit(run, batch, layout_)) {
      events_.emplace_back(BatchRefused{batch.seq, *fault, "?", lane});
    } else {
      events_.emplace_back(Acknowledged{server_.runs[run].durable, lane});
    }
  }

  FakeServer& server_;
  RunId run_{};
  RunId backlog_{};
  std::vector<SeriesDef> layout_;
  std::vector<LinkEvent> events_;
};

// All of an agent but its threads. To destroy it is to kill it.
struct FakeAgent {
  test::FakeClock& clock;
  Outbox outbox;
  Spooler spooler;
  SlotMap slots;
  BatchWishes wishes;
  Batcher batcher;
  ServerLink link;
  Sender sender;
  Layout layout;
  Tick tick{layout};

  FakeAgent(test::FakeClock& time, FakeServer& server, const std::filesystem::path& folder,
            std::function<RunId()> new_run, std::uint64_t limit = 64U << 20U)
      : clock(time),
        outbox({10min, 8U << 20U, 4096}),  // so that little of a backlog is in memory
        spooler(outbox, clock, folder, limit),
        slots(outbox.series(0)),
        batcher(outbox, wishes, 10s),
        link(server),
        sender(link, outbox, wishes, clock, AgentIdentity{{}, "h", "1", {}},
               Chance{[] { return 0.0; }, std::move(new_run)}) {
    sender.restore(spooler.runs(), spooler.host_id());
  }
  // Returns the time.
  std::int64_t add(const std::vector<std::string>& names) {
    clock.advance(1s);
    tick.begin(clock.wall_ms(), clock.boottime());
    for (const std::string& name : names) {
      SeriesDef def;
      def.name = name;
      tick.set_unsigned(tick.define(std::move(def)), value_of(name, clock.wall_ms()));
    }
    batcher.add(slots.map(tick), clock.monotonic());
    return clock.wall_ms();
  }
};

struct Story {
  test::TempDir dir{test::TempDir::parent_in_memory()};
  test::FakeClock clock;
  FakeServer server;
  std::optional<FakeAgent> agent;
  std::mt19937 random{test::random_seed()};
  std::uint32_t last_run = 0;
  int devices = 6;
  std::map<std::int64_t, std::vector<std::string>> written;  // ticks that are in the spool
  std::map<std::int64_t, std::vector<std::string>> not_yet;  // those that may be lost

  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random) < p; }
  void start(std::uint64_t limit = 64U << 20U) {
    agent.reset();
    agent.emplace(
        clock, server, dir.path() / "spool",
        [this] {
          RunId run{};
          std::memcpy(run.data(), &++last_run, sizeof last_run);
          return run;
        },
        limit);
  }
  // Each process finds its devices in another order, and not always the same ones.
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (int i = 0; i < devices; ++i) {
      if (chance(0.8)) out.push_back("m" + std::to_string(i));
    }
    std::shuffle(out.begin(), out.end(), random);
    return out;
  }
  void tick() {
    const auto of_tick = names();
    not_yet[agent->add(of_tick)] = of_tick;
  }
  void write() {
    agent->spooler.step();
    written.merge(not_yet);
    not_yet.clear();
  }
  void turn(int count) {
    for (int i = 0; i < count; ++i) {
      clock.advance(60ms);
      agent->sender.step(0ms);
    }
  }
  void settle() {
    server.up = true;
    for (int i = 0; i < 20'000 && agent->outbox.size() > 0; ++i) {
      turn(1);
      clock.advance(100ms);
    }
    REQUIRE(agent->outbox.size() == 0);
  }
  void check() {
    CHECK(server.wrong_values == 0);
    for (const auto& [sample, times] : server.samples) {
      INFO(sample.first << " " << sample.second);
      CHECK(times == 1);
    }
    std::size_t missing = 0;
    for (const auto& [time, of_tick] : written) {
      for (const std::string& name : of_tick) missing += server.samples.count({time, name}) == 0;
    }
    CHECK(missing == 0);
  }
};

TEST_CASE("whatever is killed and whenever the server is there, each tick arrives once") {
  const test::Stderr quiet;
  Story s;
  for (int round = 0; round < 40; ++round) {
    s.start();
    const int ticks = static_cast<int>(s.random() % 120);
    for (int i = 0; i < ticks; ++i) {
      s.tick();
      if (s.chance(0.95)) s.write();
      if (s.chance(0.3)) s.turn(static_cast<int>(s.random() % 30));
      if (s.chance(0.05)) s.server.up = !s.server.up;
      s.agent->wishes.live = s.chance(0.1);
    }
    s.not_yet.clear();  // killed
  }
  s.start();
  s.settle();
  s.check();
  CHECK(s.written.size() > 500);
}

TEST_CASE("a backlog that is longer than memory arrives whole after a restart, oldest run first") {
  const test::Stderr quiet;
  Story s;
  s.server.up = false;
  for (int round = 0; round < 3; ++round) {
    s.start();
    for (int i = 0; i < 1'000; ++i) {
      s.tick();
      s.write();
    }
  }
  CHECK(s.agent->outbox.size() > 250);
  s.start();
  s.settle();
  s.check();
  // Nothing is left to be told a second time.
  s.write();
  s.start();
  CHECK(s.agent->spooler.runs().empty());
}

TEST_CASE("a power cut costs what was not synced, and nothing is told twice") {
  const test::Stderr quiet;
  Story s;
  for (int round = 0; round < 15; ++round) {
    s.start();
    s.server.up = s.chance(0.5);
    for (int i = 0; i < 50; ++i) {
      s.tick();
      s.write();
      s.turn(3);
    }
    s.agent.reset();
    s.written.clear();  // which of them are left is another question
    // The newest segment and the open file lose their ends.
    std::filesystem::path newest;
    for (const auto& file : std::filesystem::directory_iterator(s.dir.path() / "spool")) {
      const std::string name = file.path().filename().string();
      if (name.starts_with("0")) newest = std::max(newest, file.path());
    }
    for (const auto& file : {newest, s.dir.path() / "spool" / "open.seg"}) {
      if (!std::filesystem::exists(file)) continue;
      const auto size = std::filesystem::file_size(file);
      std::filesystem::resize_file(file, size - std::min<std::uint64_t>(size, s.random() % 300));
    }
    if (s.chance(0.5)) std::filesystem::remove(s.dir.path() / "spool" / "open.seg");
  }
  s.start();
  s.settle();
  // The run's record is synced before its first batch is pushed, so the sizes above spare it. Where
  // the ticks are gone too, the server has more of a run than is left of it.
  s.check();
}

TEST_CASE("a full spool drops the oldest, counts it, and delivers the rest") {
  const test::Stderr log;
  Story s;
  s.server.up = false;
  constexpr std::uint64_t kLimit = 400'000;
  s.devices = 120;
  s.start(kLimit);
  const auto size_on_disk = [&] {
    std::uint64_t sum = 0;
    for (const auto& file : std::filesystem::directory_iterator(s.dir.path() / "spool")) {
      sum += file.file_size();
    }
    return sum;
  };
  for (int i = 0; i < 2'500; ++i) {
    s.tick();
    s.write();
    if (i % 50 == 0) REQUIRE(size_on_disk() <= kLimit);
  }
  const std::uint64_t made = s.agent->outbox.newest();
  const std::uint64_t dropped = s.agent->outbox.dropped();
  CHECK(dropped > 50);
  CHECK(s.agent->outbox.size() + dropped == made);
  CHECK(log.lines("the spool is full: the oldest readings are dropped") > 0);
  s.start(kLimit);
  CHECK(s.agent->outbox.size() + dropped == made + 1);  // with what was not finished
  s.settle();
  CHECK(s.server.wrong_values == 0);
  const std::int64_t oldest = s.server.samples.begin()->first.first;
  std::erase_if(s.written, [&](const auto& tick) { return tick.first < oldest; });
  s.check();
}

TEST_CASE("while the server takes everything, the spool stays small") {
  const test::Stderr quiet;
  Story s;
  s.devices = 120;
  s.start();
  for (int i = 0; i < 2'500; ++i) {
    s.tick();
    s.write();
    s.turn(2);
  }
  std::uint64_t sum = 0;
  for (const auto& file : std::filesystem::directory_iterator(s.dir.path() / "spool")) {
    sum += file.file_size();
  }
  CHECK(sum < 600'000);
  CHECK(s.agent->outbox.dropped() == 0);
}

TEST_CASE("a disk that is full for a while costs nothing that memory can hold") {
  const test::Stderr log;
  Story s;
  s.server.up = false;
  s.start();
  const auto run = [&](int ticks) {
    for (int i = 0; i < ticks; ++i) {
      s.tick();
      s.write();
    }
  };
  run(35);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{10, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &full);
  run(200);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old);
  CHECK(s.agent->outbox.dropped() == 0);
  run(30);
  CHECK(log.lines("the spool is written again") == 1);
  CHECK(log.lines("the spool cannot be written") <= 1);
  CHECK(s.agent->spooler.has_all());
  s.start();
  s.settle();
  s.check();
}

TEST_CASE(
    "a folder that cannot be had is tried again, and what lies in it is left to a next start") {
  const test::Stderr log;
  Story s;
  s.server.up = false;
  s.dir.write("spool", "a file is in the way");
  s.start();
  for (int i = 0; i < 30; ++i) {
    s.tick();
    s.write();
  }
  CHECK(s.agent->outbox.size() > 0);
  CHECK_FALSE(s.agent->spooler.has_all());
  std::filesystem::remove(s.dir.path() / "spool");
  for (int i = 0; i < 30; ++i) {
    s.tick();
    s.write();
  }
  CHECK(s.agent->spooler.has_all());
  s.start();
  s.settle();
  s.check();
}

TEST_CASE("what was kept is not given to another host") {
  const test::Stderr log;
  Story s;
  s.start();
  s.tick();
  s.write();
  s.turn(5);  // the server says who we are
  s.server.up = false;
  for (int i = 0; i < 50; ++i) {
    s.tick();
    s.write();
  }
  s.start();
  const auto before = s.server.samples.size();
  s.server.host_id = "another";
  s.server.up = true;
  s.clock.advance(5min);
  s.turn(200);
  CHECK(s.agent->outbox.size() == 0);
  CHECK(s.agent->outbox.dropped() > 3);
  CHECK(s.server.samples.size() == before);
  CHECK(log.lines("the token is that of another host than before") == 1);
}

}  // namespace
}  // namespace volta
