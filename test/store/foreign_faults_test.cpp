// Sealing of foreign samples where something is wrong: with a row, its pages, a window, or a sender
// that repeats itself when the samples are gone.
#include <bit>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/fault_disk.hpp"
#include "store/foreign_rows.hpp"
#include "store/pack_rows.hpp"
#include "store/store.hpp"
#include "store/window_builder.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::kStart;
using FaultySamples = std::map<std::int64_t, double>;

// The end of the hour that kStart lies in.
constexpr std::int64_t kFaultEnd = (kStart / kWindowMs + 1) * kWindowMs;
constexpr std::size_t kFaultPage = 4096;

std::string bytes_of_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class ForeignFaults {
 public:
  ForeignFaults() {
    options.directory = dir_.path() / "data";
    options.seal_in_background = false;
    options.raw_age = std::chrono::milliseconds(0);
    options.minute_age = options.hour_age = options.raw_age;
  }
  void open() {
    store.reset();
    store = std::make_unique<Store>(options, clock);
  }
  [[nodiscard]] std::string file() const { return (options.directory / "volta.db").string(); }
  [[nodiscard]] std::int64_t count(const std::string& what) const {
    Connection connection(file(), Connection::Mode::reader, 1000);
    return connection.number(("SELECT count(*) FROM " + what).c_str());
  }
  void change(const std::string& sql) {
    store.reset();
    { Connection(file(), Connection::Mode::writer, 1000).execute(sql); }
    open();
  }
  void write(const std::string& name, const FaultySamples& samples) const {
    LabeledSamples series{std::make_shared<const Labels>(Labels{{"__name__", name}}), {}, {}};
    for (const auto& [time, value] : samples) {
      series.times_ms.push_back(time);
      series.values.push_back(value);
    }
    REQUIRE(store->sink().write(std::vector{series}).state == WriteState::committed);
  }
  // One sample each ten seconds.
  [[nodiscard]] static FaultySamples run_of(std::int64_t first_ms, int samples, int first = 0) {
    FaultySamples run;
    for (int i = 0; i < samples; ++i) run[first_ms + i * 10'000] = first + i;
    return run;
  }
  // Over five hours in one row of several pages.
  [[nodiscard]] static FaultySamples wide() {
    std::mt19937_64 random(7);
    FaultySamples samples;
    for (int i = 0; i < 800; ++i) {
      samples[kFaultEnd - 5 * kWindowMs + i * 18'000] = static_cast<double>(random());
    }
    for (int i = 0; i < 3000; ++i) {
      samples[kFaultEnd - 3'500'000 + i * 1000] = static_cast<double>(random());
    }
    return samples;
  }
  [[nodiscard]] FaultySamples read(const std::string& name) const {
    FaultySamples found;
    const TimeSpan ever{INT64_MIN, INT64_MAX};
    const auto series = store->source().select({}, ever, 1000).value();
    store->source().read(series, ever, [&](std::size_t at, const SampleSlice& samples) {
      if (series[at].labels->front().second != name) return true;
      for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
        found[samples.times_ms[i]] = samples.values[i];
      }
      return true;
    });
    return found;
  }
  [[nodiscard]] WindowColumn windows(const std::string& name, Tier tier) const {
    WindowColumn all;
    const TimeSpan ever{kStart - 100'000 * kWindowMs, kStart + 100'000 * kWindowMs};
    const auto series = store->source().select({}, ever, 1000).value();
    store->source().read_windows(series, tier, ever,
                                 [&](std::size_t at, const WindowColumn& found) {
                                   if (series[at].labels->front().second == name) all = found;
                                   return true;
                                 });
    return all;
  }
  // Where in the file a page stands that only the row's payload is on.
  [[nodiscard]] std::size_t page_of_row(std::int64_t id) const {
    std::string piece;
    {
      Connection connection(file(), Connection::Mode::reader, 1000);
      Query query = connection.query(
          "SELECT substr(payload, length(payload) / 2, 32) FROM foreign_row WHERE id=?");
      REQUIRE(query.with(id).step());
      for (const std::byte each : query.blob(0)) piece.push_back(static_cast<char>(each));
    }
    const std::size_t at = bytes_of_file(file()).find(piece);
    REQUIRE(at != std::string::npos);
    return at / kFaultPage * kFaultPage;
  }
  // As a bad sector leaves it.
  void break_page_of_row(std::int64_t id) {
    store.reset();  // which empties the WAL
    const std::size_t page = page_of_row(id);
    {
      std::fstream out(file(), std::ios::in | std::ios::out | std::ios::binary);
      out.seekp(static_cast<std::streamoff>(page));
      out << std::string(kFaultPage, '\0');
    }
    open();
  }
  // Until samples that came late are due.
  void seal_late() {
    store->seal_due();
    clock.advance(minutes(11));
    store->seal_due();
  }

  StoreOptions options;
  test::FakeClock clock{kStart};
  std::unique_ptr<Store> store;

 private:
  test::TempDir dir_;
};

TEST_CASE_METHOD(ForeignFaults, "a broken page under a wide row costs that row and nothing else") {
  open();
  const FaultySamples before{{kFaultEnd - 4 * kWindowMs, 1}, {kFaultEnd - 2000, 2}};
  const FaultySamples after{{kFaultEnd - 3 * kWindowMs - 7, 1}, {kFaultEnd - 1000, 2}};
  write("before", before);
  write("wide", wide());
  write("after", after);
  REQUIRE(count("foreign_row WHERE length(payload) > 20000") == 1);
  break_page_of_row(2);
  CHECK(read("wide").empty());
  CHECK(windows("after", Tier::minute).size() == 2);
  clock.advance(hours(2));
  seal_late();
  CHECK(count("foreign_row") == 1);
  CHECK(count("pack WHERE tier=0") > 0);
  // Merging goes on behind it.
  clock.advance(hours(24 * 60));
  write("later", {{clock.wall_ms() - 5 * kWindowMs, 1}});
  seal_late();
  CHECK(count("pack WHERE tier=1 AND span_ms > 3600000") > 0);
  for (int i = 0; i < 2; ++i) {
    CHECK(read("before") == before);
    CHECK(read("after") == after);
    CHECK(read("wide").empty());
    store->seal_all();
    open();
  }
  CHECK(count("foreign_row") == 1);
}

TEST_CASE_METHOD(ForeignFaults, "who passes samples on gets past a broken page") {
  open();
  write("before", {{kFaultEnd - 2000, 1}});
  write("wide", wide());
  write("after", {{kFaultEnd - 1000, 2}});
  break_page_of_row(2);
  const auto rows = store->forward_log().read_after({}, 1'000'000);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].samples.values == std::vector{1.0});
  CHECK(rows[1].samples.values == std::vector{2.0});
}

TEST_CASE_METHOD(ForeignFaults, "damaged foreign rows go when they are too old") {
  options.seal_in_background = true;  // else the journal's rows go by their age
  options.raw_age = hours(24);
  open();
  write("a", {{kFaultEnd - 1000, 1}});
  write("wide", wide());
  write("b", {{kFaultEnd - 900, 1}});
  change("UPDATE foreign_row SET payload=x'01ff' WHERE id=2");
  clock.advance(hours(2));
  seal_late();
  CHECK(count("foreign_row WHERE id=2") == 1);
  clock.set_wall_ms(clock.wall_ms() + 1000 * kWindowMs);  // wrong
  store->maintain();
  store->seal_due();
  CHECK(count("foreign_row WHERE id=2") == 1);
  clock.set_wall_ms(clock.wall_ms() - 1000 * kWindowMs);
  clock.advance(hours(26));
  store->maintain();
  store->seal_due();
  CHECK(count("foreign_row") == 0);
}

struct OnFaultDisk {
  test::FaultDisk disk;
};

class ForeignDiskFaults : public OnFaultDisk, public ForeignFaults {};

TEST_CASE_METHOD(ForeignDiskFaults, "a row that the disk does not give now is waited for") {
  open();
  write("before", {{kFaultEnd - 4 * kWindowMs, 1}});
  write("wide", wide());
  write("after", {{kFaultEnd - 1000, 2}});
  clock.advance(hours(2));
  open();
  const bool comes_back = GENERATE(true, false);
  CAPTURE(comes_back);
  disk.break_reads(page_of_row(2));
  CHECK_THROWS_AS(store->seal_due(), Failure);
  clock.advance(seconds(61));
  CHECK_THROWS_AS(store->seal_due(), Failure);
  CHECK(count("pack WHERE tier=0") == 1);  // what came before it
  if (comes_back) disk.mend();
  for (int i = 0; i < 12; ++i) {
    clock.advance(minutes(1));
    try {
      store->seal_due();
    } catch (const Failure&) {
      CHECK_FALSE(comes_back);
      CHECK(i < 10);
    }
  }
  seal_late();
  disk.mend();
  CHECK(read("before").size() == 1);
  CHECK(read("after").size() == 1);
  if (comes_back) CHECK(read("wide") == wide());
  CHECK(count("foreign_row") == (comes_back ? 0 : 1));
}

TEST_CASE("patience with a row is for ten minutes and several tries") {
  test::FakeClock clock;
  RowPatience patience(clock);
  for (int i = 0; i < 20; ++i) CHECK_FALSE(patience.gives_up(1));
  clock.advance(minutes(11));
  CHECK(patience.gives_up(1));
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(patience.gives_up(2));
    clock.advance(minutes(11));
  }
  patience.was_read(2);
  CHECK_FALSE(patience.gives_up(2));
  CHECK(patience.gives_up(1));
}

TEST_CASE_METHOD(ForeignFaults, "foreign hours that cannot be sealed keep no others waiting") {
  open();
  const auto end_of = [](int hour) { return kFaultEnd - (100 - hour) * kWindowMs; };
  for (int hour = 0; hour < 70; ++hour) write("a", {{end_of(hour) - 1000, hour}});
  write("a", {{end_of(80) - 1000, 80}});
  change("CREATE TRIGGER stop BEFORE INSERT ON pack WHEN NEW.end_ms<=" +
         std::to_string(end_of(69)) + " BEGIN SELECT RAISE(ABORT, 'not this one'); END");
  const std::string good = "pack WHERE tier=0 AND end_ms=" + std::to_string(end_of(80));
  CHECK_NOTHROW(store->seal_due());
  clock.advance(minutes(11));
  CHECK_THROWS_WITH(store->seal_due(), Catch::Contains("not this one"));
  CHECK(count(good) == 0);
  CHECK_THROWS_AS(store->seal_due(), Failure);  // those that were not tried yet
  CHECK(count(good) == 1);
  CHECK_NOTHROW(store->seal_due());
  clock.advance(seconds(11));
  CHECK_THROWS_AS(store->seal_due(), Failure);
  CHECK_THROWS_AS(store->seal_due(), Failure);
  clock.advance(seconds(11));
  CHECK_NOTHROW(store->seal_due());  // twice as long now
  CHECK_THROWS_AS(store->seal_all(), Failure);
  CHECK(read("a").size() == 71);
  change("DROP TRIGGER stop");
  seal_late();
  CHECK(count("pack WHERE tier=0") == 71);
  CHECK(count("foreign_row") == 0);
  CHECK(read("a").size() == 71);
}

TEST_CASE_METHOD(ForeignFaults, "what the store's size takes is not claimed to be known") {
  options.size_bytes = 500'000;
  open();
  // A host that goes on, with something old.
  const HostId host = store->hosts().add("h", test::token(1)).value().id;
  test::Agent agent(store->journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  REQUIRE(test::commit(store->journal(), agent.finish_one(slot, kStart - 90 * kWindowMs)) ==
          CommitState::committed);
  std::mt19937_64 random(1);
  FaultySamples all;
  for (int i = 0; i < 80; ++i) {
    FaultySamples some;
    for (int at = 0; at < 1'000; ++at) {
      some[kStart - 80 * kWindowMs + i * kWindowMs + at * 1000] = static_cast<double>(random());
    }
    write("f", some);
    all.merge(some);
  }
  store->maintain();
  const FaultySamples left = read("f");
  REQUIRE(left.size() < all.size());
  REQUIRE(left.size() > 1000);
  const auto check = [&] {
    const std::int64_t since = store->source().oldest_ms(Tier::raw).value();
    CHECK(since > all.begin()->first);
    const FaultySamples known(all.lower_bound(since), all.end());
    CHECK_FALSE(known.empty());
    CHECK(FaultySamples(left.lower_bound(since), left.end()) == known);
    CHECK(left.begin()->first - since < 2 * kWindowMs);  // no more than is gone
  };
  check();
  open();
  check();
}

TEST_CASE_METHOD(ForeignFaults, "rows that packs have as well take nothing along") {
  options.forward_readers = std::vector<std::string>{"r"};
  open();
  store->forward_log().save("r", "", store->forward_log().newest());
  write("a", {{kFaultEnd - kWindowMs - 5, 1}, {kFaultEnd - 1000, 2}});
  const auto lost = [&] {
    Connection connection(file(), Connection::Mode::reader, 1000);
    return lost_with(connection, oldest_foreign_rows(connection, INT64_MAX, 10));
  };
  CHECK(lost() == kFaultEnd - 1000);
  store->seal_all();
  REQUIRE(count("foreign_row") == 1);  // the reader has not had it
  CHECK(lost() == std::nullopt);
  write("far",
        {{kFaultEnd - 90 * kWindowMs - 5, 1}, {kFaultEnd - 40 * kWindowMs, 1}, {kFaultEnd, 2}});
  CHECK(lost() == kFaultEnd - 89 * kWindowMs);
}

TEST_CASE_METHOD(ForeignFaults, "what is repeated when samples are gone counts once") {
  options.raw_age = hours(24);
  options.seal_in_background = true;
  open();
  const std::int64_t old = kFaultEnd - 48 * kWindowMs;
  FaultySamples all = run_of(old - 600'000, 30);
  const auto check = [&] {
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (const auto& [time, value] : all) {
      times.push_back(time);
      values.push_back(value);
    }
    for (const Tier tier : {Tier::minute, Tier::hour}) {
      const auto want = build_windows({times, values}, tier_step_ms(tier));
      const auto got = windows("a_total", tier);
      CHECK(got.end_ms == want.end_ms);
      CHECK(got.first_ms == want.first_ms);
      CHECK(got.last_ms == want.last_ms);
      CHECK(got.count == want.count);
      CHECK(got.sum == want.sum);
      CHECK(got.max == want.max);
      CHECK(got.increase == want.increase);
    }
  };
  const auto send = [&](const FaultySamples& samples) {
    write("a_total", samples);
    check();  // before it is sealed, and after
    seal_late();
    check();
    CHECK(count("foreign_row") == 0);
  };
  send(all);
  CHECK(count("pack WHERE tier=0") == 0);
  send(all);  // the whole request once more
  send(run_of(old - 600'000 + 100'000, 5, 10));
  open();
  send(all);
  // What is new of a request counts, also in a minute that has some already.
  const FaultySamples more = run_of(old - 600'000 + 200'000, 20, 20);
  all.insert(more.begin(), more.end());
  send(more);
  send(more);
  // Earlier than all there is, twice in one request's time.
  const FaultySamples first = run_of(old - 900'000, 2, -30);
  all.insert(first.begin(), first.end());
  write("a_total", first);
  send(first);
  send(all);
  store->seal_all();
  open();
  check();
}

TEST_CASE_METHOD(ForeignFaults, "the hour's window tells repeats where its minutes are gone") {
  options.raw_age = options.minute_age = hours(24);
  options.seal_in_background = true;
  open();
  const std::int64_t old = kFaultEnd - 48 * kWindowMs;
  write("a", run_of(old - 600'000, 30));
  seal_late();
  store->maintain();
  REQUIRE(count("pack WHERE tier=1") == 0);
  const auto hour_count = [&] { return windows("a", Tier::hour).count; };
  REQUIRE(hour_count() == std::vector<std::uint32_t>{30});
  const std::int64_t last = old - 600'000 + 290'000;
  for (int i = 0; i < 2; ++i) {  // the first leaves minutes again, but not all of them
    write("a", {{old - 600'000, 0}, {last, 29}, {last + 10'000, 30}});
    CHECK(hour_count() == std::vector<std::uint32_t>{31});
    seal_late();
    CHECK(hour_count() == std::vector<std::uint32_t>{31});
  }
  write("a", run_of(old - 600'000, 30));
  seal_late();
  CHECK(hour_count() == std::vector<std::uint32_t>{31});
}

}  // namespace
}  // namespace volta
