#include "store/pack.hpp"

#include <algorithm>
#include <optional>

#include <catch2/catch.hpp>

#include "store/column_samples.hpp"

namespace volta {
namespace {

constexpr std::int64_t kStartMs = 1'795'226'400'000;

std::vector<std::int64_t> jittered_times(std::size_t length, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::int64_t> times;
  for (std::size_t i = 0; i < length; ++i)
    times.push_back(kStartMs + static_cast<std::int64_t>(1000 * i + random() % 5));
  return times;
}

struct Written {
  SeriesId series{};
  std::uint8_t part = 0;
  ValueType type = ValueType::int64;
  std::vector<std::int64_t> times_ms;
  std::vector<std::uint64_t> raw;
};

// A pack of all sample columns, each with a second part on other times and with gaps.
struct SamplePack {
  std::vector<Written> written;
  std::uint64_t samples = 0;
  Bytes bytes;

  SamplePack(std::uint64_t seed, std::size_t length) {
    const auto times = jittered_times(length, seed);
    std::vector<std::int64_t> later(times.begin() + 1, times.end());
    PackWriter writer;
    ColumnHint hint;
    std::uint32_t series = 1'000'000;
    for (const auto& column : test::SampleColumns(seed, length).all()) {
      // Not in the order of the directory.
      series -= 7;
      const SeriesId id{series};
      writer.add({id, 0, column.type, times, column.raw, {}}, hint);
      written.push_back({id, 0, column.type, times, column.raw});
      samples += length;
      const auto raw = std::span(column.raw).first(later.size());
      std::vector<std::uint8_t> present(later.size(), 1);
      Written part{id, 3, column.type, {}, {}};
      for (std::size_t i = 0; i < later.size(); ++i) {
        if ((present[i] = i % 10 != 3) == 0) continue;
        part.times_ms.push_back(later[i]);
        part.raw.push_back(raw[i]);
      }
      samples += part.raw.size();
      writer.add({id, 3, column.type, later, raw, present}, hint);
      written.push_back(std::move(part));
    }
    CHECK(writer.samples() == samples);
    bytes = writer.finish();
    CHECK(writer.columns() == 0);
  }
};

std::span<const std::byte> column_bytes(const Bytes& pack, const PackEntry& entry) {
  return std::span(pack).subspan(entry.offset, entry.length);
}

TEST_CASE("Every series of a pack reads as it was written") {
  const auto length = GENERATE(1, 2, 60, 250);
  const SamplePack sample(11, static_cast<std::size_t>(length));
  const auto pack = Pack::open(sample.bytes, sample.bytes.size());
  REQUIRE(pack.has_value());
  CHECK(pack->entries().size() == sample.written.size());
  CHECK(pack->min_ms() == sample.written[0].times_ms.front());
  CHECK(pack->max_ms() == sample.written[0].times_ms.back());
  PackReader reader;
  for (const auto& want : sample.written) {
    const PackEntry* entry = pack->find(want.series, want.part);
    REQUIRE(entry != nullptr);
    const auto raw = reader.raw(*pack, *entry, column_bytes(sample.bytes, *entry));
    REQUIRE(raw.has_value());
    CHECK(std::equal(raw->times_ms.begin(), raw->times_ms.end(), want.times_ms.begin(),
                     want.times_ms.end()));
    CHECK(std::equal(raw->values.begin(), raw->values.end(), want.raw.begin(), want.raw.end()));
    const auto doubles = reader.doubles(*pack, *entry, column_bytes(sample.bytes, *entry), 2);
    REQUIRE(doubles.has_value());
    REQUIRE(doubles->values.size() == want.raw.size());
    CHECK(doubles->times_ms.size() == want.raw.size());
    for (std::size_t i = 0; i < want.raw.size(); ++i) {
      if (test::bits_of(doubles->values[i]) != test::bits_of(to_double(want.type, 2, want.raw[i])))
        FAIL("value " << i);
    }
  }
  CHECK(pack->find(SeriesId{1}) == nullptr);
  CHECK(pack->find(sample.written[0].series, 1) == nullptr);
  CHECK(check_pack(sample.bytes).has_value());
}

TEST_CASE("A series is read by the head and its own bytes") {
  const SamplePack sample(12, 250);
  const auto head_length = pack_head_bytes(std::span(sample.bytes).first(kPackPrefixBytes));
  REQUIRE(head_length.has_value());
  REQUIRE(*head_length < sample.bytes.size() / 2);
  const auto pack = Pack::open(std::span(sample.bytes).first(*head_length), sample.bytes.size());
  REQUIRE(pack.has_value());
  PackReader reader;
  std::size_t in_head = 0;
  for (const auto& entry : pack->entries()) {
    in_head += entry.in_head ? 1 : 0;
    CHECK((entry.offset < *head_length) == entry.in_head);
    const auto bytes =
        entry.in_head ? std::span<const std::byte>() : column_bytes(sample.bytes, entry);
    CHECK(reader.raw(*pack, entry, bytes).has_value());
  }
  CHECK(in_head > 5);
  CHECK(in_head < pack->entries().size());
}

TEST_CASE("Columns with equal times share them") {
  PackWriter writer;
  ColumnHint hint;
  const auto times = jittered_times(100, 13);
  const std::vector<std::uint64_t> raw(100, 42);
  std::size_t alone = 0;
  for (std::uint32_t series = 1; series <= 50; ++series) {
    const auto copy = times;
    writer.add({SeriesId{series}, 0, ValueType::int64, copy, raw, {}}, hint);
    if (series == 1) {
      alone = writer.finish().size();
      writer.add({SeriesId{series}, 0, ValueType::int64, copy, raw, {}}, hint);
    }
  }
  // A constant and its line of the directory.
  CHECK(writer.finish().size() <= alone + std::size_t{49} * 8);
}

TEST_CASE("The writer says when a pack is full") {
  PackWriter writer;
  ColumnHint hint;
  std::mt19937_64 random(14);
  const auto times = jittered_times(1000, 14);
  std::uint32_t series = 0;
  while (!writer.full()) {
    std::vector<std::uint64_t> raw(1000);
    std::generate(raw.begin(), raw.end(), [&] { return random(); });
    writer.add({SeriesId{++series}, 0, ValueType::uint64, times, raw, {}}, hint);
  }
  const Bytes bytes = writer.finish();
  CHECK(bytes.size() >= kPackTargetBytes);
  CHECK(bytes.size() < kPackTargetBytes + 10'000);
  CHECK(check_pack(bytes).has_value());
  CHECK_FALSE(writer.full());
}

TEST_CASE("Columns without samples and times far apart are columns") {
  PackWriter writer;
  ColumnHint hint;
  const std::vector<std::int64_t> wide = {std::numeric_limits<std::int64_t>::min(), -1, 0,
                                          std::numeric_limits<std::int64_t>::max()};
  const std::vector<std::uint64_t> raw = {1, 2, 3, 4};
  writer.add({SeriesId{1}, 0, ValueType::int64, {}, {}, {}}, hint);
  writer.add({SeriesId{2}, 0, ValueType::int64, wide, raw, {}}, hint);
  writer.add({SeriesId{3}, 0, ValueType::int64, wide, raw, std::vector<std::uint8_t>(4)}, hint);
  const Bytes bytes = writer.finish();
  const auto pack = Pack::open(bytes, bytes.size());
  REQUIRE(pack.has_value());
  CHECK(pack->min_ms() == wide.front());
  CHECK(pack->max_ms() == wide.back());
  PackReader reader;
  const auto samples = [&](std::uint32_t series) {
    const auto* entry = pack->find(SeriesId{series});
    REQUIRE(entry != nullptr);
    const auto read = reader.raw(*pack, *entry, column_bytes(bytes, *entry));
    REQUIRE(read.has_value());
    CHECK(read->times_ms.size() == read->values.size());
    return std::vector(read->times_ms.begin(), read->times_ms.end());
  };
  CHECK(samples(1).empty());
  CHECK(samples(2) == wide);
  CHECK(samples(3).empty());
}

TEST_CASE("No damage of a pack goes unseen") {
  const SamplePack sample(15, 60);
  REQUIRE(check_pack(sample.bytes).has_value());
  std::mt19937_64 random(15);
  for (std::size_t at = 0; at < sample.bytes.size(); ++at) {
    Bytes bad = sample.bytes;
    bad[at] ^= static_cast<std::byte>(1 + random() % 255);
    if (check_pack(bad).has_value()) FAIL("byte " << at);
  }
  // Exact copies, so that a sanitizer sees one byte too far.
  for (std::size_t length = 0; length < sample.bytes.size(); length += 1 + length / 200) {
    const Bytes cut(sample.bytes.begin(),
                    sample.bytes.begin() + static_cast<std::ptrdiff_t>(length));
    if (check_pack(cut).has_value()) FAIL("length " << length);
  }
  Bytes longer = sample.bytes;
  longer.push_back(std::byte{0});
  CHECK_FALSE(check_pack(longer).has_value());
}

TEST_CASE("One broken column leaves the others readable") {
  SamplePack sample(16, 250);
  const auto pack = Pack::open(sample.bytes, sample.bytes.size());
  REQUIRE(pack.has_value());
  const auto broken = std::find_if(pack->entries().begin(), pack->entries().end(),
                                   [](const auto& entry) { return !entry.in_head; });
  REQUIRE(broken != pack->entries().end());
  sample.bytes[broken->offset + 5] ^= std::byte{1};
  PackReader reader;
  for (const auto& entry : pack->entries()) {
    const bool whole = reader.raw(*pack, entry, column_bytes(sample.bytes, entry)).has_value();
    CHECK(whole == (entry.offset != broken->offset));
  }
  const auto report = check_pack(sample.bytes);
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().text.find("series " + std::to_string(static_cast<std::uint32_t>(
                                                 broken->series))) != std::string::npos);
}

TEST_CASE("a series that begins in a pack with room ends in it, however large its parts are") {
  const auto times = jittered_times(400, 1);
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> raw(times.size());
  PackWriter writer;
  ColumnHint hint;
  std::size_t packs = 0;
  std::size_t columns = 0;
  for (std::uint32_t series = 1; series <= 200; ++series) {
    if (writer.full()) {
      const auto bytes = writer.finish();
      const auto pack = Pack::open(std::span(bytes).first(bytes.size()), bytes.size());
      REQUIRE(pack.has_value());
      columns += pack->entries().size();
      ++packs;
    }
    for (std::uint8_t part = 0; part < 8; ++part) {
      for (auto& word : raw) word = random();
      writer.add({SeriesId{series}, part, ValueType::float64, times, raw, {}}, hint);
    }
  }
  CHECK(packs > 10);
  CHECK(columns + writer.columns() == 1600);
}

}  // namespace
}  // namespace volta
