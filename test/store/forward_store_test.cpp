#include "store/forward_store.hpp"

#include <bit>
#include <limits>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/schema.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
constexpr ForwardPosition kBefore{};
constexpr std::size_t kEverything = 10'000'000;

// Bits, so that NaNs compare.
using ForwardSamples = std::map<Labels, std::map<std::int64_t, std::uint64_t>>;

class ForwardTest {
 public:
  ForwardTest() {
    options.directory = dir.path() / "data";
    options.seal_in_background = false;
    options.raw_age = std::chrono::milliseconds(0);
    options.forward_readers = std::vector<std::string>{"r"};
  }
  void open() {
    store.reset();
    store = std::make_unique<Store>(options, clock);
  }
  [[nodiscard]] ForwardLog& log() const { return store->forward_log(); }
  [[nodiscard]] HostId host(const std::string& name) const {
    const auto known = store->hosts().find(name);
    const auto number = static_cast<std::uint8_t>(name.front());
    return known ? known->id : store->hosts().add(name, test::token(number)).value().id;
  }
  // One group of a run that nothing can be added to after the next open().
  void append(const std::string& name, std::uint64_t run, std::int64_t first_ms = kStart,
              int ticks = 10) const {
    test::Agent agent(store->journal(), host(name), test::run_id(run));
    const Slot slot = agent.define(test::gauge("m"));
    for (int i = 0; i < ticks; ++i) {
      agent.tick(first_ms + i * 1000, std::vector<Reading>{{slot, run * 1000 + 1}});
    }
    REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
  }
  void write(const std::string& name, std::int64_t time_ms, double value = 1) const {
    const auto labels = std::make_shared<const Labels>(Labels{{"__name__", name}});
    const auto outcome =
        store->sink().write(std::vector<LabeledSamples>{{labels, {time_ms}, {value}}});
    REQUIRE(outcome.state == WriteState::committed);
  }
  [[nodiscard]] std::int64_t count(const char* sql) const {
    Connection connection((options.directory / "volta.db").string(), Connection::Mode::reader,
                          1000);
    return connection.number(sql);
  }
  // Everything behind the position, by portions of about so many samples.
  [[nodiscard]] std::vector<ForwardRow> read(ForwardPosition after = kBefore,
                                             std::size_t portion = kEverything) const {
    std::vector<ForwardRow> all;
    for (;;) {
      std::vector<ForwardRow> rows = log().read_after(after, portion);
      if (rows.empty()) return all;
      for (ForwardRow& row : rows) {
        REQUIRE(after < row.position);
        after = row.position;
        all.push_back(std::move(row));
      }
    }
  }

  test::TempDir dir;
  test::FakeClock clock{kStart + 60'000};
  StoreOptions options;
  std::unique_ptr<Store> store;
};

std::vector<std::uint64_t> forward_bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> bits;
  for (const double value : values) bits.push_back(std::bit_cast<std::uint64_t>(value));
  return bits;
}

bool same_forward_row(const ForwardRow& a, const ForwardRow& b) {
  return a.position == b.position && *a.samples.labels == *b.samples.labels &&
         a.samples.times_ms == b.samples.times_ms &&
         forward_bits(a.samples.values) == forward_bits(b.samples.values);
}

bool same_forward_rows(const std::vector<ForwardRow>& a, const std::vector<ForwardRow>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_forward_row);
}

TEST_CASE_METHOD(ForwardTest, "both journals are read in the order of acceptance") {
  open();
  test::Agent agent(store->journal(), host("laptop"), test::run_id(1));
  SeriesDef def = test::counter("cpu", {{"mode", "user"}, {"zone", "1"}});
  def.scale = 2;
  const Slot slot = agent.define(def);
  const auto tick = [&](std::int64_t time, std::uint64_t raw) {
    REQUIRE(test::commit(store->journal(), agent.finish_one(slot, time, raw)) ==
            CommitState::committed);
  };
  tick(kStart, 1234);
  write("up", kStart, 1);
  tick(kStart + 1000, 1240);
  write("up", kStart + 1000, std::bit_cast<double>(kStaleBits));
  const auto rows = read();
  REQUIRE(rows.size() == 4);
  const Labels cpu{{"__name__", "cpu"}, {"host", "laptop"}, {"mode", "user"}, {"zone", "1"}};
  CHECK(*rows[0].samples.labels == cpu);
  CHECK(rows[0].samples.times_ms == std::vector{kStart});
  CHECK(rows[0].samples.values == std::vector{12.34});
  CHECK(*rows[1].samples.labels == Labels{{"__name__", "up"}});
  CHECK(rows[2].samples.values == std::vector{12.40});
  CHECK(rows[2].samples.labels == rows[0].samples.labels);  // the very same, not only equal
  CHECK(std::bit_cast<std::uint64_t>(rows[3].samples.values[0]) == kStaleBits);
  CHECK(log().newest() >= rows[3].position);
  CHECK(log().read_after(log().newest(), 100).empty());
  CHECK(log().forgotten() == kBefore);

  CHECK(read(rows[1].position).size() == 2);
  CHECK(log().read_after(kBefore, 0).size() == 1);  // one, however little was asked for
  const ForwardPosition before = log().newest();
  write("up", kStart + 2000);
  CHECK(before < log().newest());
  CHECK(read(before).size() == 1);
}

TEST_CASE_METHOD(ForwardTest, "many samples of a commit are several rows of rising times") {
  open();
  test::Agent agent(store->journal(), host("a"), test::run_id(1));
  const Slot one = agent.define(test::gauge("one"));
  const Slot two = agent.define(test::gauge("two"));
  constexpr int kTicks = 2'500;
  for (int i = 0; i < kTicks; ++i) {  // the clock was set back in the middle, onto known times
    const std::int64_t time = kStart + (i < 1'500 ? i : i - 300) * 10;
    std::vector<Reading> readings{{one, static_cast<std::uint64_t>(i)}};
    if (i % 2 == 0) readings.push_back({two, static_cast<std::uint64_t>(i)});
    agent.tick(time, readings);
  }
  REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
  for (const std::size_t portion : {std::size_t{1}, std::size_t{1'500}, kEverything}) {
    CAPTURE(portion);
    ForwardSamples found;
    std::size_t rows = 0;
    for (const ForwardRow& row : read(kBefore, portion)) {
      ++rows;
      const auto& times = row.samples.times_ms;
      CHECK(times.size() <= ForwardRow::kMostRowSamples);
      CHECK(std::adjacent_find(times.begin(), times.end(), std::greater_equal<>()) == times.end());
      for (std::size_t i = 0; i < times.size(); ++i) {
        found[*row.samples.labels][times[i]] = std::bit_cast<std::uint64_t>(row.samples.values[i]);
      }
    }
    CHECK(rows == 6);
    const auto& samples = found.at(Labels{{"__name__", "one"}, {"host", "a"}});
    CHECK(samples.size() == 2'200);
    CHECK(samples.at(kStart + 12'500) == std::bit_cast<std::uint64_t>(1'550.0));  // the later one
  }
}

// One commit of a host: ticks in any order, some at one time, gaps, values near both ends.
ForwardSamples random_batch(std::mt19937_64& random, test::Agent& agent, const std::string& host,
                            std::span<const SeriesDef> defs, JournalEntry& entry) {
  ForwardSamples expected;
  const std::size_t ticks = 1 + random() % 6;
  for (std::size_t tick = 0; tick < ticks; ++tick) {
    const std::int64_t time = kStart + static_cast<std::int64_t>(random() % 8) * 500;
    std::vector<Reading> readings;
    for (Slot slot = 0; slot < defs.size(); ++slot) {
      if (random() % 3 == 0) continue;
      std::uint64_t raw = random() % 4 == 0 ? random() : random() % 1000;
      readings.push_back({slot, raw});
      Labels labels = defs[slot].labels;
      labels.emplace_back("__name__", defs[slot].name);
      labels.emplace_back("host", host);
      std::sort(labels.begin(), labels.end());
      expected[labels][time] =
          std::bit_cast<std::uint64_t>(to_double(defs[slot].type, defs[slot].scale, raw));
    }
    agent.tick(time, readings);
  }
  if (random() % 4 == 0) agent.force_keyframe();
  entry = agent.finish();
  return expected;
}

ForwardSamples random_foreign(std::mt19937_64& random, std::vector<LabeledSamples>& request) {
  ForwardSamples expected;
  for (std::size_t count = 1 + random() % 4; count-- > 0;) {
    Labels labels{{"__name__", "f" + std::to_string(random() % 3)},
                  {"i", std::to_string(random() % 4)}};
    LabeledSamples samples{std::make_shared<const Labels>(labels), {}, {}};
    std::int64_t time = kStart;
    for (std::size_t i = 1 + random() % 3; i-- > 0;) {
      time += 1 + static_cast<std::int64_t>(random() % 1000);
      const std::uint64_t bits = random() % 5 == 0 ? kStaleBits : random();
      samples.times_ms.push_back(time);
      samples.values.push_back(std::bit_cast<double>(bits));
      expected[labels][time] = bits;
    }
    request.push_back(std::move(samples));
  }
  return expected;
}

// What one commit's rows come to: of two samples for one time the later row's.
std::vector<ForwardSamples> by_commit(const std::vector<ForwardRow>& rows) {
  std::vector<ForwardSamples> commits;
  std::uint64_t last = 0;
  for (const ForwardRow& row : rows) {
    if (row.position.commit != last) commits.emplace_back();
    last = row.position.commit;
    auto& series = commits.back()[*row.samples.labels];
    for (std::size_t i = 0; i < row.samples.times_ms.size(); ++i) {
      series[row.samples.times_ms[i]] = std::bit_cast<std::uint64_t>(row.samples.values[i]);
    }
  }
  return commits;
}

TEST_CASE_METHOD(ForwardTest, "random commits of both journals are all read, once, bit by bit") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  SeriesDef real = test::gauge("real");
  real.type = ValueType::float64;
  SeriesDef large = test::counter("large", {{"a", "b"}});
  large.type = ValueType::uint64;
  SeriesDef scaled = test::gauge("scaled", {{"zone", "z"}});
  scaled.scale = 3;
  const std::vector<SeriesDef> defs{real, large, scaled};
  std::vector<ForwardSamples> model;
  std::vector<ForwardRow> before;
  ForwardPosition seen = kBefore;
  for (std::uint64_t round = 0; round < 5; ++round) {
    open();
    // What was read before the restart is read again just so.
    CHECK(same_forward_rows(read(kBefore, 1 + random() % 50), before));
    std::vector<test::Agent> agents;
    const std::vector<std::string> names{"x", "y"};
    for (std::size_t i = 0; i < names.size(); ++i) {
      agents.emplace_back(store->journal(), host(names[i]), test::run_id(round * 10 + i));
      agents.back().define(defs[0]);
    }
    std::size_t defined = 1;
    for (int commit = 0; commit < 40; ++commit) {
      if (commit == 10 || commit == 25) {  // the layout grows within the run
        for (test::Agent& agent : agents) agent.define(defs[defined]);
        ++defined;
      }
      if (commit % 8 == 7) CHECK_FALSE(read(seen).empty());
      const std::size_t who = random() % 3;
      if (who < 2) {
        JournalEntry entry;
        model.push_back(
            random_batch(random, agents[who], names[who], std::span(defs).first(defined), entry));
        REQUIRE(test::commit(store->journal(), std::move(entry)) == CommitState::committed);
      } else {
        std::vector<LabeledSamples> request;
        model.push_back(random_foreign(random, request));
        // Of a series that is named twice the later place counts as accepted later.
        REQUIRE(store->sink().write(request).state == WriteState::committed);
      }
    }
    std::erase_if(model, [](const ForwardSamples& samples) { return samples.empty(); });
    const auto fresh = read(seen, 1 + random() % 200);
    before.insert(before.end(), fresh.begin(), fresh.end());
    seen = before.back().position;
    CHECK(by_commit(before) == model);
    const std::size_t at = random() % before.size();
    const std::vector<ForwardRow> rest(before.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                       before.end());
    CHECK(same_forward_rows(read(before[at].position, 1 + random() % 50), rest));
  }
}

TEST_CASE_METHOD(ForwardTest, "sealed rows stay until the reader has them") {
  open();
  log().save("r", "here", log().newest());
  append("a", 1);
  append("b", 2);
  write("f", kStart);
  const auto rows = read();
  REQUIRE(rows.size() == 3);
  open();  // so that nothing is in force
  store->seal_all();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0 AND host_id<>0") == 2);
  CHECK(count("SELECT count(*) FROM journal") == 2);
  CHECK(same_forward_rows(read(), rows));
  CHECK(log().forgotten() == kBefore);

  log().save("r", "one", rows[0].position);  // of its commit there might be more rows
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 2);
  open();  // the cursor holds from the start
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 2);
  log().save("r", "two", rows[1].position);
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 1);
  CHECK(read().size() == 2);
  log().save("r", "all", log().newest());
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 0);
  CHECK(log().load("r") == "all");
  CHECK(log().forgotten() <= log().newest());
  CHECK(log().forgotten() >= rows[1].position);
}

TEST_CASE_METHOD(ForwardTest, "who is not configured holds nothing and learns what it missed") {
  open();
  log().save("r", "", log().newest());
  log().save("old", "kept", log().newest());
  append("a", 1);
  const auto rows = read();
  options.forward_readers = std::vector<std::string>();
  open();
  CHECK(count("SELECT count(*) FROM sqlite_schema WHERE name='journal_accepted'") == 0);
  CHECK(same_forward_rows(read(), rows));  // slower, but the same
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 0);
  options.forward_readers = std::vector<std::string>{"old", "never seen"};
  open();
  CHECK(count("SELECT count(*) FROM sqlite_schema WHERE name='journal_accepted'") == 1);
  CHECK(log().load("old") == "kept");
  CHECK(log().load("never seen").empty());
  CHECK(log().forgotten() >= rows[0].position);
  CHECK(log().forgotten() < log().newest());
  append("a", 2);
  open();
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 1);  // "old" stands before it
  options.forward_readers = std::nullopt;             // a tool that does not know who reads
  open();
  CHECK(count("SELECT count(*) FROM sqlite_schema WHERE name='journal_accepted'") == 1);
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 1);
  log().save("r", "", log().newest());
  log().save("old", "", log().newest());
  store->seal_all();
  CHECK(count("SELECT count(*) FROM journal") == 0);
}

TEST_CASE_METHOD(ForwardTest, "a reader further behind than samples are kept is overtaken") {
  options.raw_age = std::chrono::hours(2);
  open();
  log().save("r", "", log().newest());
  append("a", 1);
  write("f", kStart);
  const auto rows = read();
  REQUIRE(rows.size() == 2);
  clock.advance(std::chrono::minutes(100));
  append("a", 2, clock.wall_ms());
  clock.advance(std::chrono::minutes(90));
  open();
  store->seal_all();
  store->maintain();
  const auto left = read();
  REQUIRE(left.size() == 1);
  CHECK(left[0].samples.values[0] == 2001);
  CHECK(log().forgotten() >= rows[1].position);
  CHECK(log().forgotten() < left[0].position);
}

TEST_CASE_METHOD(ForwardTest, "a clock that jumps drops nothing of what was not sent yet") {
  options.raw_age = std::chrono::hours(24);
  options.seal_in_background = true;  // else the journal's rows go by their age
  const std::int64_t wrong =
      GENERATE(kStart + 50'000 * std::int64_t{3'600'000}, std::int64_t{1000});
  const bool restarts = GENERATE(false, true);
  CAPTURE(wrong, restarts);
  open();
  log().save("r", "", log().newest());
  append("a", 1);
  write("f", kStart);
  const auto first = read();
  REQUIRE(first.size() == 2);
  const auto check = [&](std::size_t rows) {
    if (restarts) open();
    store->maintain();
    store->seal_all();
    store->maintain();
    CHECK(read().size() == rows);
    CHECK(log().forgotten() == kBefore);
  };
  const std::int64_t right = clock.wall_ms();
  clock.set_wall_ms(wrong);
  check(2);
  // What is committed meanwhile is no older when the clock is right again.
  clock.advance(std::chrono::minutes(20));
  write("g", clock.wall_ms());
  check(3);
  clock.set_wall_ms(right + 20 * 60'000);
  check(3);
  clock.advance(std::chrono::hours(2));
  check(3);
  CHECK(same_forward_rows({read()[0], read()[1]}, first));
}

TEST_CASE_METHOD(ForwardTest, "retention by size waits for nobody, and it shows") {
  options.size_bytes = 400'000;
  open();
  log().save("r", "", log().newest());
  std::mt19937_64 random(1);
  for (int i = 0; i < 60; ++i) {
    std::vector<LabeledSamples> request;
    LabeledSamples samples{std::make_shared<const Labels>(Labels{{"__name__", "f"}}), {}, {}};
    for (int at = 0; at < 2'000; ++at) {
      samples.times_ms.push_back(kStart + (i - 60) * 2'000 + at);
      samples.values.push_back(std::bit_cast<double>(random()));
    }
    REQUIRE(store->sink().write({&samples, 1}).state == WriteState::committed);
  }
  store->maintain();
  const auto left = read();
  REQUIRE(!left.empty());
  CHECK(left.size() < 100);
  CHECK(kBefore < log().forgotten());
  CHECK(log().forgotten() < left.front().position);
  const ForwardPosition forgotten = log().forgotten();
  open();
  CHECK(log().forgotten() == forgotten);
}

TEST_CASE_METHOD(ForwardTest, "what went with its host was not missed") {
  open();
  log().save("r", "", log().newest());
  append("a", 1);
  REQUIRE(store->hosts().remove(host("a")).has_value());
  CHECK(read().empty());
  store->maintain();
  CHECK(count("SELECT count(*) FROM journal") == 0);
  CHECK(log().forgotten() == kBefore);
}

TEST_CASE_METHOD(ForwardTest, "a cursor that was saved survives a kill") {
  open();
  write("f", kStart);
  log().save("r", "first", kBefore);
  log().save("r", std::string("second \0 line\n", 14), read().back().position);
  // What a process that is killed now leaves behind.
  const auto copy = dir.path() / "copy";
  std::filesystem::create_directories(copy);
  for (const char* name : {"volta.db", "volta.db-wal"}) {
    std::filesystem::copy_file(options.directory / name, copy / name);
  }
  const auto rows = read();
  options.directory = copy;
  open();
  CHECK(log().load("r") == std::string("second \0 line\n", 14));
  CHECK(same_forward_rows(read(), rows));
}

TEST_CASE_METHOD(ForwardTest, "the count of commits never goes back") {
  options.raw_age = std::chrono::hours(1);
  options.forward_readers = std::nullopt;
  open();
  write("f", kStart);
  ForwardPosition last = read().back().position;
  for (int i = 0; i < 3; ++i) {
    clock.advance(std::chrono::hours(2));
    store->maintain();
    CHECK(count("SELECT count(*) FROM foreign_row") == 0);
    open();
    CHECK(last <= log().newest());
    write("f", clock.wall_ms());
    CHECK(last < read().back().position);
    last = read().back().position;
  }
}

TEST_CASE("rows are held no further back than the hold's bounds") {
  const test::TempDir dir;
  test::FakeClock clock(kStart);
  const DataDirectory data(dir.path() / "data");
  Connection writer(data.touch("volta.db").string(), Connection::Mode::writer, 1000);
  migrate(writer, data, migrations());
  AgeClock ages(clock, data.touch(kAgeClockName), 0, {});
  RowHold hold(clock, ages, {0, 10 * RowHold::kMarkBytes}, std::vector<std::string>{"r"});
  hold.load(writer);
  std::int64_t accepted = hold.newest();
  const auto commit = [&](std::int64_t bytes) {
    Transaction transaction(writer);
    hold.stage(writer, ++accepted, bytes);
    transaction.commit();
    hold.committed();
  };
  commit(1);
  CHECK(hold.lets_go(accepted));  // nobody has asked for anything yet
  hold.moved("somebody else", {});
  CHECK(hold.lets_go(accepted));
  const std::int64_t first = accepted;
  hold.moved("r", {static_cast<std::uint64_t>(first), 0});
  CHECK(hold.lets_go(first - 1));
  CHECK_FALSE(hold.lets_go(first));
  for (int i = 0; i < 10; ++i) commit(RowHold::kMarkBytes);
  CHECK_FALSE(hold.lets_go(first));
  for (int i = 0; i < 3; ++i) commit(RowHold::kMarkBytes);
  CHECK(hold.lets_go(first));
  CHECK_FALSE(hold.lets_go(accepted));
  CHECK(writer.number("SELECT count(*) FROM commit_mark") <= 13);
  hold.moved("r",
             {static_cast<std::uint64_t>(accepted), std::numeric_limits<std::uint32_t>::max()});
  CHECK(hold.lets_go(accepted));

  // What was rolled back leaves no trace, and nothing that was committed is counted again.
  const std::int64_t newest = hold.newest();
  {
    Transaction transaction(writer);
    hold.stage(writer, newest + 5, RowHold::kMarkBytes);
  }
  hold.rolled_back();
  CHECK(hold.newest() == newest);
  RowHold again(clock, ages, {0, 0}, std::nullopt);
  again.load(writer);
  CHECK(again.newest() >= newest);
}

}  // namespace
}  // namespace volta
