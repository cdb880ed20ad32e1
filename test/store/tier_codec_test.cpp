#include "store/tier_codec.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "store/window_builder.hpp"
#include "store/window_merge.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;

std::vector<std::uint64_t> bits_of(const std::vector<double>& values) {
  std::vector<std::uint64_t> bits;
  for (const double value : values) bits.push_back(std::bit_cast<std::uint64_t>(value));
  return bits;
}

// Through a pack and back; how many bytes it took.
std::size_t check_round_trip(const WindowColumn& windows, Kind kind) {
  PackWriter writer;
  TierHints hints;
  add_tier_columns(writer, hints, SeriesId{7}, kind, windows);
  const Bytes bytes = writer.finish();
  const auto pack = Pack::open(bytes, bytes.size());
  REQUIRE(pack);
  PackReader reader;
  const PackRow row;
  const auto read = read_tier_columns(reader, {row, *pack, bytes}, SeriesId{7}, kMinuteMs);
  REQUIRE(read);
  CHECK(read->end_ms == windows.end_ms);
  CHECK(read->first_ms == windows.first_ms);
  CHECK(read->last_ms == windows.last_ms);
  CHECK(bits_of(read->first) == bits_of(windows.first));
  CHECK(bits_of(read->last) == bits_of(windows.last));
  CHECK(bits_of(read->min) == bits_of(windows.min));
  CHECK(bits_of(read->max) == bits_of(windows.max));
  CHECK(bits_of(read->sum) == bits_of(windows.sum));
  CHECK(read->count == windows.count);
  CHECK(read->ends_stale == windows.ends_stale);
  if (kind == Kind::counter) {
    CHECK(bits_of(read->increase) == bits_of(windows.increase));
  } else {
    CHECK(std::all_of(read->increase.begin(), read->increase.end(),
                      [](double value) { return std::isnan(value); }));
  }
  for (unsigned wanted = 0; wanted < 16; ++wanted) {
    const WindowFields fields{(wanted & 1) != 0, (wanted & 2) != 0, (wanted & 4) != 0,
                              (wanted & 8) != 0};
    const auto some =
        read_tier_columns(reader, {row, *pack, bytes}, SeriesId{7}, kMinuteMs, fields);
    REQUIRE(some);
    CHECK(some->end_ms == windows.end_ms);
    CHECK(some->count == windows.count);
    CHECK((!fields.first_and_last || bits_of(some->last) == bits_of(windows.last)));
    CHECK((!fields.min_and_max || bits_of(some->min) == bits_of(windows.min)));
    CHECK((!fields.min_and_max || bits_of(some->max) == bits_of(windows.max)));
    CHECK((!fields.sum || bits_of(some->sum) == bits_of(windows.sum)));
    CHECK((!fields.increase || bits_of(some->increase) == bits_of(read->increase)));
  }
  CHECK(read_tier_columns(reader, {row, *pack, bytes}, SeriesId{8}, kMinuteMs)->size() == 0);
  return bytes.size();
}

// An hour at one sample a second, `gap` of 100 of them missing.
template <typename Value>
WindowColumn an_hour(std::mt19937_64& random, unsigned gap, const Value& value) {
  std::vector<std::int64_t> times;
  std::vector<double> values;
  for (int i = 0; i < 3600; ++i) {
    const double now = value(i);
    if (random() % 100 < gap) continue;
    times.push_back(i * 1000);
    values.push_back(now);
  }
  return build_windows({times, values}, kMinuteMs);
}

TEST_CASE("windows come back from a pack bit by bit") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto draw = [&](std::uint64_t below) { return static_cast<double>(random() % below); };
  for (const Kind kind : {Kind::gauge, Kind::counter}) {
    for (const unsigned gap : {0U, 10U, 99U}) {
      double total = 1e12;
      check_round_trip(an_hour(random, gap, [&](int) { return total += draw(1000); }), kind);
      check_round_trip(an_hour(random, gap,
                               [&](int i) {
                                 total = i % 500 == 499 ? 0 : total + draw(1000);
                                 return total;
                               }),
                       kind);
      check_round_trip(an_hour(random, gap, [&](int) { return draw(2001) - 1000; }), kind);
      check_round_trip(an_hour(random, gap, [&](int) { return draw(1000) / 7; }), kind);
      check_round_trip(an_hour(random, gap, [&](int) { return 9e15 + draw(1000); }), kind);
      check_round_trip(an_hour(random, gap,
                               [&](int) {
                                 constexpr std::array<double, 6> kOdd{
                                     -0.0,  0.0,    std::numeric_limits<double>::infinity(),
                                     1e308, 5e-324, std::numeric_limits<double>::quiet_NaN()};
                                 return kOdd.at(random() % kOdd.size());
                               }),
                       kind);
      check_round_trip(an_hour(random, gap,
                               [&](int) {
                                 return random() % 3 == 0 ? std::bit_cast<double>(kStaleBits)
                                                          : draw(10);
                               }),
                       kind);
    }
  }
}

TEST_CASE("sums that are not a number come back where all other values are whole") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::int64_t> times{1, 2, 3};
  check_round_trip(build_windows({times, std::vector{1.0, nan, 2.0}}, kMinuteMs), Kind::gauge);
}

TEST_CASE("empty windows come back from a pack and take the place of what came before") {
  const std::vector<std::int64_t> times{1, 2, kMinuteMs * 2 + 1};
  for (const double scale : {1.0, 0.1}) {
    const std::vector<double> values{3 * scale, 4 * scale, 7 * scale};
    WindowColumn with_empty = build_windows({times, values}, kMinuteMs);
    add_empty_windows(with_empty, std::vector{kMinuteMs, 2 * kMinuteMs, 4 * kMinuteMs});
    CHECK(with_empty.count == std::vector<std::uint32_t>{2, 0, 1, 0});
    check_round_trip(with_empty, Kind::gauge);
    check_round_trip(with_empty, Kind::counter);
    WindowMerge merge;
    const TimeSpan all{INT64_MIN, INT64_MAX};
    merge.put(build_windows({std::vector{kMinuteMs + 5}, std::vector{1.0}}, kMinuteMs), 1, all);
    merge.put(with_empty, 2, all);
    merge.put(build_windows({std::vector{kMinuteMs + 5}, std::vector{1.0}}, kMinuteMs), 1, all);
    merge.join(with_empty, {4 * kMinuteMs, 4 * kMinuteMs});
    CHECK(merge.take().end_ms == std::vector{kMinuteMs, 3 * kMinuteMs});
    merge.put(with_empty, 2, all);
    CHECK(merge.take(true).end_ms == with_empty.end_ms);
  }
}

TEST_CASE("windows of an idle and of a busy series are small") {
  std::mt19937_64 random(1);
  double total = 0;
  const auto busy = an_hour(
      random, 0, [&](int) { return total += 900'000 + static_cast<double>(random() % 200'000); });
  const auto idle = an_hour(random, 0, [&](int) { return 42.0; });
  CHECK(check_round_trip(busy, Kind::counter) < 61 * 16);
  CHECK(check_round_trip(idle, Kind::counter) < 61 * 2);
  CHECK(check_round_trip(idle, Kind::gauge) < 61 * 2);
}

TEST_CASE("parts that do not fit together are an error") {
  PackWriter writer;
  ColumnHint hint;
  const std::vector<std::int64_t> times{1000, 61'000};
  const std::vector<std::uint64_t> words{1, 2};
  writer.add({SeriesId{1}, 1, ValueType::int64, times, words, {}}, hint);
  writer.add({SeriesId{2}, 1, ValueType::int64, times, words, {}}, hint);
  writer.add(
      {SeriesId{2}, 2, ValueType::int64, std::span(times).first(1), std::span(words).first(1), {}},
      hint);
  const WindowColumn good = build_windows(
      {std::vector<std::int64_t>{1000, 61'000, 121'000}, std::vector<double>(3, 7)}, kMinuteMs);
  TierHints hints;
  add_tier_columns(writer, hints, SeriesId{3}, Kind::gauge, good);
  const Bytes bytes = writer.finish();
  const auto pack = Pack::open(bytes, bytes.size());
  REQUIRE(pack);
  PackReader reader;
  const PackRow row;
  CHECK_FALSE(read_tier_columns(reader, {row, *pack, bytes}, SeriesId{1}, kMinuteMs));
  CHECK_FALSE(read_tier_columns(reader, {row, *pack, bytes}, SeriesId{2}, kMinuteMs));

  // What a read that failed has left behind harms none that follows.
  TierColumnsReader again(reader, kMinuteMs);
  for (const unsigned damaged : {1U, 2U}) {
    for (const unsigned before : {9U, 3U}) {
      CHECK(again.read({row, *pack, bytes}, SeriesId{before}));
      CHECK_FALSE(again.read({row, *pack, bytes}, SeriesId{damaged}));
      REQUIRE(again.read({row, *pack, bytes}, SeriesId{9}));
      CHECK(again.windows().size() == 0);
      REQUIRE(again.read({row, *pack, bytes}, SeriesId{3}));
      CHECK(again.windows().end_ms == good.end_ms);
      CHECK(again.windows().sum == good.sum);
      CHECK(again.windows().ends_stale == good.ends_stale);
    }
  }
}

TEST_CASE("a scaled window has the sample's value to the bit") {
  WindowColumn windows =
      build_windows({std::vector<std::int64_t>{1}, std::vector<double>{123457}}, kMinuteMs);
  scale_windows(windows, ValueType::int64, 3);
  CHECK(windows.first[0] == to_double(ValueType::int64, 3, 123457));
  scale_windows(windows, ValueType::float64, 3);
  CHECK(windows.first[0] == to_double(ValueType::int64, 3, 123457));
}

WindowColumn codec_windows_of(std::vector<std::int64_t> times, std::vector<double> values) {
  return build_windows({times, values}, kMinuteMs);
}

TEST_CASE("joined windows are those of all samples, where these lie behind one another") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (std::int64_t time = 1; time <= kMinuteMs;
         time += 1 + static_cast<std::int64_t>(random() % 20'000)) {
      times.push_back(time);
      values.push_back(random() % 10 == 0 ? std::nan("") : static_cast<double>(random() % 50));
    }
    if (times.size() < 2) continue;
    const auto cut = static_cast<std::ptrdiff_t>(1 + random() % (times.size() - 1));
    const WindowColumn all = codec_windows_of(times, values);
    const WindowColumn first = codec_windows_of({times.begin(), times.begin() + cut},
                                                {values.begin(), values.begin() + cut});
    const WindowColumn second =
        codec_windows_of({times.begin() + cut, times.end()}, {values.begin() + cut, values.end()});
    for (const bool swapped : {false, true}) {
      WindowMerge merge;
      merge.join(swapped ? second : first, {0, kMinuteMs});
      merge.join(swapped ? first : second, {0, kMinuteMs});
      const WindowColumn joint = merge.take();
      REQUIRE(joint.size() == 1);
      CHECK(joint.first_ms == all.first_ms);
      CHECK(joint.last_ms == all.last_ms);
      CHECK(joint.count == all.count);
      const auto same = [](double a, double b) {
        return a == b || (std::isnan(a) && std::isnan(b));
      };
      CHECK(same(joint.first[0], all.first[0]));
      CHECK(same(joint.last[0], all.last[0]));
      CHECK(same(joint.min[0], all.min[0]));
      CHECK(same(joint.max[0], all.max[0]));
      CHECK(same(joint.sum[0], all.sum[0]));
      CHECK(same(joint.increase[0], all.increase[0]));
    }
  }
}

TEST_CASE("of two windows with one end the one accepted later stays") {
  WindowMerge merge;
  merge.put(codec_windows_of({1}, {1}), 5, {0, kMinuteMs});
  merge.put(codec_windows_of({1}, {2}), 4, {0, kMinuteMs});
  CHECK(merge.take().first == std::vector{1.0});
  merge.put(codec_windows_of({1}, {1}), 5, {0, kMinuteMs});
  merge.put(codec_windows_of({1}, {2}), 6, {0, kMinuteMs});
  merge.put(codec_windows_of({kMinuteMs + 1}, {3}), 6, {0, kMinuteMs});  // outside
  CHECK(merge.take().first == std::vector{2.0});
  for (const std::int64_t first : {3'600'000, 21'600'000}) {  // in whichever order they come
    merge.put(codec_windows_of({1}, {static_cast<double>(first)}), 5, {0, kMinuteMs}, first);
    merge.put(codec_windows_of({1}, {25'200'000.0 - static_cast<double>(first)}), 5, {0, kMinuteMs},
              25'200'000 - first);
    CHECK(merge.take().first == std::vector{3'600'000.0});
  }
  merge.put(codec_windows_of({1, kMinuteMs + 1}, {1, 2}), 5, {0, 2 * kMinuteMs});
  merge.erase({kMinuteMs, kMinuteMs});
  CHECK(merge.take().first == std::vector{2.0});
}

}  // namespace
}  // namespace volta
