// A column of a pack whose checksum is wrong: it is left out, and nothing else is.
#include <algorithm>
#include <filesystem>
#include <numeric>
#include <random>

#include <catch2/catch.hpp>

#include "store/check.hpp"
#include "store/pack.hpp"
#include "store/seal_load.hpp"

namespace volta {
namespace {

using test::kHourEnd;
using test::kHourMs;
using test::kStart;
using test::SealerTest;

constexpr TimeSpan kEver{INT64_MIN, INT64_MAX};

// Breaks one byte in the middle of the column that the first pack of the tier has of the series,
// and of nothing else. The store must be closed.
void break_column(const std::filesystem::path& database, Tier tier, SeriesId series) {
  Connection connection(database.string(), Connection::Mode::writer, 1000);
  std::int64_t id = 0;
  Bytes data;
  std::size_t at = 0;
  {
    Query query = connection.query("SELECT id, data FROM pack WHERE tier=? ORDER BY id LIMIT 1");
    REQUIRE(query.with(static_cast<std::int64_t>(tier)).step());
    id = query.integer(0);
    const auto bytes = query.blob(1);
    data.assign(bytes.begin(), bytes.end());
    const auto pack = Pack::open(bytes, bytes.size());
    REQUIRE(pack);
    const auto entries = pack->entries();
    const auto entry = std::find_if(entries.begin(), entries.end(), [&](const PackEntry& each) {
      return each.series == series && each.length > 24;
    });
    REQUIRE(entry != entries.end());
    at = entry->offset + entry->length / 2;
  }
  data[at] ^= std::byte{0x10};
  connection.query("UPDATE pack SET data=? WHERE id=?")
      .with(std::span<const std::byte>(data), id)
      .run();
}

// An hour of four series whose columns do not lie in the head.
class BrokenColumn : public SealerTest {
 public:
  void send_late(std::uint64_t run, std::int64_t time_ms, std::uint64_t value,
                 const SeriesDef& def) {
    test::Agent late(store->journal(), host, test::run_id(run));
    late.define(def);
    REQUIRE(test::commit(store->journal(), late.finish_one(0, time_ms, value)) ==
            CommitState::committed);
  }
  void make(Tier broken) {
    open();
    test::Agent agent(store->journal(), host, test::run_id(1));
    for (int i = 0; i < 4; ++i) agent.define(test::gauge("m" + std::to_string(i)));
    for (int tick = 0; tick < kTicks; ++tick) {
      std::vector<Reading> readings;
      for (Slot slot = 0; slot < 4; ++slot) readings.push_back({slot, random_() % 1000});
      agent.tick(kHourEnd - 1'800'000 + tick * 1000, readings);
    }
    REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
    for (Slot slot = 0; slot < 4; ++slot) series.push_back(agent.series(slot));
    clock.set_wall_ms(kHourEnd + 180'000);
    store->seal_due();
    REQUIRE(count("SELECT count(*) FROM pack WHERE tier=0") == 1);
    before = windows(series[1], Tier::hour, kEver);
    store.reset();
    break_column(options.directory / "volta.db", broken, series[1]);
    open();
  }
  [[nodiscard]] std::size_t samples(std::size_t i) const { return read(series[i]).times_ms.size(); }

  static constexpr int kTicks = 1500;
  std::vector<SeriesId> series;
  WindowColumn before;

 private:
  std::mt19937_64 random_{1};
};

TEST_CASE_METHOD(BrokenColumn, "a broken column costs that column, however often it is met") {
  make(Tier::raw);
  for (int round = 0; round < 3; ++round) {
    CHECK(samples(1) == 0);
    for (const std::size_t whole : {0U, 2U, 3U}) CHECK(samples(whole) == kTicks);
    store->seal_due();
    store->seal_all();
    CHECK(count("SELECT count(*) FROM bad_pack") == 0);
    CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 1);
    const StoreCheck check = store->check();
    REQUIRE(check.problems.size() == 1);
    CHECK_THAT(check.problems[0], Catch::Contains("series 2: "));
    if (round == 1) reopen();
  }
  test::check_windows(windows(series[1], Tier::hour, kEver), before, Kind::gauge);
}

TEST_CASE_METHOD(BrokenColumn, "late samples of a broken column are added to its windows") {
  make(Tier::raw);
  for (int late = 0; late < 2; ++late) {
    for (int i = 0; i < 3; ++i) {
      send_late(10U * (late + 1U) + i, kHourEnd - 1500 - late * 60'000, 9000,
                test::gauge("m" + std::to_string(i)));
    }
    seal_late();
    store->seal_all();  // merges what can be merged, and not these
    CHECK(count("SELECT count(*) FROM bad_pack") == 0);
    CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 2 + late);
    for (std::size_t i = 0; i < 3; ++i) {
      const WindowColumn of_hours = windows(series[i], Tier::hour, {kHourEnd, kHourEnd});
      CHECK(of_hours.count == std::vector<std::uint32_t>{kTicks + 1U + late});
      CHECK(of_hours.max == std::vector<double>{9000});
      const WindowColumn of_minutes = windows(series[i], Tier::minute, kEver);
      CHECK(std::accumulate(of_minutes.count.begin(), of_minutes.count.end(), 0U) ==
            kTicks + 1U + late);
      CHECK(samples(i) == (i == 1 ? 0 : kTicks) + 1U + late);
    }
    CHECK(windows(series[1], Tier::hour, kEver).min == before.min);
    CHECK(samples(3) == kTicks);
  }
}

TEST_CASE_METHOD(BrokenColumn,
                 "what is left of a broken column makes windows where none are left") {
  make(Tier::raw);
  for (unsigned late = 1; late <= 2; ++late) {
    send_late(10 + late, kHourEnd - 1500 - late, 9000, test::gauge("m1"));
    if (late == 2) {
      store.reset();
      Connection((options.directory / "volta.db").string(), Connection::Mode::writer, 1000)
          .execute("DELETE FROM pack WHERE tier>0");
      open();
    }
    seal_late();
    CHECK(windows(series[1], Tier::hour, kEver).count.at(0) == (late == 1 ? kTicks + 1U : 2U));
  }
}

TEST_CASE_METHOD(BrokenColumn, "a broken column of a tier costs that series' windows alone") {
  const Tier tier = Tier::minute;  // an hour's are so short that they lie in the head
  make(tier);
  for (int round = 0; round < 2; ++round) {
    CHECK(windows(series[1], tier, kEver).size() == 0);
    for (const std::size_t whole : {0U, 2U, 3U}) {
      CHECK(windows(series[whole], tier, kEver).size() == 26);
    }
    CHECK(samples(1) == kTicks);
    store->seal_all();
    CHECK(count("SELECT count(*) FROM bad_pack") == 0);
    CHECK(store->check().problems.size() == 1);
  }
  // All samples are there, so the windows are made anew of them.
  send_late(10, kHourEnd - 1500, 9000, test::gauge("m1"));
  seal_late();
  const WindowColumn of_minutes = windows(series[1], tier, kEver);
  CHECK(std::accumulate(of_minutes.count.begin(), of_minutes.count.end(), 0U) == kTicks + 1U);
  store->seal_all();
  CHECK(count("SELECT count(*) FROM pack WHERE tier=1") == 2);
  CHECK(windows(series[2], tier, kEver).size() == 26);
}

TEST_CASE_METHOD(BrokenColumn, "what an archive lacks of a broken column is put aside") {
  make(Tier::raw);
  CHECK(samples(1) == 0);
  CHECK(store->broken_packs() == 0);
  store->drop_sealed_samples(kHourEnd);
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 0);
  CHECK(count("SELECT count(*) FROM bad_pack") == 1);
}

// The same of samples that were remotely written, which belong to no host.
class ForeignBrokenColumn {
  test::TempDir dir_;
  test::FakeClock clock_{kStart};
  StoreOptions options_;

 public:
  ForeignBrokenColumn() {
    options_.directory = dir_.path() / "data";
    options_.seal_in_background = false;
    options_.raw_age = std::chrono::milliseconds(0);
    options_.minute_age = options_.hour_age = options_.raw_age;
    open();
  }
  void open() {
    store.reset();
    store = std::make_unique<Store>(options_, clock_);
  }
  void make(Tier broken) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 4; ++i) {
      LabeledSamples series{labels_of(i), {}, {}};
      for (int tick = 0; tick < kTicks; ++tick) {
        series.times_ms.push_back(kHourEnd - 1'800'000 + tick * 1000);
        series.values.push_back(static_cast<double>(random() % 1000) / 7);
      }
      REQUIRE(store->sink().write(std::vector{series}).state == WriteState::committed);
    }
    clock_.advance(std::chrono::hours(2));
    seal_late();
    REQUIRE(count("SELECT count(*) FROM pack WHERE tier=0") == 1);
    before = windows("m1", Tier::hour);
    REQUIRE(before.size() == 1);
    store.reset();
    break_column(file(), broken, SeriesId{2});
    open();
  }
  void send_late(int i, std::int64_t time_ms, double value) const {
    const LabeledSamples late{labels_of(i), {time_ms}, {value}};
    REQUIRE(store->sink().write(std::vector{late}).state == WriteState::committed);
  }
  void seal_late() {
    store->seal_due();
    clock_.advance(std::chrono::minutes(11));
    store->seal_due();
  }
  [[nodiscard]] std::int64_t count(const char* what) const {
    return Connection(file(), Connection::Mode::reader, 1000).number(what);
  }
  [[nodiscard]] std::size_t samples(const std::string& name) const {
    std::size_t found = 0;
    const auto series = store->source().select({}, kEver, 100).value();
    store->source().read(series, kEver, [&](std::size_t at, const SampleSlice& slice) {
      if (series[at].labels->front().second == name) found += slice.times_ms.size();
      return true;
    });
    return found;
  }
  [[nodiscard]] WindowColumn windows(const std::string& name, Tier tier) const {
    WindowColumn all;
    const TimeSpan ends{kHourEnd - 10 * kHourMs, kHourEnd + 10 * kHourMs};
    const auto series = store->source().select({}, ends, 100).value();
    store->source().read_windows(series, tier, ends,
                                 [&](std::size_t at, const WindowColumn& found) {
                                   if (series[at].labels->front().second == name) all = found;
                                   return true;
                                 });
    return all;
  }

  static constexpr int kTicks = 1500;
  std::unique_ptr<Store> store;
  WindowColumn before;

 private:
  static std::shared_ptr<const Labels> labels_of(int i) {
    return std::make_shared<const Labels>(Labels{{"__name__", "m" + std::to_string(i)}});
  }
  [[nodiscard]] std::string file() const { return (options_.directory / "volta.db").string(); }
};

TEST_CASE_METHOD(ForeignBrokenColumn, "a broken column of foreign samples costs that column") {
  make(Tier::raw);
  for (int round = 0; round < 3; ++round) {
    CHECK(samples("m1") == 0);
    for (const char* whole : {"m0", "m2", "m3"}) CHECK(samples(whole) == kTicks);
    store->seal_due();
    store->seal_all();
    CHECK(count("SELECT count(*) FROM bad_pack") == 0);
    CHECK(store->check().problems.size() == 1);
    if (round == 1) open();
  }
  CHECK(windows("m1", Tier::hour).count == before.count);
  for (int i = 0; i < 3; ++i) send_late(i, kHourEnd - 1500, 9000);
  seal_late();
  store->seal_all();  // merges what can be merged, and not these
  CHECK(count("SELECT count(*) FROM pack WHERE tier=0") == 2);
  for (int i = 0; i < 3; ++i) {
    const std::string name = "m" + std::to_string(i);
    CHECK(samples(name) == (i == 1 ? 0 : kTicks) + 1U);
    const WindowColumn of_hours = windows(name, Tier::hour);
    CHECK(of_hours.count == std::vector<std::uint32_t>{kTicks + 1U});
    CHECK(of_hours.max == std::vector<double>{9000});
  }
  CHECK(windows("m1", Tier::hour).min == before.min);
}

TEST_CASE_METHOD(ForeignBrokenColumn, "a broken column of foreign windows costs that series' own") {
  make(Tier::minute);
  for (int round = 0; round < 2; ++round) {
    CHECK(windows("m1", Tier::minute).size() == 0);
    for (const char* whole : {"m0", "m2", "m3"}) CHECK(windows(whole, Tier::minute).size() == 26);
    CHECK(samples("m1") == kTicks);
    store->seal_all();
    CHECK(count("SELECT count(*) FROM bad_pack") == 0);
  }
}

}  // namespace
}  // namespace volta
