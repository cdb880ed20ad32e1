#include "store/foreign_seal.hpp"

#include <bit>
#include <cmath>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/run_table.hpp"
#include "store/store.hpp"
#include "store/window_builder.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
// Bits, so that NaNs compare.
using ForeignSealModel = std::map<Labels, std::map<std::int64_t, std::uint64_t>>;
// The end of the hour that kStart lies in.
constexpr std::int64_t kForeignEnd = (kStart / kWindowMs + 1) * kWindowMs;

Labels foreign_name(const std::string& name) { return {{"__name__", name}}; }

class ForeignSealTest {
 public:
  ForeignSealTest() {
    options.directory = dir_.path() / "data";
    options.seal_in_background = false;
    options.raw_age = std::chrono::milliseconds(0);
    options.minute_age = options.hour_age = options.raw_age;
  }
  void open() {
    store.reset();
    store = std::make_unique<Store>(options, clock);
  }
  [[nodiscard]] std::int64_t count(const std::string& what) const {
    Connection connection(file(), Connection::Mode::reader, 1000);
    return connection.number(("SELECT count(*) FROM " + what).c_str());
  }
  void change(const std::string& sql) {
    store.reset();
    { Connection(file(), Connection::Mode::writer, 1000).execute(sql); }
    open();
  }
  void write(const Labels& labels, const std::map<std::int64_t, double>& samples) {
    LabeledSamples series{std::make_shared<const Labels>(labels), {}, {}};
    for (const auto& [time, value] : samples) {
      series.times_ms.push_back(time);
      series.values.push_back(value);
      model[labels][time] = std::bit_cast<std::uint64_t>(value);
    }
    REQUIRE(store->sink().write(std::vector{series}).state == WriteState::committed);
  }
  // One sample each ten seconds.
  void write_run(const std::string& name, std::int64_t first_ms, int samples, double first = 0) {
    std::map<std::int64_t, double> run;
    for (int i = 0; i < samples; ++i) run[first_ms + i * 10'000] = first + i;
    write(foreign_name(name), run);
  }
  // Until samples that came late are due.
  void seal_late() {
    store->seal_due();
    clock.advance(std::chrono::minutes(11));
    store->seal_due();
  }
  void check_samples(TimeSpan span = {INT64_MIN, INT64_MAX}) const;
  // All of the last `kept_ms`, and of older ones only what is right.
  void check_kept(std::int64_t kept_ms) const;
  void check_windows() const;
  void check() const {
    check_samples();
    check_windows();
  }
  [[nodiscard]] WindowColumn windows(const Labels& labels, Tier tier, TimeSpan ends) const;
  [[nodiscard]] ForeignSealModel stored_samples(TimeSpan span) const;

  StoreOptions options;
  test::FakeClock clock{kStart};
  std::unique_ptr<Store> store;
  ForeignSealModel model;

 private:
  [[nodiscard]] std::string file() const { return (options.directory / "volta.db").string(); }
  test::TempDir dir_;
};

ForeignSealModel ForeignSealTest::stored_samples(TimeSpan span) const {
  const auto series = store->source().select({}, span, 100'000).value();
  ForeignSealModel found;
  store->source().read(series, span, [&](std::size_t at, const SampleSlice& samples) {
    REQUIRE(std::adjacent_find(samples.times_ms.begin(), samples.times_ms.end(),
                               std::greater_equal<>()) == samples.times_ms.end());
    for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
      found[*series[at].labels][samples.times_ms[i]] =
          std::bit_cast<std::uint64_t>(samples.values[i]);
    }
    return true;
  });
  return found;
}

void ForeignSealTest::check_samples(TimeSpan span) const {
  ForeignSealModel expected;
  for (const auto& [labels, samples] : model) {
    std::map<std::int64_t, std::uint64_t> inside{samples.lower_bound(span.start_ms),
                                                 samples.upper_bound(span.end_ms)};
    if (!inside.empty()) expected[labels] = std::move(inside);
  }
  REQUIRE(stored_samples(span) == expected);
}

void ForeignSealTest::check_kept(std::int64_t kept_ms) const {
  const std::int64_t oldest = clock.wall_ms() - kept_ms;
  check_samples({oldest, INT64_MAX});
  for (const auto& [labels, samples] : stored_samples({INT64_MIN, oldest})) {
    const auto known = model.find(labels);
    REQUIRE(known != model.end());
    REQUIRE(
        std::includes(known->second.begin(), known->second.end(), samples.begin(), samples.end()));
  }
}

bool same_value(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool close_value(double a, double b) {
  return same_value(a, b) || std::abs(a - b) <= 1e-9 * (std::abs(a) + std::abs(b)) + 1e-6;
}

void check_foreign_windows(const WindowColumn& found, const WindowColumn& expected, bool counter) {
  REQUIRE(found.end_ms == expected.end_ms);
  REQUIRE(found.first_ms == expected.first_ms);
  REQUIRE(found.last_ms == expected.last_ms);
  REQUIRE(found.count == expected.count);
  REQUIRE(found.ends_stale == expected.ends_stale);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(found.end_ms[i]);
    REQUIRE(same_value(found.first[i], expected.first[i]));
    REQUIRE(same_value(found.last[i], expected.last[i]));
    REQUIRE(same_value(found.min[i], expected.min[i]));
    REQUIRE(same_value(found.max[i], expected.max[i]));
    REQUIRE(close_value(found.sum[i], expected.sum[i]));
    if (counter) REQUIRE(close_value(found.increase[i], expected.increase[i]));
  }
}

void ForeignSealTest::check_windows() const {
  const TimeSpan ever{kStart - 100'000 * kWindowMs, kStart + 100'000 * kWindowMs};
  const auto series = store->source().select({}, ever, 100'000).value();
  for (const Tier tier : {Tier::minute, Tier::hour}) {
    std::size_t visits = 0;
    store->source().read_windows(
        series, tier, ever, [&](std::size_t at, const WindowColumn& found) {
          ++visits;
          std::vector<std::int64_t> times;
          std::vector<double> values;
          const auto known = model.find(*series[at].labels);
          if (known == model.end()) return true;
          for (const auto& [time, bits] : known->second) {
            times.push_back(time);
            values.push_back(std::bit_cast<double>(bits));
          }
          check_foreign_windows(found, build_windows({times, values}, tier_step_ms(tier)),
                                series[at].kind == Kind::counter);
          return true;
        });
    REQUIRE(visits == series.size());
  }
}

WindowColumn ForeignSealTest::windows(const Labels& labels, Tier tier, TimeSpan ends) const {
  WindowColumn all;
  const auto series = store->source().select({}, ends, 100'000).value();
  store->source().read_windows(series, tier, ends, [&](std::size_t at, const WindowColumn& found) {
    if (*series[at].labels == labels) all = found;
    return true;
  });
  return all;
}

TEST_CASE_METHOD(ForeignSealTest, "an hour of foreign samples is sealed after its grace") {
  open();
  write_run("a", kForeignEnd - 600'000, 50);
  write_run("a_total", kForeignEnd - 600'000, 50);
  write_run("b", kForeignEnd - 20'000, 4);  // the third ends the hour
  store->seal_due();
  clock.set_wall_ms(kForeignEnd + 30'000);
  store->seal_due();
  CHECK(count("pack") == 0);
  clock.set_wall_ms(kForeignEnd + 120'000);
  store->seal_due();
  CHECK(count("pack WHERE tier=0 AND host_id=0") == 1);
  CHECK(count("pack WHERE tier=1") == 1);
  CHECK(count("pack WHERE tier=2") == 1);
  // What reaches beyond the hour stays, as a copy in part.
  CHECK(count("foreign_row") == 1);
  check();
  open();
  check();
  clock.set_wall_ms(kForeignEnd + kWindowMs + 120'000);
  seal_late();
  CHECK(count("foreign_row") == 0);
  check();
  options.head_bytes = 0;
  open();
  check();
}

TEST_CASE_METHOD(ForeignSealTest, "old foreign samples wait until no more come") {
  open();
  clock.set_wall_ms(kForeignEnd + 5 * kWindowMs);
  write_run("a", kForeignEnd - 600'000, 10);
  store->seal_due();
  clock.advance(std::chrono::seconds(50));
  write_run("a", kForeignEnd - 500'000, 10, 7);
  store->seal_due();
  clock.advance(std::chrono::seconds(50));
  store->seal_due();
  CHECK(count("pack") == 0);
  clock.advance(std::chrono::seconds(10));
  store->seal_due();
  CHECK(count("pack") == 3);
  check();
  // However often more of them come, ten minutes are enough.
  for (int i = 0; i < 15; ++i) {
    write_run("a", kForeignEnd - 400'000, 10, i);
    store->seal_due();
    CHECK(count("pack WHERE tier=0") == (i < 14 ? 1 : 2));
    clock.advance(std::chrono::seconds(i < 13 ? 45 : 15));
  }
  check();
}

TEST_CASE_METHOD(ForeignSealTest, "foreign samples for a sealed hour win over what is there") {
  open();
  write_run("a", kForeignEnd - 600'000, 60);
  store->seal_all();
  CHECK(count("foreign_row") == 0);
  write(foreign_name("a"), {{kForeignEnd - 600'000, 1.5}, {kForeignEnd - 599'999, 2.5}});
  write(foreign_name("new"), {{kForeignEnd - 1000, 1}});
  check();
  store->seal_all();
  check();
  // All there is to write of the hour is one pack again; nothing more to do the next time.
  CHECK(count("pack WHERE tier=0") == 1);
  store->seal_all();
  CHECK(count("pack WHERE tier=0") == 1);
  open();
  check();
}

std::uint64_t random_bits(std::mt19937_64& random) {
  switch (random() % 12) {
    case 0:
      return kStaleBits;
    case 1:
      return 0x7ff8'0000'0000'0000U | random() % 1000;  // NaN with a payload
    case 2:
      return 0xfff0'0000'0000'0001U + random() % 1000;  // signalling, negative
    case 3:
      return std::bit_cast<std::uint64_t>(-0.0);
    case 4:
      return 0x7ff0'0000'0000'0000U;
    case 5:
      return std::bit_cast<std::uint64_t>(static_cast<double>(random() % 1000) / 7);
    default:
      return std::bit_cast<std::uint64_t>(static_cast<double>(random() % 5000));
  }
}

// Requests as they come, late, repeated, out of order, far back, ahead and over many hours.
class ForeignSealLoad {
 public:
  ForeignSealLoad(std::mt19937_64& random, ForeignSealTest& test) : random_(random), test_(test) {}

  void send() {
    std::vector<LabeledSamples> request;
    const std::int64_t now = test_.clock.wall_ms();
    std::int64_t base = now - 20'000;
    if (random_() % 3 == 0) base -= before(6 * kWindowMs);
    if (random_() % 60 == 0) base -= before(2000 * kWindowMs);
    if (random_() % 40 == 0) base += before(20 * kWindowMs);
    const std::int64_t step = random_() % 20 == 0 ? kWindowMs / 2 : 1000;
    for (std::size_t series = 1 + random_() % 6; series-- > 0;) {
      const std::string name =
          "m" + std::to_string(random_() % 3) + (random_() % 2 ? "" : "_total");
      Labels labels{{"__name__", name}, {"i", std::to_string(random_() % 3)}};
      LabeledSamples samples{std::make_shared<const Labels>(labels), {}, {}};
      std::int64_t time = base - before(3000);
      if (random_() % 10 == 0) time -= time % 60'000;
      for (std::size_t i = 1 + random_() % 30; i-- > 0; time += step) {
        if (time > now + 80'000'000) break;
        if (random_() % 8 == 0) continue;
        const std::uint64_t bits = random_bits(random_);
        samples.times_ms.push_back(time);
        samples.values.push_back(std::bit_cast<double>(bits));
        test_.model[labels][time] = bits;
      }
      if (samples.times_ms.empty() && test_.model[labels].empty()) test_.model.erase(labels);
      request.push_back(std::move(samples));
    }
    REQUIRE(test_.store->sink().write(request).state == WriteState::committed);
  }

 private:
  std::int64_t before(std::int64_t most) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most));
  }
  std::mt19937_64& random_;
  ForeignSealTest& test_;
};

TEST_CASE_METHOD(ForeignSealTest, "whenever they are sealed, foreign samples agree with a map") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  options.head_bytes = random() % 2 == 0 ? 20'000 : 24U << 20U;
  open();
  ForeignSealLoad load(random, *this);
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 20; ++i) {
      load.send();
      clock.advance(std::chrono::seconds(random() % 90));
    }
    switch (random() % 6) {
      case 0:
        store->seal_all();
        break;
      case 1:
        open();
        break;
      case 2:
        store->maintain();
        break;
      case 3:
        seal_late();
        break;
      default:
        store->seal_due();
    }
    check();
    const std::int64_t start =
        clock.wall_ms() - static_cast<std::int64_t>(random() % (8 * kWindowMs));
    check_samples({start, start + static_cast<std::int64_t>(random() % kWindowMs)});
  }
  open();
  store->seal_all();
  CHECK(count("foreign_row") == 0);
  CHECK(store->check().problems == std::vector<std::string>{});
  check();
  open();
  check();
}

TEST_CASE_METHOD(ForeignSealTest,
                 "foreign samples that go with their age and their windows agree with a map") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr std::int64_t kept = 8 * kWindowMs;
  options.raw_age = std::chrono::milliseconds(kept);
  options.seal_in_background = true;  // else rows go by their age
  options.head_bytes = random() % 2 == 0 ? 20'000 : 24U << 20U;
  open();
  ForeignSealLoad load(random, *this);
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    for (int i = 0; i < 20; ++i) {
      load.send();
      clock.advance(std::chrono::seconds(random() % 60));
    }
    switch (random() % 5) {
      case 0:
        store->seal_all();
        break;
      case 1:
        open();
        break;
      case 2:
        seal_late();
        clock.advance(std::chrono::minutes(random() % 240));
        store->maintain();
        break;
      default:
        store->seal_due();
    }
    check_kept(kept);
    check_windows();
  }
  store
      ->seal_all();  // what comes to windows without samples may be copies, and is then not counted
  clock.advance(std::chrono::hours(60));
  open();
  seal_late();
  store->maintain();
  check_windows();
  CHECK(stored_samples({INT64_MIN, clock.wall_ms() - kept - 2 * kWindowMs}).empty());
  CHECK(store->check().problems == std::vector<std::string>{});
}

TEST_CASE_METHOD(ForeignSealTest, "between a seal and the sweep each foreign sample counts once") {
  open();
  clock.set_wall_ms(kForeignEnd + kWindowMs);
  write_run("a", kForeignEnd - 600'000, 100);
  write_run("a", kForeignEnd - 300'000, 10, 500);
  // Over many hours in one row.
  write(foreign_name("wide"), {{kForeignEnd - 90 * kWindowMs, 1},
                               {kForeignEnd - 40 * kWindowMs, 2},
                               {kForeignEnd - 1000, 3}});
  change("CREATE TABLE kept AS SELECT * FROM foreign_row");
  store->seal_all();
  CHECK(count("foreign_row") == 0);
  change("INSERT INTO foreign_row SELECT * FROM kept");
  REQUIRE(count("foreign_row") == 3);
  check();
  options.head_bytes = 0;
  open();
  check();
  // New ones beside the copies.
  write_run("a", kForeignEnd - 400'000, 3, 900);
  check();
  const std::int64_t packs = count("pack WHERE tier=0");
  store->seal_due();
  CHECK(count("foreign_row") == 1);  // the copies went
  CHECK(count("pack WHERE tier=0") == packs);
  check();
  seal_late();
  CHECK(count("foreign_row") == 0);
  CHECK(count("pack WHERE tier=0") == packs + 1);
  check();
}

TEST_CASE_METHOD(ForeignSealTest, "foreign samples older than are kept go to the tiers only") {
  options.raw_age = std::chrono::hours(24);
  options.seal_in_background = true;  // else the journal's rows go by their age
  open();
  const std::int64_t old = kForeignEnd - 48 * kWindowMs;
  write_run("a_total", old - 600'000, 30);
  seal_late();
  CHECK(count("pack WHERE tier=0") == 0);
  CHECK(count("foreign_row") == 0);
  const auto hour = [&] { return windows(foreign_name("a_total"), Tier::hour, {old, old}); };
  REQUIRE(hour().size() == 1);
  CHECK(hour().count[0] == 30);
  CHECK(hour().increase[0] == 29);
  // More of the hour is joined with what the tiers have, and counted once.
  write_run("a_total", old - 300'000, 20, 30);
  CHECK(hour().count[0] == 50);
  seal_late();
  CHECK(hour().count[0] == 50);
  CHECK(hour().increase[0] == 49);
  store->seal_all();
  open();
  CHECK(hour().count[0] == 50);
  CHECK(count("pack WHERE tier=0") == 0);
}

TEST_CASE_METHOD(ForeignSealTest, "foreign packs go by their tier's age, series with the last") {
  options.raw_age = std::chrono::hours(24);
  options.minute_age = std::chrono::hours(48);
  options.hour_age = std::chrono::hours(24 * 40);
  open();
  write_run("a", kForeignEnd - 600'000, 60);
  store->seal_all();
  const auto check_packs = [&](int of_raw, int of_minutes, int of_hours) {
    store->maintain();
    CHECK(count("pack WHERE tier=0") == of_raw);
    CHECK(count("pack WHERE tier=1") == of_minutes);
    CHECK(count("pack WHERE tier=2") == of_hours);
  };
  check_packs(1, 1, 1);
  clock.advance(std::chrono::hours(25));
  check_packs(0, 1, 1);
  clock.advance(std::chrono::hours(30));
  check_packs(0, 0, 1);
  // The series was not asked for in a week, but has windows.
  clock.advance(std::chrono::hours(24 * 8));
  check_packs(0, 0, 1);
  CHECK(count("series") == 1);
  CHECK(windows(foreign_name("a"), Tier::hour, {kForeignEnd, kForeignEnd}).size() == 1);
  clock.advance(std::chrono::hours(24 * 40));
  check_packs(0, 0, 0);
  clock.advance(std::chrono::hours(25));
  store->maintain();
  CHECK(count("series") == 0);
  CHECK(count("series_kept") == 0);
}

TEST_CASE_METHOD(ForeignSealTest, "an import over days is sealed, however its rows lie") {
  open();
  // A sample each five minutes, of three series one after the other.
  for (const std::string name : {"a", "b", "c_total"}) {
    std::map<std::int64_t, double> samples;
    for (int i = 0; i < 8 * 288; ++i) samples[kStart - std::int64_t{i} * 300'000] = i % 777;
    write(foreign_name(name), samples);
  }
  CHECK(count("foreign_row") == 9);  // cut at hours' ends as soon as they are worth it
  check();
  store->seal_all();
  CHECK(count("foreign_row") == 0);
  CHECK(count("seal") == 8 * 24 + 1);
  check();
  open();
  check();
}

TEST_CASE_METHOD(ForeignSealTest, "a damaged row of foreign samples is not taken for sealed") {
  options.head_bytes = 0;
  open();
  for (int i = 0; i < 3; ++i) {
    write(foreign_name("a"), {{kForeignEnd - 600'000 + i, i}});
    clock.advance(std::chrono::seconds(1));
  }
  change("UPDATE foreign_row SET payload=x'01ff' WHERE id=2");
  model[foreign_name("a")].erase(kForeignEnd - 600'000 + 1);
  check();
  store->seal_all();
  CHECK(count("foreign_row") == 1);
  check();
  open();
  store->seal_all();
  store->seal_all();
  CHECK(count("foreign_row") == 1);
  CHECK(store->check().problems.size() == 1);
  check();
}

TEST_CASE_METHOD(ForeignSealTest, "a wrong number of a foreign row costs no other row") {
  for (const std::int64_t number : {std::int64_t{1} << 40, std::int64_t{1} << 62, kMostAccepted + 1,
                                    INT64_MAX, std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
    CAPTURE(number);
    store.reset();
    std::filesystem::remove_all(options.directory);
    model.clear();
    open();
    for (int i = 0; i < 3; ++i) write(foreign_name("a"), {{kForeignEnd - 600'000 + i, i}});
    change("UPDATE foreign_row SET id=" + std::to_string(number) + " WHERE id=3");
    const bool known = number > 0 && number <= kMostAccepted;
    if (!known) model[foreign_name("a")].erase(kForeignEnd - 600'000 + 2);
    const StoreCheck found = store->check();
    REQUIRE(found.problems.size() == 1);
    CHECK(found.problems[0] == "1 rows of foreign samples have numbers that were never counted");
    check();
    for (int i = 3; i < 6; ++i) write(foreign_name("a"), {{kForeignEnd - 600'000 + i, i}});
    check();
    open();
    check();
    store->seal_all();
    check();
    write(foreign_name("a"), {{kForeignEnd + 1, 1}});
    CHECK(count("foreign_row") == (known ? 1 : 2));
    store->seal_all();
    open();
    check();
    CHECK(count("foreign_row") == (known ? 0 : 1));
    CHECK(store->check().sound() == known);
    CHECK(store->forward_log().forgotten() <= store->forward_log().newest());
  }
}

TEST_CASE_METHOD(ForeignSealTest, "a wrong count of rows keeps later samples") {
  for (const std::string& number : std::vector<std::string>{"1099511627776", "9223372036854775807",
                                                            "9223372036854775000", "-1", "0"}) {
    for (const std::string& sql : std::vector<std::string>{
             "UPDATE OR REPLACE commit_mark SET accepted=" + number,
             "INSERT OR REPLACE INTO commit_mark VALUES (" + number + ", 0, 0)",
             "UPDATE commit_mark SET bytes=" + number + ", wall_ms=" + number,
             "UPDATE forgotten SET accepted=" + number,
             "UPDATE foreign_row SET points=" + number + " WHERE id=2",
             "UPDATE seal SET accepted=" + number}) {
      CAPTURE(sql);
      store.reset();
      std::filesystem::remove_all(options.directory);
      model.clear();
      open();
      write(foreign_name("a"), {{kForeignEnd - kWindowMs, 7}});
      store->seal_all();
      for (int i = 0; i < 3; ++i) write(foreign_name("a"), {{kForeignEnd - 600'000 + i, i}});
      change(sql);
      check_samples();
      for (int i = 3; i < 6; ++i) write(foreign_name("a"), {{kForeignEnd - 600'000 + i, i}});
      check_samples();
      store->seal_all();
      write(foreign_name("a"), {{kForeignEnd - kWindowMs, 8}});
      check();
      store->seal_all();
      open();
      check();
      CHECK(store->forward_log().forgotten() <= store->forward_log().newest());
    }
  }
}

TEST_CASE_METHOD(ForeignSealTest, "sealed foreign samples of a recorded kind take few bytes") {
  open();
  std::mt19937_64 random(1);
  // A counter that steps now and then, one that always does, a noisy gauge and five that stand.
  for (int series = 0; series < 8; ++series) {
    std::map<std::int64_t, double> samples;
    double value = 1000.0 * series;
    for (int i = 0; i < 3000; ++i) {
      if (series == 0 && random() % 10 == 0) value += 1;
      if (series == 1) value += static_cast<double>(90 + random() % 20);
      if (series == 2) value = static_cast<double>(random() % 64);
      samples[kForeignEnd - 3'100'000 + i * 1000] = value;
    }
    write(foreign_name("m" + std::to_string(series)), samples);
  }
  store->seal_all();
  check();
  CHECK(count("foreign_row") == 0);
  const auto raw = store->stats(10).tiers.at(Tier::raw);
  CHECK(raw.samples == 8 * 3000);
  Connection connection((options.directory / "volta.db").string(), Connection::Mode::reader, 1000);
  const auto bytes = connection.number("SELECT sum(length(data)) FROM pack WHERE tier=0");
  CHECK(static_cast<double>(bytes) / (8 * 3000) < 0.35);
}

}  // namespace
}  // namespace volta
