#include "store/retention.hpp"

#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::kStart;
constexpr std::int64_t kHour = 3'600'000;

class RetentionTest {
 public:
  RetentionTest() {
    options.directory = dir_.path() / "data";
    options.seal_in_background = false;  // these cases are about the journal
  }
  // Opens the store if need be and writes one run of `groups` groups, one per ten minutes, of
  // incompressible values.
  void write(std::uint64_t run, int groups, std::int64_t first_ms) {
    open();
    if (!store->hosts().find("a")) host = store->hosts().add("a", test::token(1)).value().id;
    test::Agent agent(store->journal(), host, test::run_id(run));
    const Slot slot = agent.define(test::gauge("m"));
    id = agent.series(slot);
    for (int group = 0; group < groups; ++group) {
      for (int i = 0; i < 2000; ++i) {
        agent.tick(first_ms + group * 600'000 + i * 300, std::vector<Reading>{{slot, random_()}});
      }
      REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
    }
  }
  void open() {
    if (store == nullptr) store = std::make_unique<Store>(options, clock);
  }
  [[nodiscard]] std::uintmax_t file_size() const {
    return std::filesystem::file_size(options.directory / "volta.db");
  }
  // Of a store that nothing was written to.
  [[nodiscard]] std::uintmax_t empty_size() const {
    StoreOptions fresh = options;
    fresh.directory = dir_.path() / "empty";
    Store(fresh, clock).close();
    return std::filesystem::file_size(fresh.directory / "volta.db");
  }
  [[nodiscard]] std::size_t samples() const {
    return store->reader().read(host, std::vector{id}, 0, INT64_MAX)[0].times_ms.size();
  }

  StoreOptions options;
  test::FakeClock clock{kStart};
  std::unique_ptr<Store> store;
  HostId host{};
  SeriesId id{};

 private:
  test::TempDir dir_;
  std::mt19937_64 random_{5};
};

TEST_CASE_METHOD(RetentionTest, "what is older than the raw age goes and the file shrinks") {
  options.raw_age = std::chrono::hours(24);
  options.head_bytes = 0;
  write(1, 144, kStart - 24 * kHour);
  store->maintain();
  const auto full = file_size();
  CHECK(full > 2'000'000);
  // What the tables and their indexes take before anything is in them, a page each, is not data
  // and does not shrink; with each migration it grows. So the bounds below leave it out.
  const auto empty = empty_size();
  CHECK(empty < 300'000);
  CHECK(samples() == 144 * 2000);
  CHECK(store->reader().oldest_ms(host) == kStart - 24 * kHour);

  clock.advance(std::chrono::hours(12));
  store->maintain();
  CHECK(samples() == 72 * 2000);
  CHECK(file_size() - empty < (full - empty) * 60 / 100);
  CHECK(store->reader().oldest_ms(host) == kStart - 12 * kHour);

  // The run's last group stays while batches may still count from it, and goes once it is idle.
  clock.advance(std::chrono::hours(48));
  store->maintain();
  CHECK(samples() == 2000);
  store.reset();
  open();
  store->maintain();
  CHECK(samples() == 0);
  CHECK_FALSE(store->reader().oldest_ms(host));
  CHECK(file_size() - empty < 1'200'000);  // a mebibyte of free pages is kept for what comes
  CHECK(store->journal().run_state(host, test::run_id(1)).durable_seq == 0);
  CHECK(store->hosts().find("a"));
  write(2, 1, clock.wall_ms() - kHour);
  CHECK(samples() == 2000);
}

TEST_CASE_METHOD(RetentionTest, "a raw age of zero keeps everything") {
  options.raw_age = std::chrono::milliseconds(0);
  write(1, 10, kStart - 10'000 * kHour);
  store->maintain();
  CHECK(samples() == 10 * 2000);
}

TEST_CASE_METHOD(RetentionTest, "the size cap holds and takes the oldest first") {
  options.size_bytes = 4 << 20;
  options.head_bytes = 0;
  for (std::uint64_t run = 0; run < 6; ++run) {
    write(run, 50, kStart - 100 * kHour + static_cast<std::int64_t>(run) * 10 * kHour);
    store->maintain();
    CHECK(file_size() <= static_cast<std::uintmax_t>(options.size_bytes));
  }
  const std::size_t left = samples();
  CHECK(left > 100 * 2000);
  CHECK(left < 300 * 2000);
  const auto column = store->reader().read(host, std::vector{id}, 0, INT64_MAX)[0];
  // The newest run is whole.
  CHECK(std::count_if(column.times_ms.begin(), column.times_ms.end(),
                      [](std::int64_t time) { return time >= kStart - 50 * kHour; }) == 50 * 2000);
}

TEST_CASE_METHOD(RetentionTest, "a cap that is a share of the disk rises with it and never sinks") {
  const auto disk = std::make_shared<std::atomic<std::int64_t>>(8 << 20);
  options.disk_space = [disk](const std::filesystem::path&) {
    return DiskSpace{*disk, std::int64_t{1} << 40};
  };
  options.size_bytes = 4 << 20;
  options.size_percent = 50;
  options.head_bytes = 0;
  const auto fill = [&](std::uint64_t run) {
    write(run, 50, kStart - 100 * kHour + static_cast<std::int64_t>(run) * 10 * kHour);
    store->maintain();
  };
  for (std::uint64_t run = 0; run < 6; ++run) fill(run);
  const std::size_t at_cap = samples();
  CHECK(at_cap < 300 * 2000);
  *disk = 1 << 30;
  fill(6);
  CHECK(samples() == at_cap + 50 * 2000);
  *disk = 8 << 20;
  fill(7);
  CHECK(samples() == at_cap + 100 * 2000);
}

std::uintmax_t directory_size(const std::filesystem::path& directory) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

TEST_CASE_METHOD(RetentionTest,
                 "the size cap counts all files, and a migration's copy goes first") {
  options.size_bytes = 5 << 20;
  options.head_bytes = 0;
  write(1, 100, kStart - 100 * kHour);
  store->maintain();
  const std::size_t before = samples();
  store.reset();
  std::ofstream(options.directory / "before-v9.sqlite") << std::string(2'000'000, 'x');
  std::ofstream(options.directory / "before-v10.sqlite") << std::string(1'000'000, 'x');
  std::ofstream(options.directory / "mine.sqlite") << "not ours";
  open();
  store->maintain();
  CHECK_FALSE(std::filesystem::exists(options.directory / "before-v9.sqlite"));
  CHECK(std::filesystem::exists(options.directory / "before-v10.sqlite"));
  CHECK(samples() == before);
  for (std::uint64_t run = 2; run < 6; ++run) {
    write(run, 60, kStart - 80 * kHour + static_cast<std::int64_t>(run) * 10 * kHour);
    store->maintain();
    CHECK(directory_size(options.directory) <= static_cast<std::uintmax_t>(options.size_bytes));
  }
  CHECK_FALSE(std::filesystem::exists(options.directory / "before-v10.sqlite"));
  CHECK(std::filesystem::exists(options.directory / "mine.sqlite"));
  CHECK(samples() > before);
}

TEST_CASE_METHOD(RetentionTest, "a low disk gets back every free page") {
  std::atomic<bool> low{false};
  options.disk_space = [&](const auto&) {
    return DiskSpace{1'000'000'000'000, low ? 10 : 500'000'000'000};
  };
  options.raw_age = std::chrono::hours(24);
  options.head_bytes = 0;
  write(1, 144, kStart - 24 * kHour);
  clock.advance(std::chrono::hours(1));
  store->maintain();
  const auto before = file_size();
  low = true;
  store->maintain();
  CHECK_FALSE(store->writable());
  CHECK(file_size() < before);
  Connection reader((options.directory / "volta.db").string(), Connection::Mode::reader, 1000);
  CHECK(reader.number("PRAGMA freelist_count") == 0);
}

// A keyframe group as the model and the journal's tables tell it.
struct Group {
  std::uint64_t run = 0;
  std::uint64_t seq = 0;  // of the keyframe
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
  std::int64_t rows = 0;

  auto operator<=>(const Group&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Group& group) {
  return out << "run " << group.run << " seq " << group.seq << " [" << group.min_ms << ", "
             << group.max_ms << "] rows " << group.rows;
}

std::set<Group> groups_of(const std::filesystem::path& directory) {
  Connection connection((directory / "volta.db").string(), Connection::Mode::reader, 1000);
  Query query = connection.query(
      "SELECT run.run, seq, min_ms, max_ms, (SELECT count(*) FROM journal"
      " WHERE journal.id >> 24 = keyframe.id) FROM keyframe JOIN run ON run.id = run_id");
  std::set<Group> all;
  while (query.step()) {
    std::uint64_t run = 0;
    for (int i = 7; i >= 0; --i) {
      run = run << 8U | std::to_integer<std::uint64_t>(query.blob(0)[static_cast<std::size_t>(i)]);
    }
    all.insert({run, static_cast<std::uint64_t>(query.integer(1)), query.integer(2),
                query.integer(3), query.integer(4)});
  }
  return all;
}

// Many runs that send now and then, late and early, and what the store ought to hold of them.
class RetentionModel {
 public:
  RetentionModel(RetentionTest& test, std::mt19937_64& random) : test_(test), random_(random) {}

  void start_runs(std::size_t count) {
    agents_.clear();
    in_force_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t run = next_run_++;
      agents_.emplace_back(run, test::Agent(test_.store->journal(), test_.host, test::run_id(run)));
      agents_.back().second.define(test::gauge("m"));
    }
  }
  void send(std::size_t which, std::int64_t oldest_ms) {
    auto& [run, agent] = agents_[which];
    const std::int64_t time =
        test_.clock.wall_ms() -
        static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(oldest_ms));
    if (random_() % 4 == 0) agent.force_keyframe();
    JournalEntry entry = agent.finish_one(0, time, random_());
    const std::uint64_t seq = entry.batch.seq;
    if (entry.batch.key_seq == seq) in_force_[run] = {run, seq, time, time, 0};
    Group& group = in_force_[run];
    group.min_ms = std::min(group.min_ms, time);
    group.max_ms = std::max(group.max_ms, time);
    ++group.rows;
    std::erase_if(all_, [&](const Group& old) { return old.run == run && old.seq == group.seq; });
    all_.insert(group);
    REQUIRE(test::commit(test_.store->journal(), std::move(entry)) == CommitState::committed);
  }
  [[nodiscard]] bool in_force(const Group& group) const {
    const auto found = in_force_.find(group.run);
    return found != in_force_.end() && found->second.seq == group.seq;
  }
  // By age: all that is over and not in force is gone, all else is there.
  void check_age() {
    const std::int64_t cutoff = test_.clock.wall_ms() - test_.options.raw_age.count();
    std::erase_if(all_,
                  [&](const Group& group) { return group.max_ms < cutoff && !in_force(group); });
    CHECK(groups_of(test_.options.directory) == all_);
  }
  [[nodiscard]] const std::set<Group>& all() const { return all_; }
  [[nodiscard]] std::size_t runs() const { return agents_.size(); }

 private:
  RetentionTest& test_;
  std::mt19937_64& random_;
  std::uint64_t next_run_ = 0;
  std::vector<std::pair<std::uint64_t, test::Agent>> agents_;
  std::map<std::uint64_t, Group> in_force_;
  std::set<Group> all_;
};

TEST_CASE_METHOD(RetentionTest, "what goes by age agrees with a model, whatever must stay") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  options.raw_age = std::chrono::hours(24);
  open();
  host = store->hosts().add("a", test::token(1)).value().id;
  RetentionModel model(*this, random);
  model.start_runs(100);
  // Every run's only group is old already, and in force: nothing may go, and nothing may be hidden
  // behind them.
  for (std::size_t run = 0; run < model.runs(); ++run) model.send(run, 1000 * kHour);
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 60; ++i) {
      model.send(random() % (random() % 2 == 0 ? 3 : model.runs()), 50 * kHour);
    }
    store->maintain();
    model.check_age();
    clock.advance(std::chrono::hours(random() % 8));
    if (round % 4 != 3) continue;
    store.reset();  // nothing is in force until its run sends again
    open();
    model.start_runs(80);
    store->maintain();
    model.check_age();
  }
}

// Hours of a host, sealed; values that cannot be packed well.
class SealedRetention : public RetentionTest {
 public:
  void write_hours(int first, int count) {
    open();
    if (!store->hosts().find("a")) host = store->hosts().add("a", test::token(1)).value().id;
    test::Agent agent(store->journal(), host, test::run_id(static_cast<std::uint64_t>(first) + 1));
    const Slot slot = agent.define(test::gauge("m"));
    id = agent.series(slot);
    for (int hour = first; hour < first + count; ++hour) {
      const std::int64_t start = kFirst + hour * kHour;
      agent.force_keyframe();
      for (int tick = 1; tick <= kTicks; ++tick) {
        agent.tick(start + tick * 3000, std::vector<Reading>{{slot, random_()}});
      }
      REQUIRE(test::commit(store->journal(), agent.finish()) == CommitState::committed);
    }
    clock.set_wall_ms(kFirst + (first + count) * kHour + 180'000);
    store->seal_due();
  }
  struct Packs {
    std::int64_t raw = 0, minute = 0, hour = 0;
  };
  // In windows, so that it does not matter how packs are merged.
  [[nodiscard]] Packs packs() const {
    Connection connection((options.directory / "volta.db").string(), Connection::Mode::reader, 99);
    return {connection.number("SELECT total(samples) FROM pack WHERE tier=0"),
            connection.number("SELECT total(samples) FROM pack WHERE tier=1"),
            connection.number("SELECT total(samples) FROM pack WHERE tier=2")};
  }

  static constexpr std::int64_t kFirst = kStart / kHour * kHour;
  static constexpr int kTicks = 1200;  // an hour

 private:
  std::mt19937_64 random_{7};
};

TEST_CASE_METHOD(SealedRetention, "the size cap holds with packs, and samples go before windows") {
  options.raw_age = std::chrono::milliseconds(0);
  options.minute_age = std::chrono::milliseconds(0);
  options.hour_age = std::chrono::milliseconds(0);
  options.head_bytes = 0;
  options.size_bytes = 0;
  constexpr int kHours = 40;
  write_hours(0, kHours);
  const Packs all = packs();
  REQUIRE(all.raw == kHours * kTicks);
  REQUIRE(all.minute == kHours * 60);
  REQUIRE(all.hour == kHours);
  const auto whole_since = store->source().oldest_ms(Tier::raw);
  // What packs take, the last page of each among it; the small ones of hours share pages.
  const auto bytes = [&](const char* sql) {
    Connection connection((options.directory / "volta.db").string(), Connection::Mode::reader, 99);
    return connection.number(sql);
  };
  const std::int64_t raw =
      bytes("SELECT total(length(data)) + 4096 * count(*) FROM pack WHERE tier=0");
  const std::int64_t minutes =
      bytes("SELECT total(length(data)) + 4096 * count(*) FROM pack WHERE tier=1");
  const std::int64_t hours =
      bytes("SELECT 2 * total(length(data)) + 100 * count(*) FROM pack WHERE tier=2");
  const auto cap = [&](std::int64_t room) {
    store.reset();
    options.size_bytes = room * 8 / 7;  // an eighth is kept for the WAL
    open();
    store->maintain();
    return packs();
  };
  const auto size = [&] { return static_cast<std::int64_t>(directory_size(options.directory)); };
  const std::int64_t least = static_cast<std::int64_t>(empty_size()) + 32'768;  // and the -shm

  const Packs some = cap(least + hours + minutes + raw / 2);
  CHECK(size() <= options.size_bytes);
  CHECK(some.raw < all.raw);
  CHECK(some.raw > 0);
  CHECK(some.minute == all.minute);
  CHECK(some.hour == all.hour);
  // The oldest went, and the store knows from when on it is whole, also after a restart.
  const std::int64_t left = some.raw / kTicks;
  for (int start = 0; start < 2; ++start) {
    CHECK(store->source().oldest_ms(Tier::raw) == kFirst + (kHours - left) * kHour + 1);
    CHECK(store->source().oldest_ms(Tier::minute) == whole_since);
    store.reset();
    open();
  }
  const Packs less = cap(least + hours + minutes / 2);
  CHECK(size() <= options.size_bytes);
  CHECK(less.raw == 0);
  CHECK(less.minute < all.minute);
  CHECK(less.hour == all.hour);
  const Packs nothing = cap(least / 2);
  CHECK(nothing.raw == 0);
  CHECK(nothing.minute == 0);
  CHECK(nothing.hour == 0);
}

TEST_CASE_METHOD(SealedRetention, "packs of each tier go by their own age, hour by hour") {
  options.raw_age = std::chrono::hours(12);
  options.minute_age = std::chrono::hours(24);
  options.hour_age = std::chrono::hours(36);
  options.head_bytes = 0;
  write_hours(0, 8);
  const auto left = [&](int hours) {
    clock.set_wall_ms(kFirst + hours * kHour + 1);
    // As a server that ran all the time would have seen it.
    for (int i = 0; i < 24; ++i) {
      clock.advance(std::chrono::hours(1));
      clock.set_wall_ms(kFirst + hours * kHour + 1);
      store->maintain();
    }
    return packs();
  };
  CHECK(left(12).raw == 8 * kTicks);
  CHECK(left(13).raw == 7 * kTicks);
  CHECK(left(16).raw == 4 * kTicks);
  CHECK(left(20).raw == 0);
  CHECK(packs().minute == 8 * 60);
  const Packs later = left(30);  // six hours of minutes are one pack
  CHECK(later.minute < 8 * 60);
  CHECK(later.hour == 8);
  CHECK(left(34).minute == 0);
  CHECK(left(35).hour == 8);
  CHECK(left(100).hour == 0);
  CHECK(packs().raw == 0);
}

}  // namespace
}  // namespace volta
