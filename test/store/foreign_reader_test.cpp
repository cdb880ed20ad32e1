#include "store/foreign_reader.hpp"

#include <chrono>
#include <thread>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "store/window_builder.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
constexpr TimeSpan kForeignEver{0, INT64_MAX};

// A store's file with three foreign series, ids 1 to 3, ten samples each in one row, and readers
// that have none of it in memory.
class ForeignReaderTest {
 public:
  // `late`: rows of a thousand samples of "a" each, in the same hour, that came after the seal.
  explicit ForeignReaderTest(bool sealed, int late = 0) {
    StoreOptions options;
    options.directory = dir_.path() / "data";
    options.raw_age = std::chrono::milliseconds(0);
    options.seal_in_background = false;
    const test::FakeClock clock(kStart);
    Store store(options, clock);
    std::vector<LabeledSamples> request;
    for (const std::string name : {"a", "b", "c"}) {
      request.push_back({std::make_shared<const Labels>(Labels{{"__name__", name}}), {}, {}});
      for (int i = 0; i < 10; ++i) {
        request.back().times_ms.push_back(kStart + i);
        request.back().values.push_back(static_cast<double>(request.size()) * 100 + i);
      }
    }
    REQUIRE(store.sink().write(request).state == WriteState::committed);
    if (sealed) store.seal_all();
    for (int row = 0; row < late; ++row) {
      LabeledSamples more{request[0].labels, {}, {}};
      for (int i = 0; i < 1000; ++i) {
        more.times_ms.push_back(kStart + 1000 * (row + 1) + i);
        more.values.push_back(i % 100);
      }
      REQUIRE(store.sink().write(std::vector{more}).state == WriteState::committed);
    }
    store.close();
    pool.emplace(file(), 1, 1000);
    head.set_floor(1'000'000);
    ages.emplace(now, dir_.path() / "data" / kAgeClockName, 0, AgeClock::Ages{});
    reader.emplace(head, *pool, bad, *ages);
  }
  [[nodiscard]] std::string file() const { return (dir_.path() / "data" / "volta.db").string(); }
  void execute(const std::string& sql) const {
    Connection(file(), Connection::Mode::writer, 1000).execute(sql);
  }

 private:
  test::TempDir dir_;

 public:
  ForeignHead head{0};
  BadPacks bad;
  test::FakeClock now{kStart};
  std::optional<AgeClock> ages;
  std::optional<ReaderPool> pool;
  std::optional<ForeignReader> reader;
};

TEST_CASE("a row that serves several portions of a query is read once") {
  const ForeignReaderTest one(false);
  ForeignReading reading = one.reader->begin(kForeignEver);
  CHECK(reading.read(std::vector{SeriesId{1}}, kForeignEver)[0].values.front() == 100);
  one.execute("DELETE FROM foreign_row");
  CHECK(reading.read(std::vector{SeriesId{3}}, kForeignEver)[0].values.back() == 309);
  CHECK(one.reader->read(std::vector{SeriesId{3}}, kForeignEver)[0].values.empty());
}

TEST_CASE("foreign columns come in the order asked, each as often as it was asked for") {
  for (const bool sealed : {false, true}) {
    CAPTURE(sealed);
    const ForeignReaderTest one(sealed);
    const std::vector<SeriesId> asked{SeriesId{3}, SeriesId{1}, SeriesId{7}, SeriesId{3}};
    const TimeSpan part{kStart + 2, kStart + 4};
    const auto columns = one.reader->read(asked, part);
    REQUIRE(columns.size() == 4);
    CHECK(columns[0].series == SeriesId{3});
    CHECK(columns[0].times_ms == std::vector<std::int64_t>{kStart + 2, kStart + 3, kStart + 4});
    CHECK(columns[0].values == std::vector<double>{302, 303, 304});
    CHECK(columns[1].values == std::vector<double>{102, 103, 104});
    CHECK(columns[2].values.empty());
    CHECK(columns[3].values == columns[0].values);
    CHECK(one.reader->samples_at_most(kForeignEver) == 30);
    CHECK(one.reader->read(asked, {5, 4})[0].values.empty());
  }
}

TEST_CASE("a seal that comes while foreign samples are read takes none away and doubles none") {
  const ForeignReaderTest one(false);
  // As before the seal: the reading knows no mark. Then packs have all and the rows are gone.
  ForeignReading reading = one.reader->begin(kForeignEver);
  {
    const ForeignReaderTest other(true);
    one.execute("ATTACH '" + other.file() +
                "' AS other;"
                "INSERT INTO pack SELECT * FROM other.pack;"
                "INSERT INTO seal SELECT * FROM other.seal;");
  }
  const auto both = reading.read(std::vector{SeriesId{2}}, kForeignEver)[0];
  CHECK(both.values.size() == 10);
  one.execute("DELETE FROM foreign_row");
  ForeignReading late = one.reader->begin(kForeignEver);
  CHECK(late.read(std::vector{SeriesId{2}}, kForeignEver)[0].values == both.values);
}

// What retention does, at some moment of a read.
TEST_CASE("samples that go while windows are read take no windows with them") {
  constexpr int kRows = 100;
  constexpr int kRounds = 20;
  const ForeignReaderTest one(true, kRows);
  const std::int64_t end = window_end_ms(kStart, kWindowMs);
  const auto count = [&] {
    const auto found = one.reader->read_windows(std::vector{SeriesId{1}},
                                                {Tier::hour, {end, end}, WindowFields{}});
    return found[0].count.empty() ? 0 : found[0].count[0];
  };
  one.execute("CREATE TABLE gone AS SELECT * FROM pack WHERE tier=0");
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(count() == 10 + 1000 * kRows);
  const auto took = std::chrono::steady_clock::now() - start;
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    std::thread retention([&] {
      const auto until = std::chrono::steady_clock::now() + took * round / kRounds;
      while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      one.execute("DELETE FROM pack WHERE tier=0");
    });
    CHECK(count() == 10 + 1000 * kRows);
    retention.join();
    one.execute("INSERT INTO pack SELECT * FROM gone");
  }
}

}  // namespace
}  // namespace volta
