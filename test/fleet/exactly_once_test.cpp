// The agent's sender and the server's ingest against a hostile world: cut links, refusals, full and
// failing stores, crashes of the server, clones. At the end every tick is in the journal once.
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "fleet/fakes.hpp"
#include "fleet/ingest.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "uplink/batcher.hpp"
#include "uplink/sender.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;

struct Server {
  Server(test::FakeDirectory& directory, test::FakeJournal& journal, const Clock& clock,
         const IngestOptions& options)
      : links(clock), ingest(directory, journal, links, clock, {}, options) {}
  LinkTable links;
  Ingest ingest;
};

// A wire that carries one message each way per turn(), and may be cut anywhere.
class Wire final : public AgentLink {
 public:
  explicit Wire(std::mt19937_64& random) : random_(random) {}
  std::unique_ptr<Server>* server = nullptr;
  std::size_t most_open = 0;

  std::variant<Welcome, Refusal> open(const Hello& hello) override {
    REQUIRE_FALSE(up_);
    if (!*server || random_() % 4 == 0) return Refusal{RefusalReason::unreachable, "away", {}};
    answers_ = std::make_shared<std::deque<Answer>>();
    control_ = std::make_shared<test::FakeControl>();
    auto answer = (*server)->ingest.open(hello, "wire", control_);
    if (auto* refusal = std::get_if<Refusal>(&answer)) return *refusal;
    session_ = std::move(std::get<OpenedSession>(answer).session);
    if (random_() % 8 == 0) {  // the welcome gets lost
      cut();
      return Refusal{RefusalReason::unreachable, "cut", {}};
    }
    up_ = true;
    return std::get<OpenedSession>(answer).welcome;
  }
  void close() override {
    cut();
    up_ = false;
  }
  void define(std::span<const SeriesDef> series) override {
    sent_.emplace_back(std::vector<SeriesDef>(series.begin(), series.end()));
  }
  void push(const EncodedBatch& batch) override { send(Lane::now, batch); }
  void push_backlog(const EncodedBatch& batch) override { send(Lane::backlog, batch); }
  void open_backlog(const RunId& run, std::uint64_t) override {
    if (!session_) return;  // cut, and the agent does not know yet
    REQUIRE_FALSE(backlog_open_);
    backlog_open_ = true;
    sent_.emplace_back(run);
  }
  void close_backlog() override {
    if (!session_) return;
    REQUIRE(backlog_open_);
    REQUIRE(unanswered_[1] == 0);
    backlog_open_ = false;
    sent_.emplace_back(CloseBacklog{});
  }
  std::optional<LinkEvent> wait(std::chrono::milliseconds) override {
    if (!session_)
      return up_ && random_() % 3 == 0 ? std::optional<LinkEvent>(LinkClosed{"cut"}) : std::nullopt;
    if (random_() % 2 == 0 || answers_->empty()) return std::nullopt;
    const auto [lane, event] = answers_->front();
    answers_->pop_front();
    if (lane) --unanswered_[static_cast<std::size_t>(*lane)];
    return event;
  }
  void wake() override {}
  [[nodiscard]] std::uint64_t bytes_sent() const override { return 0; }
  [[nodiscard]] std::uint64_t bytes_received() const override { return 0; }

  // The server's side takes the next message.
  void turn() {
    if (!session_ || sent_.empty()) return;
    auto message = std::move(sent_.front());
    sent_.pop_front();
    if (auto* series = std::get_if<std::vector<SeriesDef>>(&message)) {
      if (!session_->define(std::move(*series))) cut();
      return;
    }
    if (const auto* run = std::get_if<RunId>(&message)) return take_backlog(*run);
    if (std::holds_alternative<CloseBacklog>(message)) return backlog_.reset();
    auto& [lane, batch] = std::get<Push>(message);
    auto& session = lane == Lane::now ? session_ : backlog_;
    session->push(batch, [answers = answers_, seq = batch.seq, l = lane](const PushOutcome& out) {
      LinkEvent event = Acknowledged{out.durable_seq, l};
      if (out.refused) {
        event = BatchRefused{seq, *out.refused, out.text, l};
      } else if (out.new_run) {
        event = NewRunWanted{out.text, l};
      } else if (out.retry_after.count() > 0) {
        event = RetryAfter{out.retry_after, seq, l};
      }
      answers->emplace_back(l, std::move(event));
    });
  }
  // Both ends lose it; the agent hears of it only later.
  void cut() {
    backlog_.reset();
    session_.reset();
    sent_.clear();
    unanswered_ = {};
    backlog_open_ = false;
  }

 private:
  struct CloseBacklog {};
  using Push = std::pair<Lane, EncodedBatch>;
  // The lane whose push it answers.
  using Answer = std::pair<std::optional<Lane>, LinkEvent>;

  void send(Lane lane, const EncodedBatch& batch) {
    sent_.emplace_back(Push(lane, batch));
    most_open = std::max(most_open, ++unanswered_[static_cast<std::size_t>(lane)]);
  }
  void take_backlog(const RunId& run) {
    auto answer = session_->open_run(run);
    if (const auto* refusal = std::get_if<Refusal>(&answer)) {
      answers_->emplace_back(std::nullopt, RetryAfter{refusal->retry_after, 0, Lane::backlog});
      backlog_open_ = false;
      return;
    }
    auto& opened = std::get<OpenedSession>(answer);
    backlog_ = std::move(opened.session);
    answers_->emplace_back(std::nullopt, BacklogOpened{opened.welcome.durable_seq});
  }

  std::mt19937_64& random_;
  std::unique_ptr<IngestSession> session_;
  std::shared_ptr<test::FakeControl> control_;
  std::unique_ptr<IngestSession> backlog_;
  std::deque<std::variant<std::vector<SeriesDef>, Push, RunId, CloseBacklog>> sent_;
  std::shared_ptr<std::deque<Answer>> answers_;
  std::array<std::size_t, 2> unanswered_{};  // by lane
  bool backlog_open_ = false;
  bool up_ = false;
};

struct World {
  explicit World(unsigned seed) : random(seed), wire(random) {
    REQUIRE(directory.add("alpha", test::token_hash(test::kToken)));
    journal.commit_at_once = false;
    options.batches_per_second = 2;
    options.batch_burst = 20;
    start_server();
    wire.server = &server;
    AgentIdentity identity;
    identity.token = [] { return test::kToken; };
    const Chance chance{[this] { return std::uniform_real_distribution<double>(0, 1)(random); },
                        [this] {
                          ++runs_made;
                          return RunId{9, static_cast<std::uint8_t>(runs_made),
                                       static_cast<std::uint8_t>(runs_made >> 8U)};
                        }};
    sender = std::make_unique<Sender>(wire, outbox, wishes, clock, identity, chance);
  }

  void start_server() { server = std::make_unique<Server>(directory, journal, clock, options); }
  void tick() {
    ++ticks;
    value.begin(static_cast<std::int64_t>(ticks), clock.boottime());
    if (ticks % 300 == 0) layout.define(test::gauge("late" + std::to_string(ticks)));
    for (Slot slot = 0; slot < layout.size(); ++slot) {
      if (slot > 0 && random() % 3 == 0) continue;
      value.set_unsigned(slot, content(ticks, slot));
    }
    batcher.add(value, clock.monotonic());
  }
  static std::uint64_t content(std::uint64_t tick, Slot slot) { return tick * 1000 + slot; }

  // Something goes wrong, perhaps.
  void misfortune() {
    switch (random() % 60) {
      case 0:
        wire.cut();
        break;
      case 1:
        journal.fail(random() % 2 == 0 ? CommitState::failed : CommitState::disk_full);
        break;
      case 2:
        journal.full = !journal.full;
        break;
      case 3:  // kill -9 of the server, and its restart
        wire.cut();
        server.reset();
        journal.crash();
        start_server();
        break;
      case 4:
        wishes.live = !wishes.live;
        break;
      case 5:
        wishes.keyframe = true;
        break;
      case 6:
        journal.broken = !journal.broken;
        break;
      default:
        break;
    }
  }
  void step() {
    clock.advance(std::chrono::milliseconds(random() % 400));
    if (random() % 3 == 0) tick();
    sender->step(0ms);
    for (int i = 0; i < 3; ++i) {
      if (random() % 2 == 0) wire.turn();
    }
    if (random() % 2 == 0) journal.commit();
  }
  void finish() {
    journal.full = journal.broken = false;
    batcher.flush(clock.monotonic());
    for (int i = 0; i < 20'000 && outbox.size() > 0; ++i) {
      clock.advance(100ms);
      sender->step(0ms);
      wire.turn();
      journal.commit();
    }
  }

  std::mt19937_64 random;
  test::FakeClock clock;
  test::FakeDirectory directory;
  test::FakeJournal journal;
  IngestOptions options;
  std::unique_ptr<Server> server;
  Wire wire;
  Outbox outbox{{std::chrono::hours(10), 1U << 30U}};
  BatchWishes wishes;
  Batcher batcher{outbox, wishes, 2s};
  Layout layout;
  Tick value{layout};
  std::unique_ptr<Sender> sender;
  std::uint64_t ticks = 0;
  unsigned runs_made = 0;
};

// Slot 0 is in every tick. Within a run the journal asserts rising sequences by itself, and so are
// the times; runs overlap, since an old one is drained while the next goes on.
void check_all_once(const World& world) {
  std::set<std::uint64_t> seen;
  std::map<RunId, std::uint64_t> last;
  for (const auto& row : world.journal.rows) {
    for (std::size_t tick = 0; tick < row.decoded->ticks(); ++tick) {
      const auto time = static_cast<std::uint64_t>(row.decoded->times_ms[tick]);
      REQUIRE(time > last[row.run]);
      last[row.run] = time;
      REQUIRE(seen.insert(time).second);
      REQUIRE(row.decoded->present[row.decoded->at(0, tick)] == 1);
      for (Slot slot = 0; slot < row.decoded->slots; ++slot) {
        const std::size_t at = row.decoded->at(slot, tick);
        if (row.decoded->present[at] == 0) continue;
        REQUIRE(row.decoded->values[at] == World::content(time, slot));
      }
      REQUIRE(row.series->size() >= row.decoded->slots);
    }
  }
  CHECK(seen.size() == world.ticks);
  CHECK((seen.empty() || *seen.rbegin() == world.ticks));
}

TEST_CASE("every tick is in the journal exactly once, whatever happens") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::size_t drained = 0;
  for (unsigned round = 0; round < 12; ++round) {
    CAPTURE(round);
    World world(seed + round);
    world.layout.define(test::gauge("first"));
    for (int i = 0; i < 4000; ++i) {
      world.misfortune();
      world.step();
    }
    world.finish();
    REQUIRE(world.outbox.size() == 0);
    CHECK(world.outbox.dropped() == 0);
    CHECK(world.sender->refused_batches() == 0);
    CHECK(world.wire.most_open <= Sender::kMostOpen);
    std::set<RunId> runs;
    for (const auto& row : world.journal.rows) runs.insert(row.run);
    drained += runs.size() - 1;
    check_all_once(world);
  }
  CHECK(drained > 0);  // else this has not shown what an outage does
}

// The server forgets everything about the run now and then (restored from an old copy, or it knows
// more than the agent). What it had acknowledged is its own loss; what was not must still arrive.
TEST_CASE("nothing that was not acknowledged is lost when the server is restored from a copy") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  for (unsigned round = 0; round < 6; ++round) {
    CAPTURE(round);
    World world(seed + round);
    world.layout.define(test::gauge("first"));
    std::vector<std::uint64_t> times;
    for (int i = 0; i < 2000; ++i) {
      if (world.random() % 400 == 0) {
        world.wire.cut();
        world.server.reset();
        world.journal.crash();
        for (auto& [key, state] : world.journal.runs) {
          state = world.random() % 2 == 0 ? RunState{} : RunState{1'000'000, {}, 0, {}};
        }
        world.start_server();
      }
      world.step();
    }
    world.finish();
    REQUIRE(world.outbox.size() == 0);
    CHECK(world.sender->refused_batches() == 0);
    for (const auto& row : world.journal.rows) {
      for (const std::int64_t time : row.decoded->times_ms) {
        times.push_back(static_cast<std::uint64_t>(time));
      }
    }
    std::sort(times.begin(), times.end());
    times.erase(std::unique(times.begin(), times.end()), times.end());
    CHECK(times.size() == world.ticks);
    CHECK(world.runs_made < 100);
  }
}

}  // namespace
}  // namespace volta
