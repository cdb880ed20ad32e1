// Batches with content, and files of a spool to damage.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"
#include "uplink/spool.hpp"

namespace volta {

// For CHECK and comparisons; the payload to the bit.
inline bool operator==(const EncodedBatch& a, const EncodedBatch& b) {
  return a.seq == b.seq && a.key_seq == b.key_seq && a.slots == b.slots &&
         a.first_ms == b.first_ms && a.last_ms == b.last_ms && a.points == b.points &&
         a.payload == b.payload;
}

namespace test {

inline std::vector<SeriesDef> some_series(std::size_t count) {
  std::vector<SeriesDef> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i].name = "m" + std::to_string(i);
    out[i].labels = {{"core", std::to_string(i)}};
    out[i].kind = i % 2 == 0 ? Kind::counter : Kind::gauge;
    out[i].scale = static_cast<std::int8_t>(i % 5) - 2;
    out[i].unit = "seconds";
  }
  return out;
}

// A batch of `ticks` ticks, a second each, that tell their number.
inline EncodedBatch numbered_batch(BatchEncoder& encoder, std::uint64_t number, std::uint32_t slots,
                                   int ticks = 3) {
  std::vector<Reading> readings;
  for (int tick = 0; tick < ticks; ++tick) {
    readings.clear();
    for (Slot slot = 0; slot < slots; ++slot) {
      readings.push_back({slot, number * 1000 + static_cast<std::uint64_t>(tick) + slot});
    }
    encoder.add(static_cast<std::int64_t>(number) * 10'000 + tick * 1000, readings);
  }
  EncodedBatch batch = encoder.finish(slots);
  batch.key_seq = number - (batch.seq - batch.key_seq);
  batch.seq = number;
  return batch;
}

inline Bytes file_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline void write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()),  // NOLINT
             static_cast<std::streamsize>(bytes.size()));
}

// A spool in a folder of its own, with a layout that the test makes larger.
struct SpoolFixture {
  TempDir dir{TempDir::parent_in_memory()};
  std::vector<SeriesDef> layout = some_series(3);
  std::unique_ptr<Spool> spool;
  std::vector<EncodedBatch> made;
  BatchEncoder encoder;
  std::shared_ptr<const EncodedBatch> keyframe;

  explicit SpoolFixture(std::uint64_t limit = 256U << 20U) { start(limit); }
  SpoolContent start(std::uint64_t limit = 256U << 20U) {
    spool.reset();
    spool = std::make_unique<Spool>(folder(), limit, [this](std::size_t first) {
      return std::vector<SeriesDef>(layout.begin() + static_cast<std::ptrdiff_t>(first),
                                    layout.end());
    });
    spool->open();
    return spool->recover();
  }
  [[nodiscard]] std::filesystem::path folder() const { return dir.path() / "agent" / "spool"; }
  void add(int count, bool new_keyframe = false) {
    for (int i = 0; i < count; ++i) {
      if (new_keyframe) encoder.force_keyframe();
      const std::uint64_t number = made.empty() ? 1 : made.back().seq + 1;
      auto batch = std::make_shared<const EncodedBatch>(
          numbered_batch(encoder, number, static_cast<std::uint32_t>(layout.size())));
      if (batch->key_seq == batch->seq) keyframe = batch;
      spool->append({batch, keyframe});
      made.push_back(*batch);
    }
  }
};

}  // namespace test
}  // namespace volta
