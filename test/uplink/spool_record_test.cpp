#include "uplink/spool_record.hpp"

#include <catch2/catch.hpp>

#include "uplink/spool_fixture.hpp"

namespace volta {
namespace {

TEST_CASE("a record comes back, and none comes back that is cut or has another bit") {
  Bytes bytes;
  const SpoolRun run{{1, 2, 3}, 77, UINT64_MAX};
  put_spool_run(bytes, run);
  const auto whole = first_spool_record(bytes);
  REQUIRE(whole);
  CHECK(whole->size == bytes.size());
  CHECK(*parse_spool_run(whole->body) == run);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(first_spool_record(std::span(bytes).first(size)));
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes damaged = bytes;
    damaged[bit / 8] ^= std::byte{1} << static_cast<unsigned>(bit % 8);
    CHECK_FALSE(first_spool_record(damaged));
  }
  CHECK_FALSE(first_spool_record(Bytes(100)));  // zeros are no record
}

TEST_CASE("series come back as they were, in as many records as they need") {
  const std::size_t count = GENERATE(1, 999, 2500);
  const std::vector<SeriesDef> series = test::some_series(count);
  Bytes bytes;
  put_spool_series(bytes, 7, series);
  std::vector<SeriesDef> back;
  for (auto rest = std::span<const std::byte>(bytes); !rest.empty();) {
    const auto record = first_spool_record(rest);
    REQUIRE(record);
    const auto part = parse_spool_series(record->body);
    REQUIRE(part);
    CHECK(part->first == 7 + back.size());
    back.insert(back.end(), part->series.begin(), part->series.end());
    rest = rest.subspan(record->size);
  }
  CHECK(back == series);
}

TEST_CASE("a batch comes back to the bit, and numbers that none has are refused") {
  BatchEncoder encoder;
  const EncodedBatch batch = test::numbered_batch(encoder, 5, 4);
  Bytes bytes;
  put_spool_batch(bytes, SpoolKind::batch, batch);
  const auto record = first_spool_record(bytes);
  REQUIRE(record);
  CHECK(*parse_spool_batch(record->body) == batch);
  const auto with = [&](auto change) {
    EncodedBatch other = batch;
    change(other);
    Bytes out;
    put_spool_batch(out, SpoolKind::batch, other);
    return parse_spool_batch(first_spool_record(out)->body).has_value();
  };
  CHECK_FALSE(with([](EncodedBatch& b) { b.seq = b.key_seq = 0; }));
  CHECK_FALSE(with([](EncodedBatch& b) { b.key_seq = b.seq + 1; }));
  CHECK_FALSE(with([](EncodedBatch& b) { b.payload.clear(); }));
  CHECK_FALSE(with([](EncodedBatch& b) { b.slots = kMostSlots + 1; }));
}

TEST_CASE("ticks come back, whatever their order and size") {
  TickWriter writer;
  TickReader reader;
  const std::vector<std::vector<Reading>> ticks = {
      {{0, 5}, {2, UINT64_MAX}}, {{0, 6}, {2, 0}}, {}, {{2, 9}, {1, 3}, {2, 8}}, {{3, 1}}};
  const std::vector<std::vector<Reading>> want = {
      {{0, 5}, {2, UINT64_MAX}}, {{0, 6}, {2, 0}}, {}, {{1, 3}, {2, 8}}, {{3, 1}}};
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    Bytes bytes;
    const std::uint64_t number = i < 3 ? 8 : 9;
    writer.put(bytes, number, 4, -5, ticks[i]);
    const auto tick = reader.read(first_spool_record(bytes)->body);
    REQUIRE(tick);
    CHECK(tick->number == number);
    CHECK(tick->slots == 4);
    CHECK(tick->wall_ms == -5);
    REQUIRE(tick->readings.size() == want[i].size());
    for (std::size_t k = 0; k < want[i].size(); ++k) {
      CHECK(tick->readings[k].slot == want[i][k].slot);
      CHECK(tick->readings[k].raw == want[i][k].raw);
    }
  }
}

TEST_CASE("a tick that names a slot beyond its own is refused") {
  Bytes body;
  for (const std::uint64_t value : {1, 2, 0, 1, 2, 0}) put_varint(body, value);
  CHECK_FALSE(TickReader().read(body));  // two slots, and one reading of slot 2
  body[4] = std::byte{1};
  CHECK(TickReader().read(body));
}

}  // namespace
}  // namespace volta
