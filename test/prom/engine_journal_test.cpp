#include "prom/engine_journal.hpp"

#include <future>

#include <catch2/catch.hpp>

#include "fake_http.hpp"
#include "prom/remote_write.hpp"
#include "prom/snappy_block.hpp"

namespace volta {
namespace {

using test::FakeHttp;

// volta's own store behind the engine: takes everything, unless it is full.
class LocalJournal final : public Journal {
 public:
  std::atomic<bool> full{false};
  std::atomic<std::size_t> rows{0};

  SeriesId resolve(HostId, const SeriesDef&) override { return SeriesId{1}; }
  RunState run_state(HostId, const RunId&) const override { return {}; }
  bool append(JournalEntry entry) override {
    if (full) return false;
    ++rows;
    entry.done(CommitState::committed);
    return true;
  }
};

// Knows one host.
class OneHost final : public HostDirectory {
 public:
  HostRecord record;

  std::vector<HostRecord> list() const override { return {record}; }
  std::optional<HostRecord> find(std::string_view) const override { return record; }
  std::optional<HostRecord> find(HostId) const override { return record; }
  std::optional<HostRecord> find_by_token(const Sha256&) const override { return record; }
  Result<HostRecord> add(const std::string&, const Sha256&) override { return record; }
  Result<void> set_disabled(HostId, bool) override { return {}; }
  Result<void> set_token(HostId, const Sha256&) override { return {}; }
  Result<void> remove(HostId) override { return {}; }
  void saw(HostId, const std::string&, const std::string&, std::int64_t, std::int64_t) override {}
};

class KnownIndex final : public SeriesIndex {
 public:
  std::vector<SeriesRecord> records;
  std::vector<SeriesRecord> find(HostId, std::string_view) const override { return records; }
};

// One host with one series of watts in thousandths.
struct Writing {
  Writing() {
    directory.record.id = host;
    directory.record.name = "box";
    def.name = "volta_power_watts";
    def.labels = {{"zone", "package"}};
    def.scale = 3;
  }
  ~Writing() { journal.reset(); }
  void start() {
    EngineJournal::Limits limits;
    limits.writers = 1;
    limits.queue_points = 8;
    journal = std::make_unique<EngineJournal>(
        EngineJournalParts{local, directory, index, client, [] { return 0.5; }}, limits);
  }
  JournalEntry entry(std::uint64_t seq, std::vector<std::int64_t> times,
                     std::vector<std::uint64_t> values) {
    auto batch = std::make_shared<DecodedBatch>();
    batch->times_ms = std::move(times);
    batch->slots = 1;
    batch->values = std::move(values);
    batch->present.assign(batch->values.size(), 1);
    JournalEntry made;
    made.host = host;
    made.batch.seq = seq;
    made.batch.key_seq = seq;
    made.batch.slots = 1;
    made.batch.points = static_cast<std::uint32_t>(batch->values.size());
    made.decoded = batch;
    made.series = std::make_shared<const std::vector<SeriesId>>(std::vector{series});
    return made;
  }
  std::future<CommitState> append(JournalEntry one) {
    auto promise = std::make_shared<std::promise<CommitState>>();
    one.done = [promise](CommitState state) { promise->set_value(state); };
    REQUIRE(journal->append(std::move(one)));
    return promise->get_future();
  }

  FakeHttp http;
  EngineClient client{{"http://x/w", "http://x", {}}, http};
  LocalJournal local;
  OneHost directory;
  KnownIndex index;
  HostId host{7};
  SeriesId series{};
  SeriesDef def;
  std::unique_ptr<EngineJournal> journal;
};

WriteRequest written(const OutboundRequest& request) {
  const auto message = snappy_uncompress(request.body, 1U << 20U);
  REQUIRE(message);
  auto decoded = decode_write_request(WriteVersion::v1, message.value(), {});
  REQUIRE(decoded);
  return std::move(decoded).value();
}

TEST_CASE("a batch is committed once the engine has taken it, with its labels and in its unit") {
  Writing w;
  std::atomic<bool> local_first{false};
  w.http.otherwise = [&](const OutboundRequest& request) {
    local_first = local_first || w.local.rows > 0;
    return FakeHttp::status(204)(request);
  };
  w.start();
  w.series = w.journal->resolve(w.host, w.def);
  // The clock went back in between; of two values for one time the later counts.
  auto done = w.append(w.entry(1, {1000, 3000, 2000, 3000}, {1500, 1, 2500, 3500}));
  CHECK(done.get() == CommitState::committed);
  CHECK_FALSE(local_first);
  REQUIRE(w.local.rows == 1);
  const WriteRequest request = written(w.http.requests().at(0));
  REQUIRE(request.series.size() == 1);
  CHECK(*request.series[0].labels ==
        Labels{{"__name__", "volta_power_watts"}, {"host", "box"}, {"zone", "package"}});
  CHECK(request.series[0].times_ms == std::vector<std::int64_t>{1000, 2000, 3000});
  CHECK(request.series[0].values == std::vector{1.5, 2.5, 3.5});
}

TEST_CASE("an engine that is away delays what it gets, and loses and repeats nothing") {
  Writing w;
  w.http.next(FakeHttp::broken("connection refused"));
  w.http.next(FakeHttp::status(503));
  w.start();
  w.series = w.journal->resolve(w.host, w.def);
  auto done = w.append(w.entry(1, {1000}, {1500}));
  CHECK(done.get() == CommitState::committed);
  CHECK(w.journal->reachable());
  const auto requests = w.http.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].body == requests[2].body);
  CHECK(w.local.rows == 1);
}

TEST_CASE("a batch that the engine refuses for good is dropped, and the next one goes on") {
  Writing w;
  w.http.next(FakeHttp::status(400, {}, "out of bounds"));
  w.start();
  w.series = w.journal->resolve(w.host, w.def);
  CHECK(w.append(w.entry(1, {1000}, {1})).get() == CommitState::committed);
  CHECK(w.append(w.entry(2, {2000}, {1})).get() == CommitState::committed);
  CHECK(w.local.rows == 2);
  std::vector<MetricFamily> families;
  w.journal->append_to(families);
  double dropped = -1;
  for (const MetricFamily& one : families) {
    for (const ExpositionSample& sample : one.samples) {
      if (label_value(sample.labels, "outcome") == "dropped") dropped = sample.value;
    }
  }
  CHECK(dropped == 1);
}

TEST_CASE("series that were resolved before a restart are found in the store") {
  Writing w;
  w.series = SeriesId{77};
  w.index.records = {{SeriesId{77}, w.host, w.def}};
  w.start();
  CHECK(w.append(w.entry(1, {1000}, {1500})).get() == CommitState::committed);
  const WriteRequest request = written(w.http.requests().at(0));
  REQUIRE(request.series.size() == 1);
  CHECK(label_value(*request.series[0].labels, "host") == "box");
}

TEST_CASE("what is beyond a host's limit of series is sent under nobody's name") {
  Writing w;
  w.index.records = {{SeriesId{}, w.host, w.def}};
  w.start();
  CHECK(w.append(w.entry(1, {1000}, {1500})).get() == CommitState::committed);
  CHECK(w.http.requests().empty());
}

TEST_CASE("while the engine is away the queue is bounded, and stopping gives everything back") {
  Writing w;
  w.http.otherwise = FakeHttp::status(503);
  w.start();
  w.series = w.journal->resolve(w.host, w.def);
  std::vector<std::future<CommitState>> waiting;
  bool refused = false;
  for (std::uint64_t seq = 1; seq <= 100 && !refused; ++seq) {
    JournalEntry one = w.entry(seq, {1000, 2000}, {1, 2});
    auto promise = std::make_shared<std::promise<CommitState>>();
    one.done = [promise](CommitState state) { promise->set_value(state); };
    if (w.journal->append(std::move(one))) {
      waiting.push_back(promise->get_future());
    } else {
      refused = true;
    }
  }
  CHECK(refused);
  w.journal->stop();
  for (auto& one : waiting) CHECK(one.get() == CommitState::failed);
  CHECK(w.local.rows == 0);
  JournalEntry late = w.entry(101, {1000}, {1});
  CHECK_FALSE(w.journal->append(std::move(late)));
}

TEST_CASE("what the local store does not take is not acknowledged") {
  Writing w;
  w.local.full = true;
  w.start();
  w.series = w.journal->resolve(w.host, w.def);
  CHECK(w.append(w.entry(1, {1000}, {1})).get() == CommitState::failed);
}

TEST_CASE("foreign samples are written through") {
  FakeHttp http;
  const EngineClient client({"http://x/w", "http://x", {}}, http);
  EngineSink sink(client);
  LabeledSamples one;
  one.labels = std::make_shared<const Labels>(Labels{{"__name__", "up"}});
  one.times_ms = {1, 2};
  one.values = {1, 0};
  const std::vector<LabeledSamples> series = {one};
  WriteOutcome outcome = sink.write(series);
  CHECK(outcome.state == WriteState::committed);
  CHECK(outcome.written == 2);
  http.otherwise = FakeHttp::status(400, {}, "too old");
  outcome = sink.write(series);
  CHECK(outcome.state == WriteState::committed);
  CHECK(outcome.refused == 2);
  CHECK(outcome.why == "status 400: too old");
  http.otherwise = FakeHttp::broken("away");
  CHECK(sink.write(series).state == WriteState::busy);
}

TEST_CASE("keyed samples are written through, and a key is asked for its labels once") {
  FakeHttp http;
  const EngineClient client({"http://x/w", "http://x", {}}, http);
  EngineSink sink(client);
  int asked = 0;
  KeyedSamples samples;
  samples.series = {{"up", 0, 2}, {"bad", 2, 1}, {"none", 3, 0}, {"bad", 3, 0}};
  samples.times_ms = {1, 2, 1};
  samples.values = {1, 0, 7};
  samples.labels = [&](std::string_view key) -> Result<std::shared_ptr<const Labels>> {
    ++asked;
    if (key == "bad") return Error{"it is bad"};
    return std::make_shared<const Labels>(Labels{{"__name__", std::string(key)}});
  };
  for (int round = 0; round < 3; ++round) {
    const WriteOutcome outcome = sink.write_keyed(samples);
    CHECK(outcome.state == WriteState::committed);
    CHECK(outcome.written == 2);
    CHECK(outcome.refused == 1);
    CHECK(outcome.refused_empty == 1);
    CHECK(outcome.why == "it is bad");
    CHECK(asked == 4 + 2 * round);
  }
  samples.series = {{"bad", 2, 1}};
  CHECK(sink.write_keyed(samples).refused == 1);
  http.otherwise = FakeHttp::broken("away");
  CHECK(sink.write_keyed(samples).state == WriteState::committed);  // there is nothing to send
  samples.series = {{"up", 0, 2}};
  CHECK(sink.write_keyed(samples).state == WriteState::busy);
}

}  // namespace
}  // namespace volta
