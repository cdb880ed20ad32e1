// What `volta store check` and `volta store stats` say of packs.
#include "store/pack_check.hpp"

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/check.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
constexpr std::int64_t kCheckHour = 3'600'000;
constexpr std::int64_t kCheckEnd = (kStart / kCheckHour + 1) * kCheckHour;

// Two series over two hours, 700 ticks in all; the first hour is sealed and over.
class SealedStore {
 public:
  SealedStore() {
    options.directory = dir_.path() / "data";
    options.seal_in_background = false;
    options.raw_age = std::chrono::milliseconds(0);
    open();
    host = store->hosts().add("a", test::token(1)).value().id;
    test::Agent agent(store->journal(), host, test::run_id(1));
    const Slot noisy = agent.define(test::gauge("noisy"));
    const Slot calm = agent.define(test::gauge("calm", {{"k", "1"}}));
    for (int tick = 0; tick < 700; ++tick) {
      // So that a column of its own is in the body, with a checksum.
      auto value = static_cast<std::uint64_t>(tick) * 0x9e37'79b9'7f4a'7c15U;
      value = (value ^ value >> 29U) * 0xbf58'476d'1ce4'e5b9U;
      agent.tick(kCheckEnd - 600'000 + tick * 1000,
                 std::vector<Reading>{{noisy, value}, {calm, 7}});
    }
    REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
    clock.set_wall_ms(kCheckEnd + 180'000);
    store->seal_due();
  }
  void open() {
    store.reset();
    store = std::make_unique<Store>(options, clock);
  }
  [[nodiscard]] std::string file() const { return (options.directory / "volta.db").string(); }

  StoreOptions options;
  test::FakeClock clock{kStart};
  std::unique_ptr<Store> store;
  HostId host{};

 private:
  test::TempDir dir_;
};

TEST_CASE_METHOD(SealedStore, "statistics count a sample once, wherever it is") {
  const auto check = [&] {
    const StoreStats stats = store->stats(10);
    CHECK(stats.whole.samples == 1400);
    CHECK(stats.whole.series == 2);
    CHECK(stats.tiers.at(Tier::raw).samples == 1400);
    CHECK(stats.tiers.at(Tier::raw).series == 2);
    CHECK(stats.tiers.at(Tier::raw).bytes_per_sample() > 0);
    CHECK(stats.tiers.at(Tier::minute).series == 2);
    CHECK(stats.tiers.at(Tier::hour).series == 2);
    return stats;
  };
  // The group is in force and reaches into the open hour, so all of it is still in the journal.
  CHECK(check().tiers.at(Tier::minute).samples == 2 * 11);
  open();
  check();
  store->seal_all();
  const StoreStats sealed = check();
  CHECK(sealed.tiers.at(Tier::minute).samples == 2 * 13);
  CHECK(sealed.tiers.at(Tier::hour).samples == 2 * 2);
  // A journal that is empty costs nothing but its list of runs.
  CHECK(sealed.tiers.at(Tier::raw).bytes < 8000);
  REQUIRE(sealed.bytes_of_metric.size() == 2);
  CHECK(sealed.bytes_of_metric[0].name == "noisy");
  CHECK(sealed.bytes_of_metric[0].count > sealed.bytes_of_metric[1].count);
  std::uint64_t packs = 0;
  for (const auto& metric : sealed.bytes_of_metric) packs += metric.count;
  Connection connection(file(), Connection::Mode::reader, 99);
  const auto total =
      static_cast<std::uint64_t>(connection.number("SELECT sum(length(data)) FROM pack"));
  CHECK(packs <= total + 2);
  CHECK(packs + 2 >= total);
}

std::string all_problems(const StoreCheck& check) {
  std::string all;
  for (const std::string& problem : check.problems) all += problem + "\n";
  return all;
}

TEST_CASE_METHOD(SealedStore, "a check opens every pack and reads every column") {
  store->seal_all();
  const StoreCheck sound = store->check();
  CHECK(all_problems(sound).empty());
  CHECK(sound.packs == 4);  // two of samples; those of each tier are merged
  CHECK(sound.packed == 1400);
  store.reset();
  struct Damage {
    const char* sql;
    const char* found;
  };
  for (const Damage& damage : {
           Damage{"UPDATE pack SET data=zeroblob(length(data)) WHERE tier=1",
                  "does not begin like one"},
           Damage{"UPDATE pack SET data=CAST(substr(data, 1, length(data)-1) AS BLOB) WHERE tier=2",
                  "pack "},
           Damage{"UPDATE pack SET samples=samples+1 WHERE tier=0", "values, its row says"},
           Damage{"UPDATE pack SET min_ms=min_ms-1 WHERE tier=2", "its times are others"},
           Damage{"UPDATE pack SET first_series=last_series", "series beyond those"},
           Damage{"UPDATE pack SET host_id=9", "packs are of hosts that are not there"},
       }) {
    CAPTURE(damage.sql);
    Connection connection(file(), Connection::Mode::writer, 1000);
    connection.execute("BEGIN");
    connection.execute(damage.sql);
    const StoreCheck check = check_store(connection);
    connection.execute("ROLLBACK");
    CHECK_FALSE(check.sound());
    CHECK_THAT(all_problems(check), Catch::Contains(damage.found));
  }
}

TEST_CASE_METHOD(SealedStore, "a check says which series of which pack is broken, and only that") {
  store->seal_all();
  store.reset();
  Connection connection(file(), Connection::Mode::writer, 1000);
  std::int64_t id = 0;
  Bytes bytes;
  {
    Query query = connection.query("SELECT id, data FROM pack WHERE tier=0 ORDER BY id LIMIT 1");
    REQUIRE(query.step());
    id = query.integer(0);
    bytes.assign(query.blob(1).begin(), query.blob(1).end());
  }
  bytes.back() ^= std::byte{1};  // the noisy series' column is the last of the body
  connection.query("UPDATE pack SET data=? WHERE id=?")
      .with(std::span<const std::byte>(bytes), id)
      .run();
  const StoreCheck check = check_store(connection);
  REQUIRE(check.problems.size() == 1);
  CHECK_THAT(check.problems[0], Catch::StartsWith("pack " + std::to_string(id) + " (raw, host 1"));
  CHECK_THAT(check.problems[0], Catch::Contains("series 1: ") && Catch::Contains("checksum"));
}

}  // namespace
}  // namespace volta
