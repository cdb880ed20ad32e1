#include "fleet/ingest.hpp"

#include <catch2/catch.hpp>

#include "fleet/fakes.hpp"
#include "fleet/hosts.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

using namespace std::chrono_literals;
using test::Answers;
using test::FakeControl;

class Ear final : public BatchListener {
 public:
  std::vector<std::int64_t> heard;  // first time of each batch
  std::size_t series = 0;
  std::size_t rows_then = 0;
  const test::FakeJournal* journal = nullptr;
  void on_batch(HostId, const DecodedBatch& batch,
                std::span<const std::shared_ptr<const SeriesRecord>> records) override {
    heard.push_back(batch.times_ms.at(0));
    series = records.size();
    rows_then = journal->rows.size();
  }
};

struct IngestFixture {
  test::FakeClock clock;
  LinkTable links{clock};
  test::FakeDirectory directory;
  test::FakeJournal journal;
  Ear ear;
  IngestOptions options;
  std::unique_ptr<Ingest> ingest;
  std::shared_ptr<FakeControl> control = std::make_shared<FakeControl>();
  Answers answers;
  BatchEncoder encoder;
  std::unique_ptr<IngestSession> session;
  Welcome welcome;

  explicit IngestFixture(IngestOptions given = {}) : options(given) {
    ear.journal = &journal;
    REQUIRE(directory.add("alpha", test::token_hash(test::kToken)));
    make();
  }
  void make() {
    ingest = std::make_unique<Ingest>(directory, journal, links, clock,
                                      std::vector<BatchListener*>{&ear}, options);
  }
  Hello hello() const {
    Hello h;
    h.token = test::kToken;
    h.run = test::kRun;
    h.agent_version = "0.1.0";
    h.facts_json = "{}";
    h.clock_ms = clock.wall_ms();
    return h;
  }
  std::optional<Refusal> open(const Hello& h) {
    auto answer = ingest->open(h, "10.0.0.1:5", control);
    if (auto* refusal = std::get_if<Refusal>(&answer)) return *refusal;
    welcome = std::get<OpenedSession>(answer).welcome;
    session = std::move(std::get<OpenedSession>(answer).session);
    return std::nullopt;
  }
  void begin(int series = 2) {
    REQUIRE_FALSE(open(hello()));
    std::vector<SeriesDef> defs;
    for (int i = 0; i < series; ++i) defs.push_back(test::gauge("m" + std::to_string(i)));
    REQUIRE(session->define(std::move(defs)));
  }
  EncodedBatch next(std::uint32_t slots = 2) {
    for (Slot slot = 0; slot < slots; ++slot) readings.push_back({slot, slot + 7});
    encoder.add(clock.wall_ms(), readings);
    readings.clear();
    return encoder.finish(slots);
  }
  PushOutcome push(const EncodedBatch& batch) {
    const std::size_t before = answers.all.size();
    session->push(batch, answers.one());
    REQUIRE(answers.all.size() == before + 1);
    return answers.all.back();
  }
  double metric(const std::string& name, const Labels& labels = {}) const {
    std::vector<MetricFamily> families;
    ingest->append_to(families);
    for (const MetricFamily& family : families) {
      for (const auto& sample : family.samples) {
        if (family.name == name && sample.labels == labels) return sample.value;
      }
    }
    return -1;
  }
  std::vector<Reading> readings;
};

void check_refused(const std::optional<Refusal>& refusal, RefusalReason reason,
                   const std::string& part) {
  REQUIRE(refusal);
  CHECK(refusal->reason == reason);
  CHECK_THAT(refusal->text, Catch::Contains(part));
}

TEST_CASE("each refusal at hello is its own and says what to do") {
  IngestFixture f;
  Hello wrong = f.hello();
  wrong.token[31] ^= 1;
  check_refused(f.open(wrong), RefusalReason::wrong_token, "volta host add");
  CHECK(f.directory.set_disabled(HostId{1}, true));
  check_refused(f.open(f.hello()), RefusalReason::disabled_host, "volta host enable alpha");
  CHECK(f.directory.set_disabled(HostId{1}, false));
  Hello bad = f.hello();
  bad.run = {};
  check_refused(f.open(bad), RefusalReason::bad_hello, "run id");
  bad = f.hello();
  bad.facts_json = "{\"a\":";
  check_refused(f.open(bad), RefusalReason::bad_hello, "JSON object");
  bad = f.hello();
  bad.agent_version = "1\n2";
  check_refused(f.open(bad), RefusalReason::bad_hello, "version");
  bad = f.hello();
  bad.host_name = std::string(254, 'a');
  check_refused(f.open(bad), RefusalReason::bad_hello, "253");
  f.directory.broken = true;
  const auto busy = f.open(f.hello());
  check_refused(busy, RefusalReason::too_busy, "try again later");
  CHECK(busy->retry_after > 0ms);
  CHECK(f.metric("volta_server_refusals_total", {{"reason", "wrong_token"}}) == 1);
  CHECK(f.metric("volta_server_refusals_total", {{"reason", "disabled_host"}}) == 1);
  CHECK(f.metric("volta_server_refusals_total", {{"reason", "bad_hello"}}) == 4);
  CHECK(f.metric("volta_server_refusals_total", {{"reason", "too_busy"}}) == 1);
  CHECK(f.links.connected() == 0);
}

TEST_CASE("the welcome names the host, what is durable and the server's clock") {
  IngestFixture f;
  f.journal.runs[{HostId{1}, test::kRun}].durable_seq = 12;
  Hello hello = f.hello();
  hello.clock_ms += 2500;
  CHECK_FALSE(f.open(hello));
  CHECK(f.welcome.host_id == "uid-1");
  CHECK(f.welcome.durable_seq == 12);
  CHECK(f.welcome.clock_ms == f.clock.wall_ms());
  CHECK(f.directory.offsets == std::vector<std::int64_t>{2500});
}

TEST_CASE("a store that fails at hello leaves no link behind") {
  IngestFixture f;
  f.journal.broken = true;
  check_refused(f.open(f.hello()), RefusalReason::too_busy, "try again later");
  CHECK(f.links.connected() == 0);
  f.journal.broken = false;
  CHECK_FALSE(f.open(f.hello()));
}

TEST_CASE("a second link with the same token closes the first") {
  IngestFixture f;
  f.begin();
  const auto old = std::move(f.session);
  const auto first_control = f.control;
  f.control = std::make_shared<FakeControl>();
  f.begin();
  CHECK(first_control->closed.size() == 1);
  Answers late;
  const EncodedBatch batch = f.next();
  old->push(batch, late.one());
  REQUIRE(late.all.size() == 1);
  CHECK(late.all[0].retry_after > 0ms);
  CHECK(f.journal.rows.empty());
  CHECK(f.push(batch).durable_seq == 1);
}

TEST_CASE("an old run is taken in beside the new one, over the same series") {
  IngestFixture f;
  f.begin();
  EncodedBatch first = f.next();
  CHECK(f.push(first).durable_seq == 1);
  const RunId older{5};
  f.journal.runs[{HostId{1}, older}] = RunState{20, {}, 0, {}};
  auto answer = f.session->open_run(older);
  REQUIRE(std::holds_alternative<OpenedSession>(answer));
  auto& opened = std::get<OpenedSession>(answer);
  CHECK(opened.welcome.durable_seq == 20);
  CHECK(opened.welcome.host_id == "uid-1");
  CHECK(f.control->closed.empty());
  EncodedBatch old = first;
  old.seq = old.key_seq = 21;
  opened.session->push(old, f.answers.one());
  CHECK(f.answers.all.back().durable_seq == 21);
  CHECK(f.push(f.next()).durable_seq == 2);  // undisturbed
  REQUIRE(f.journal.rows.size() == 3);
  CHECK(f.journal.rows[1].run == older);
  CHECK(f.journal.rows[1].series->size() == 2);
  CHECK(f.journal.rows[2].run == test::kRun);
  // What is put off in one of them holds up only that one.
  old.seq = 23;
  old.key_seq = 22;
  opened.session->push(old, f.answers.one());
  CHECK(f.answers.all.back().refused == BatchFault::unknown_keyframe);
  old.seq = old.key_seq = 24;
  opened.session->push(old, f.answers.one());
  CHECK(f.answers.all.back().retry_after > 0ms);
  CHECK(f.push(f.next()).durable_seq == 3);
  // The link is the host's until the last of them is gone.
  opened.session.reset();
  CHECK(f.links.connected() == 1);
  CHECK(f.push(f.next()).durable_seq == 4);
  f.session.reset();
  CHECK(f.links.connected() == 0);
}

TEST_CASE("what an outage left says nothing of the agent's rhythm") {
  IngestFixture f;
  f.begin();
  const auto batch_of = [&](std::chrono::milliseconds span) {
    f.encoder.force_keyframe();
    f.encoder.add(f.clock.wall_ms(), std::vector<Reading>{{0, 1}});
    f.encoder.add(f.clock.wall_ms() + span.count(), std::vector<Reading>{{0, 2}});
    return f.encoder.finish(2);
  };
  f.push(batch_of(9s));
  auto opened = f.session->open_run(RunId{5});
  EncodedBatch old = batch_of(100ms);
  std::get<OpenedSession>(opened).session->push(old, f.answers.one());
  CHECK(f.answers.all.back().durable_seq == old.seq);
  CHECK(f.links.status(HostId{1}).batch_interval == 9s);
}

TEST_CASE("a run beside another is refused clearly where it cannot be") {
  IngestFixture f;
  f.begin();
  const auto refused = [&](const RunId& run, RefusalReason reason) {
    const auto answer = f.session->open_run(run);
    REQUIRE(std::holds_alternative<Refusal>(answer));
    CHECK(std::get<Refusal>(answer).reason == reason);
  };
  refused(RunId{}, RefusalReason::bad_hello);
  refused(test::kRun, RefusalReason::bad_hello);
  f.journal.broken = true;
  refused(RunId{5}, RefusalReason::too_busy);
  f.journal.broken = false;
  CHECK(f.push(f.next()).durable_seq == 1);
}

TEST_CASE("listeners hear a batch before it is committed, and once") {
  IngestFixture f;
  f.begin();
  f.push(f.next());
  CHECK(f.ear.heard.size() == 1);
  CHECK(f.ear.rows_then == 0);
  CHECK(f.ear.series == 2);
  CHECK(f.journal.rows.size() == 1);
  f.journal.full = true;
  const EncodedBatch again = f.next();
  CHECK(f.push(again).retry_after == 5s);
  CHECK(f.ear.heard.size() == 2);
  f.journal.full = false;
  CHECK(f.push(again).durable_seq == 2);
  CHECK(f.ear.heard.size() == 2);
  CHECK(f.metric("volta_server_samples_total") == 4);
}

TEST_CASE("a repeated sequence is answered if it is the same, else a new run is asked for") {
  IngestFixture f;
  f.begin();
  EncodedBatch batch = f.next();
  CHECK(f.push(batch).durable_seq == 1);
  const PushOutcome again = f.push(batch);
  CHECK(again.durable_seq == 1);
  CHECK_FALSE(again.new_run);
  batch.payload.back() ^= std::byte{1};
  CHECK(f.push(batch).new_run);
  CHECK(f.journal.rows.size() == 1);
  CHECK(f.metric("volta_server_batches_total", {{"outcome", "duplicate"}}) == 1);
  CHECK(f.metric("volta_server_batches_total", {{"outcome", "conflict"}}) == 1);
}

TEST_CASE("gaps in the sequence are accepted and counted") {
  IngestFixture f;
  f.begin();
  f.push(f.next());
  f.next();
  f.next();
  CHECK(f.push(f.next()).durable_seq == 4);
  CHECK(f.metric("volta_server_missing_batches_total") == 2);
}

TEST_CASE("a bad batch is refused alone") {
  IngestFixture f;
  f.begin();
  f.push(f.next());
  const auto refused = [&](BatchFault fault, auto&& spoil) {
    EncodedBatch bad = f.next();
    spoil(bad);
    const PushOutcome outcome = f.push(bad);
    REQUIRE(outcome.refused);
    CHECK(*outcome.refused == fault);
    CHECK_FALSE(outcome.text.empty());
  };
  refused(BatchFault::malformed, [](EncodedBatch& b) { b.payload.pop_back(); });
  refused(BatchFault::malformed, [](EncodedBatch& b) { b.payload.clear(); });
  refused(BatchFault::malformed, [](EncodedBatch& b) { b.points += 1; });
  refused(BatchFault::malformed, [](EncodedBatch& b) { b.slots = 3; });
  refused(BatchFault::malformed, [](EncodedBatch& b) { b.seq = 0; });
  refused(BatchFault::malformed, [](EncodedBatch& b) { b.key_seq = 0; });
  refused(BatchFault::malformed, [](EncodedBatch& b) { b.key_seq = b.seq + 1; });
  refused(BatchFault::too_large, [](EncodedBatch& b) { b.payload.resize(kLargestBatchBytes + 1); });
  refused(BatchFault::too_large, [](EncodedBatch& b) { b.points = kMostBatchPoints + 1; });
  CHECK(f.push(f.next()).durable_seq == 11);
  CHECK(f.metric("volta_server_batches_total", {{"outcome", "refused"}}) == 9);
}

TEST_CASE("a host lives by the batches that are taken, not by those that are refused") {
  IngestFixture f;
  f.begin();
  const auto state = [&] { return host_state(false, f.links.status(HostId{1})); };
  const auto refused = [&] {
    EncodedBatch bad = f.next();
    bad.payload.pop_back();
    return f.push(bad).refused.has_value();
  };
  CHECK(refused());
  CHECK(state() == HostState::late);
  CHECK(f.links.status(HostId{1}).last_data_wall_ms == 0);
  f.encoder.force_keyframe();
  CHECK(f.push(f.next()).durable_seq == 2);
  CHECK(state() == HostState::live);
  for (int i = 0; i < 20; ++i) {
    f.clock.advance(1s);
    CHECK(refused());
  }
  CHECK(state() == HostState::late);
  f.clock.advance(60s);
  CHECK(refused());
  CHECK(state() == HostState::offline);
  CHECK(f.links.connected() == 1);
}

TEST_CASE("an unknown keyframe holds what is behind it until the batch comes again") {
  IngestFixture f;
  f.begin();
  f.next();  // the keyframe is lost
  EncodedBatch second = f.next();
  f.encoder.force_keyframe();
  const EncodedBatch third = f.next();
  CHECK(f.push(second).refused == BatchFault::unknown_keyframe);
  CHECK(f.push(third).retry_after > 0ms);
  CHECK(f.journal.rows.empty());
  BatchEncoder alone;
  alone.add(f.clock.wall_ms(), std::vector<Reading>{{0, 1}});
  second = alone.finish(2);
  second.seq = second.key_seq = 2;
  CHECK(f.push(second).durable_seq == 2);
  CHECK(f.push(third).durable_seq == 3);
}

// Of the slots of the newest row; 0: of no series.
std::vector<std::uint32_t> ids_of_newest(const test::FakeJournal& journal) {
  std::vector<std::uint32_t> ids;
  const auto& row = journal.rows.back();
  for (Slot slot = 0; slot < row.decoded->slots; ++slot)
    ids.push_back(static_cast<std::uint32_t>((*row.series)[slot]));
  return ids;
}

TEST_CASE("a host may have so many series and no more, and goes on with those it has") {
  IngestOptions options;
  options.most_series = 3;
  IngestFixture f(options);
  f.begin(2);
  CHECK(f.push(f.next(2)).durable_seq == 1);
  REQUIRE(f.session->define({test::gauge("m2"), test::gauge("m3"), test::gauge("m0")}));
  CHECK(f.push(f.next(5)).durable_seq == 2);
  CHECK(ids_of_newest(f.journal) == std::vector<std::uint32_t>{1, 2, 3, 0, 1});
  CHECK(f.ear.series == 5);
  CHECK_FALSE(f.session->define(std::vector<SeriesDef>(kMostSlots, test::gauge("m4"))));
  // The count is the host's, not the link's.
  f.session.reset();
  CHECK_FALSE(f.open(f.hello()));
  REQUIRE(f.session->define({test::gauge("m2"), test::gauge("other")}));
  f.encoder.force_keyframe();
  CHECK(f.push(f.next(2)).durable_seq == 3);
  CHECK(ids_of_newest(f.journal) == std::vector<std::uint32_t>{3, 0});
}

class StoredSeries final : public SeriesIndex {
 public:
  std::vector<SeriesRecord> records;
  [[nodiscard]] std::vector<SeriesRecord> find(HostId host, std::string_view glob) const override {
    CHECK(host == HostId{1});
    CHECK(glob == "*");
    return records;
  }
};

TEST_CASE("a restart of the server does not let a host go past its limit") {
  IngestOptions options;
  options.most_series = 3;
  IngestFixture f(options);
  StoredSeries stored;
  for (const char* name : {"m0", "m1", "gone"}) {
    stored.records.push_back({SeriesId{1}, HostId{1}, test::gauge(name)});
  }
  f.ingest = std::make_unique<Ingest>(f.directory, f.journal, f.links, f.clock,
                                      std::vector<BatchListener*>{&f.ear}, options, &stored);
  f.begin(2);
  CHECK(f.push(f.next(2)).durable_seq == 1);
  REQUIRE(f.session->define({test::gauge("m2")}));
  CHECK(f.push(f.next(3)).durable_seq == 2);
  CHECK(ids_of_newest(f.journal) == std::vector<std::uint32_t>{1, 2, 0});
  CHECK(f.metric("volta_server_left_out_series_total") == 1);
  CHECK(f.metric("volta_server_left_out_samples_total") == 1);
  CHECK(f.metric("volta_server_samples_total") == 4);
  // What the store has deleted counts no more once the host comes anew.
  stored.records.pop_back();
  f.session.reset();
  f.begin(2);
  REQUIRE(f.session->define({test::gauge("m2")}));
  f.encoder.force_keyframe();
  CHECK(f.push(f.next(3)).durable_seq == 3);
  CHECK(ids_of_newest(f.journal) == std::vector<std::uint32_t>{1, 2, 3});
  CHECK(f.metric("volta_server_left_out_series_total") == 1);
  CHECK(f.metric("volta_server_left_out_samples_total") == 1);
  CHECK(f.metric("volta_server_samples_total") == 7);
}

TEST_CASE("one series in ever new forms is limited too") {
  IngestOptions options;
  options.most_series = 3;
  IngestFixture f(options);
  REQUIRE_FALSE(f.open(f.hello()));
  std::vector<SeriesDef> defs(7, test::gauge("m"));
  for (std::size_t i = 0; i < defs.size(); ++i) defs[i].unit = "unit" + std::to_string(i);
  REQUIRE(f.session->define(std::move(defs)));
  CHECK(f.push(f.next(7)).durable_seq == 1);
  CHECK(ids_of_newest(f.journal) == std::vector<std::uint32_t>{1, 1, 1, 1, 1, 1, 0});
}

TEST_CASE("series that break the rules are refused") {
  IngestFixture f;
  f.begin();
  CHECK_FALSE(f.session->define({test::gauge("1 bad name")}));
  CHECK_FALSE(f.session->define(std::vector<SeriesDef>(kMostSlots, test::gauge("ok"))));
  f.journal.broken = true;
  CHECK_FALSE(f.session->define({test::gauge("ok")}));
}

TEST_CASE("batches are limited per host, over its links, and none is overtaken") {
  IngestOptions options;
  options.batches_per_second = 10;
  options.batch_burst = 2;
  IngestFixture f(options);
  f.begin();
  f.push(f.next());
  f.push(f.next());
  const EncodedBatch third = f.next();
  const PushOutcome slow = f.push(third);
  CHECK(slow.retry_after == 200ms);
  f.clock.advance(100ms);
  CHECK(f.push(f.next()).retry_after > 0ms);  // the fourth must not come before the third
  f.clock.advance(200ms);
  CHECK(f.push(third).durable_seq == 3);
  f.session.reset();
  f.begin();
  f.push(f.next());
  CHECK(f.push(f.next()).retry_after > 0ms);
}

TEST_CASE("data far ahead of the server is accepted and flagged") {
  IngestFixture f;
  f.begin();
  f.clock.set_wall_ms(f.clock.wall_ms() + 300'000);
  const EncodedBatch just = f.next();
  f.clock.set_wall_ms(f.clock.wall_ms() + 1);
  const EncodedBatch far = f.next();
  f.clock.set_wall_ms(f.clock.wall_ms() - 300'001);
  CHECK(f.push(just).durable_seq == 1);
  CHECK(f.metric("volta_server_future_batches_total") == 0);
  CHECK(f.push(far).durable_seq == 2);
  CHECK(f.metric("volta_server_future_batches_total") == 1);
  CHECK(f.directory.offsets.back() == 300'001);
  const EncodedBatch mended = f.next();
  CHECK(f.push(mended).durable_seq == 3);
  CHECK(f.directory.offsets.back() == 0);
}

TEST_CASE("absurd clocks do no harm") {
  IngestFixture f;
  Hello hello = f.hello();
  hello.clock_ms = std::numeric_limits<std::int64_t>::max();
  CHECK_FALSE(f.open(hello));
  hello.clock_ms = std::numeric_limits<std::int64_t>::min();
  CHECK_FALSE(f.open(hello));
  f.begin();
  EncodedBatch batch = f.next();
  batch.first_ms = std::numeric_limits<std::int64_t>::max();
  batch.last_ms = std::numeric_limits<std::int64_t>::min();
  CHECK(f.push(batch).durable_seq == 1);
}

TEST_CASE("a token revoked while the link opens does not let it stay") {
  IngestFixture f;
  Hosts hosts(f.directory, f.links, f.clock);
  f.begin();
  CHECK(hosts.rotate_token("alpha"));
  CHECK(f.control->closed.size() == 1);
  CHECK(f.push(f.next()).retry_after > 0ms);
  CHECK(f.journal.rows.empty());
  check_refused(f.open(f.hello()), RefusalReason::wrong_token, "token");
}

TEST_CASE("an answer that comes after link and ingest are gone harms nobody") {
  IngestFixture f;
  f.journal.commit_at_once = false;
  f.begin();
  f.session->push(f.next(), f.answers.one());
  f.session->push(f.next(), f.answers.one());
  f.session.reset();
  f.ingest.reset();
  CHECK(f.answers.all.size() == 1);  // the waiting one was put off
  CHECK(f.journal.commit());
  CHECK(f.answers.all.size() == 2);
  CHECK(f.journal.rows.size() == 1);
}

TEST_CASE("a reconnect while a batch is in the journal's queue does not store it twice") {
  IngestFixture f;
  f.journal.commit_at_once = false;
  f.begin();
  const EncodedBatch batch = f.next();
  f.session->push(batch, f.answers.one());
  f.session.reset();
  f.begin();
  CHECK(f.welcome.durable_seq == 0);
  f.session->push(batch, f.answers.one());
  CHECK(f.journal.commit());
  CHECK_FALSE(f.journal.commit());
  CHECK(f.journal.rows.size() == 1);
  CHECK(f.answers.all.size() == 2);
  CHECK(f.answers.all.back().durable_seq == 1);
}

TEST_CASE("a store that fails in a push puts it off") {
  IngestFixture f;
  f.begin();
  f.journal.commit_at_once = false;
  const EncodedBatch batch = f.next();
  f.session->push(batch, f.answers.one());
  f.journal.fail(CommitState::failed);
  f.journal.broken = true;  // asked what it has, it throws
  CHECK(f.push(batch).retry_after == 5s);
  f.journal.broken = false;
  f.journal.commit_at_once = true;
  CHECK(f.push(batch).durable_seq == 1);
}

TEST_CASE("what another server of the group has is not missing here") {
  for (const bool of_group : {false, true}) {
    IngestOptions options;
    options.of_group = of_group;
    IngestFixture f(options);
    f.begin();
    const auto after = [&](std::uint64_t seq) {
      f.encoder.force_keyframe();
      EncodedBatch batch = f.next();
      batch.seq = batch.key_seq = seq;
      CHECK(f.push(batch).durable_seq == seq);
      return f.metric("volta_server_missing_batches_total");
    };
    CHECK(after(5) == (of_group ? 0 : 4));
    CHECK(after(8) == (of_group ? 2 : 6));  // on one link the agent had to drop them
    f.session.reset();
    f.begin();
    CHECK(after(20) == (of_group ? 2 : 17));
  }
}

}  // namespace
}  // namespace volta
