#include "app/archive_store.hpp"

#include <map>
#include <tuple>

#include <catch2/catch.hpp>

#include "app/json_lines.hpp"
#include "app/line_file.hpp"
#include "base/error.hpp"
#include "store/agent.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

using namespace volta;

namespace {

constexpr std::int64_t kHour = 3'600'000;
// A whole hour.
constexpr std::int64_t kBegin = test::kStart / kHour * kHour;

using SamplesOfSeries = std::map<Labels, std::map<std::int64_t, double>>;

using WindowsOfSeries =
    std::map<std::pair<Labels, Tier>, std::vector<std::tuple<std::int64_t, std::uint32_t, double>>>;

// A store with `hours` of two series, a sample a minute, sealed.
class SealedStore {
 public:
  SealedStore(const std::filesystem::path& directory, int hours)
      : clock_(kBegin + 100 * kHour), store_(options(directory), clock_) {
    const HostId host = store_.hosts().add("a", test::token(1)).value().id;
    test::Agent agent(store_.journal(), host, test::run_id(1));
    agent.define(test::counter("up_total"));
    agent.define(test::gauge("load", {{"k", "v"}}));
    for (int minute = 1; minute <= hours * 60; ++minute) {
      const auto value = static_cast<std::uint64_t>(minute);
      agent.tick(kBegin + minute * 60'000, std::vector<Reading>{{0, value * value}, {1, value}});
      if (minute % 30 == 0) test::commit(store_.journal(), agent.finish());
    }
    store_.seal_all();
  }
  Store& store() { return store_; }

  SamplesOfSeries samples() {
    SamplesOfSeries found;
    const TimeSpan all{0, INT64_MAX};
    const auto series = store_.source().select({}, all, SIZE_MAX).value();
    store_.source().read(series, all, [&](std::size_t i, const SampleSlice& slice) {
      for (std::size_t k = 0; k < slice.times_ms.size(); ++k)
        found[*series[i].labels][slice.times_ms[k]] = slice.values[k];
      return true;
    });
    return found;
  }
  // A sample each ten seconds.
  void write_foreign(int hours) {
    LabeledSamples series{std::make_shared<const Labels>(Labels{{"__name__", "f"}}), {}, {}};
    for (int i = 1; i <= hours * 360; ++i) {
      series.times_ms.push_back(kBegin + i * 10'000);
      series.values.push_back(i % 7);
    }
    write(series);
    store_.seal_all();
  }
  void write(const LabeledSamples& series) {
    REQUIRE(store_.sink().write(std::vector{series}).state == WriteState::committed);
  }
  // By labels and tier: end, count and sum of each window.
  WindowsOfSeries windows() {
    const auto series = store_.source().select({}, {0, INT64_MAX}, SIZE_MAX).value();
    WindowsOfSeries found;
    for (const Tier tier : {Tier::minute, Tier::hour}) {
      store_.source().read_windows(
          series, tier, {0, kBegin + 100 * kHour}, [&](std::size_t i, const WindowColumn& column) {
            auto& of_series = found[{*series[i].labels, tier}];
            for (std::size_t k = 0; k < column.size(); ++k)
              of_series.emplace_back(column.end_ms[k], column.count[k], column.sum[k]);
            return true;
          });
    }
    return found;
  }
  // From when on samples are all there.
  std::int64_t samples_since() { return store_.source().oldest_ms(Tier::raw).value(); }
  std::size_t minutes() {
    const auto series = store_.source().select({}, {0, INT64_MAX}, SIZE_MAX).value();
    std::size_t windows = 0;
    store_.source().read_windows(series, Tier::minute, {0, kBegin + 100 * kHour},
                                 [&](std::size_t, const WindowColumn& column) {
                                   windows += column.size();
                                   return true;
                                 });
    return windows;
  }

 private:
  static StoreOptions options(const std::filesystem::path& directory) {
    StoreOptions options;
    options.directory = directory;
    options.raw_age = options.minute_age = options.hour_age = std::chrono::milliseconds(0);
    options.seal_in_background = false;
    return options;
  }
  test::FakeClock clock_;
  Store store_;
};

SamplesOfSeries archived_samples(const std::filesystem::path& path) {
  SamplesOfSeries found;
  LineFile file(path);
  while (const auto line = file.next()) {
    const auto series = parse_json_line(*line);
    REQUIRE(series.has_value());
    for (std::size_t i = 0; i < series->times_ms.size(); ++i) {
      const bool fresh =
          found[*series->labels].emplace(series->times_ms[i], series->values[i]).second;
      CHECK(fresh);
    }
  }
  return found;
}

}  // namespace

TEST_CASE("an archive has what the store then lacks") {
  const test::TempDir folder;
  SealedStore sealed(folder.path() / "d", 30);
  const SamplesOfSeries before = sealed.samples();
  const std::size_t minutes = sealed.minutes();
  REQUIRE(before.size() == 2);
  REQUIRE(minutes == 2 * 30 * 60);
  const auto path = folder.path() / "old.jsonl.zst";
  // In the middle of an hour: that hour stays.
  const auto done = archive_store(sealed.store(), kBegin + 26 * kHour + kHour / 2, path);
  REQUIRE(done.has_value());
  CHECK(done->windows == 26);
  CHECK(done->samples == 2 * 26 * 60);
  CHECK(done->series == 2);
  CHECK(done->end_ms == kBegin + 26 * kHour);
  const SamplesOfSeries gone = archived_samples(path);
  const SamplesOfSeries left = sealed.samples();
  for (const auto& [labels, samples] : before) {
    for (const auto& [time, value] : samples) {
      const bool old = time <= kBegin + 26 * kHour;
      CAPTURE(time - kBegin, old);
      CHECK(gone.at(labels).count(time) == (old ? 1 : 0));
      CHECK(left.at(labels).count(time) == (old ? 0 : 1));
      if (old) CHECK(gone.at(labels).at(time) == value);
    }
  }
  CHECK(sealed.minutes() == minutes);
  CHECK_FALSE(std::filesystem::exists(path.string() + ".part"));
  // There is nothing more of that time.
  CHECK_FALSE(archive_store(sealed.store(), kBegin + 26 * kHour, folder.path() / "b").has_value());
  CHECK_FALSE(std::filesystem::exists(folder.path() / "b"));
}

TEST_CASE("where an archive cannot be written the store keeps everything") {
  const test::TempDir folder;
  SealedStore sealed(folder.path() / "d", 3);
  const SamplesOfSeries before = sealed.samples();
  folder.write("taken", "mine");
  CHECK_THROWS_AS(archive_store(sealed.store(), kBegin + 90 * kHour, folder.path() / "taken"),
                  Failure);
  CHECK(std::filesystem::file_size(folder.path() / "taken") == 4);
  CHECK_THROWS_AS(archive_store(sealed.store(), kBegin + 90 * kHour, folder.path() / "no/where"),
                  Failure);
  // A link to nothing is a name that is taken, too.
  std::filesystem::create_symlink("/nonexistent", folder.path() / "link");
  CHECK_THROWS_AS(archive_store(sealed.store(), kBegin + 90 * kHour, folder.path() / "link"),
                  Failure);
  CHECK(sealed.samples() == before);
}

TEST_CASE("what a killed archive has left is replaced") {
  const test::TempDir folder;
  SealedStore sealed(folder.path() / "d", 2);
  const SamplesOfSeries before = sealed.samples();
  folder.write("a.part", std::string(100'000, 'x'));
  REQUIRE(archive_store(sealed.store(), kBegin + 2 * kHour, folder.path() / "a").has_value());
  CHECK(archived_samples(folder.path() / "a") == before);
}

TEST_CASE("what was archived comes back once, in parts and again and again") {
  const test::TempDir folder;
  SealedStore sealed(folder.path() / "d", 6);
  sealed.write_foreign(6);
  const SamplesOfSeries samples = sealed.samples();
  const WindowsOfSeries windows = sealed.windows();
  REQUIRE(samples.size() == 3);
  REQUIRE(windows.size() == 6);
  const auto path = folder.path() / "a";
  REQUIRE(archive_store(sealed.store(), kBegin + 4 * kHour, path).has_value());
  REQUIRE(sealed.samples() != samples);
  REQUIRE(sealed.windows() == windows);
  const auto bring_back = [&](std::size_t part, std::size_t parts) {
    LineFile file(path);
    while (const auto line = file.next()) {
      LabeledSamples series = parse_json_line(*line).value();
      // In the middle of minutes.
      const std::size_t from = series.times_ms.size() * part / parts;
      const std::size_t to = series.times_ms.size() * (part + 1) / parts;
      series.times_ms = {series.times_ms.begin() + static_cast<std::ptrdiff_t>(from),
                         series.times_ms.begin() + static_cast<std::ptrdiff_t>(to)};
      series.values = {series.values.begin() + static_cast<std::ptrdiff_t>(from),
                       series.values.begin() + static_cast<std::ptrdiff_t>(to)};
      sealed.write(series);
    }
    sealed.store().seal_all();
  };
  for (const std::size_t part : {5U, 0U, 3U, 5U}) {
    CAPTURE(part);
    bring_back(part, 11);
    CHECK(sealed.windows() == windows);
  }
  for (int again = 0; again < 3; ++again) {
    CAPTURE(again);
    bring_back(0, 1);
    CHECK(sealed.samples() == samples);
    CHECK(sealed.windows() == windows);
  }
  // And once more the same way.
  REQUIRE(archive_store(sealed.store(), kBegin + 6 * kHour, folder.path() / "b").has_value());
  CHECK(archived_samples(folder.path() / "b") == samples);
  CHECK(sealed.samples().empty());
}

TEST_CASE("an old sample after an archive does not hide that the others are gone") {
  const test::TempDir folder;
  SealedStore sealed(folder.path() / "d", 6);
  CHECK(sealed.samples_since() == kBegin + 1);
  REQUIRE(archive_store(sealed.store(), kBegin + 2 * kHour, folder.path() / "a").has_value());
  REQUIRE(archive_store(sealed.store(), kBegin + 4 * kHour, folder.path() / "b").has_value());
  CHECK(sealed.samples_since() == kBegin + 4 * kHour + 1);
  sealed.write(
      {std::make_shared<const Labels>(Labels{{"__name__", "late"}}), {kBegin + 70 * 60'000}, {1}});
  sealed.store().seal_all();
  CHECK(sealed.samples_since() == kBegin + 4 * kHour + 1);
  const auto bring_back = [&](const char* archive) {
    LineFile file(folder.path() / archive);
    while (const auto line = file.next()) sealed.write(parse_json_line(*line).value());
    sealed.store().seal_all();
  };
  bring_back("b");
  CHECK(sealed.samples_since() == kBegin + kHour + 1);  // the late one's hour counts, too
  bring_back("a");
  CHECK(sealed.samples_since() == kBegin + 1);
}
