#include "store/pack_sink.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

SampleTable::Column sink_column(std::uint32_t series, std::int64_t first_ms) {
  return {SeriesId{series}, {first_ms, first_ms + 1000}, {1, 2}};
}

TEST_CASE("what a sink leaves that never finished is not in the next one's packs") {
  for (const Tier tier : {Tier::raw, Tier::minute, Tier::hour}) {
    CAPTURE(to_text(tier));
    PackWorkshop workshop;
    std::vector<NewPack> packs;
    PackRow like;
    like.tier = tier;
    const auto add = [&](PackSink& sink, std::uint32_t series, std::int64_t first_ms) {
      const SampleTable::Column column = sink_column(series, first_ms);
      if (tier == Tier::raw) {
        sink.add(column, ValueType::int64, column.times_ms);
      } else {
        WindowColumn windows;
        windows.end_ms = windows.first_ms = windows.last_ms = {first_ms};
        windows.first = windows.last = windows.min = windows.max = windows.sum = {1};
        windows.increase = {0};
        windows.count = {1};
        windows.ends_stale = {0};
        sink.add(SeriesId{series}, Kind::gauge, windows);
      }
    };
    {
      PackSink ended(workshop, like, packs);
      add(ended, 1, 1000);
      add(ended, 2, 1000);
    }
    PackSink sink(workshop, like, packs);
    add(sink, 2, 60'000);
    sink.finish();
    REQUIRE(packs.size() == 1);
    const NewPack& made = packs.front();
    CHECK(made.row.first_series == SeriesId{2});
    CHECK(made.row.last_series == SeriesId{2});
    const auto pack = Pack::open(made.data, made.data.size());
    REQUIRE(pack);
    CHECK(pack->min_ms() == 60'000);
    CHECK(pack->entries().front().series == SeriesId{2});
  }
}

}  // namespace
}  // namespace volta
