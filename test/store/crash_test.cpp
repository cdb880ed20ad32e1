#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.hpp"
#include "store/agent.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::Agent;

using test::kStart;
constexpr std::uint64_t kRuns = 3;
constexpr int kSlots = 5;

// The value of a slot at a tick, so that what is stored can be checked without a record of it.
std::int64_t value_at(std::uint64_t run, int slot, std::uint64_t seq) {
  return static_cast<std::int64_t>(run * 1'000'003 + static_cast<std::uint64_t>(slot) * 7919 +
                                   seq * 31);
}

// Each acknowledged (run, seq) on the pipe, in one write of 16 bytes.
struct Acknowledged {
  std::uint64_t run;
  std::uint64_t seq;
};

StoreOptions options_for(const std::string& directory) {
  StoreOptions options;
  options.directory = directory;
  options.wal_bytes = 65536;  // many checkpoints
  options.head_bytes = 100'000;
  return options;
}

SeriesDef series_of(std::uint64_t run, int slot) {
  return test::gauge("m", {{"run", std::to_string(run)}, {"slot", std::to_string(slot)}});
}

// Goes on where the store says that each run stands, until killed.
[[noreturn]] void append_until_killed(const std::string& directory, int out) {
  const test::FakeClock clock(kStart);
  Store store(options_for(directory), clock);
  const auto known = store.hosts().find("a");
  const HostId host = known ? known->id : store.hosts().add("a", test::token(1)).value().id;
  const std::uint64_t epoch = std::strtoull(std::getenv("VOLTA_CRASH_EPOCH"), nullptr, 10);
  std::vector<Agent> agents;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    agents.emplace_back(store.journal(), host, test::run_id(epoch * kRuns + run));
    for (int slot = 0; slot < kSlots; ++slot) {
      agents.back().define(series_of(epoch * kRuns + run, slot));
    }
  }
  for (std::uint64_t seq = 1;; ++seq) {
    for (std::uint64_t number = 0; number < kRuns; ++number) {
      const std::uint64_t run = epoch * kRuns + number;
      std::vector<Reading> readings;
      for (int slot = 0; slot < kSlots; ++slot) {
        readings.push_back(
            {static_cast<Slot>(slot), static_cast<std::uint64_t>(value_at(run, slot, seq))});
      }
      if (seq % 50 == 0) agents[number].force_keyframe();
      agents[number].tick(kStart + static_cast<std::int64_t>(seq) * 1000, readings);
      JournalEntry entry = agents[number].finish();
      JournalEntry again = entry;
      entry.done = [out, run, seq](CommitState state) {
        const Acknowledged record{run, seq};
        if (state != CommitState::committed || ::write(out, &record, sizeof record) < 0) _exit(3);
      };
      while (!store.journal().append(entry)) {
      }
      if (seq % 7 == 0) store.journal().append(std::move(again));  // a retry
    }
    if (seq % 64 == 0) store.seal_all();
  }
}

// Run in a process of its own by the case below; see VOLTA_CRASH_DIR.
TEST_CASE("crash child", "[.child]") {
  const char* directory = std::getenv("VOLTA_CRASH_DIR");
  REQUIRE(directory != nullptr);
  append_until_killed(directory, STDOUT_FILENO);
}

// The sample of a number: every tenth is of a series of its own.
LabeledSamples foreign_sample(std::uint64_t number) {
  const std::string which =
      number % 10 == 0 ? "n" + std::to_string(number) : std::to_string(number % 10);
  return {std::make_shared<const Labels>(Labels{{"__name__", "m"}, {"which", which}}),
          {kStart + static_cast<std::int64_t>(number)},
          {static_cast<double>(number)}};
}

// Goes on behind what the epochs before can have reached, until killed.
TEST_CASE("crash child of foreign samples", "[.child]") {
  const char* directory = std::getenv("VOLTA_CRASH_DIR");
  REQUIRE(directory != nullptr);
  const test::FakeClock clock(kStart);
  Store store(options_for(directory), clock);
  const std::uint64_t epoch = std::strtoull(std::getenv("VOLTA_CRASH_EPOCH"), nullptr, 10);
  for (std::uint64_t number = epoch * 1'000'000 + 1;; number += 3) {
    std::vector<LabeledSamples> request;
    for (std::uint64_t i = number; i < number + 3; ++i) request.push_back(foreign_sample(i));
    if (store.sink().write(request).state != WriteState::committed) _exit(3);
    if (number % 7 == 1) store.seal_all();  // one request of seven: number goes by threes
    const Acknowledged record{epoch, number};
    if (::write(STDOUT_FILENO, &record, sizeof record) < 0) _exit(3);
  }
}

constexpr std::uint64_t kLast = 5;

// The batches of the case below, encoded the same way whenever they are sent again.
std::vector<JournalEntry> batches_of_one_run(Store& store, HostId host) {
  Agent agent(store.journal(), host, test::run_id(1));
  const Slot slot = agent.define(test::gauge("m"));
  std::vector<JournalEntry> all;
  for (std::uint64_t seq = 1; seq <= kLast; ++seq) {
    all.push_back(agent.finish_one(slot, kStart + static_cast<std::int64_t>(seq) * 1000, seq));
  }
  return all;
}

// Dies after the COMMIT of the last batch and before anybody hears of it.
TEST_CASE("crash child before the answer", "[.child]") {
  const char* directory = std::getenv("VOLTA_CRASH_DIR");
  REQUIRE(directory != nullptr);
  const test::FakeClock clock(kStart);
  Store store(options_for(directory), clock);
  const HostId host = store.hosts().add("a", test::token(1)).value().id;
  for (JournalEntry& entry : batches_of_one_run(store, host)) {
    if (entry.batch.seq == kLast) entry.done = [](CommitState) { ::raise(SIGKILL); };
    (void)store.journal().append(std::move(entry));
  }
  ::pause();
}

struct Child {
  pid_t pid = 0;
  UniqueFd out;
};

Child start_child(const std::string& directory, int epoch, std::string which = "crash child") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  Child child{0, UniqueFd(ends[0])};
  const UniqueFd in(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.get(), STDOUT_FILENO);
  std::string program = "/proc/self/exe";
  std::string where = "VOLTA_CRASH_DIR=" + directory;
  std::string when = "VOLTA_CRASH_EPOCH=" + std::to_string(epoch);
  std::array<char*, 3> arguments{program.data(), which.data(), nullptr};
  std::array<char*, 3> environment{where.data(), when.data(), nullptr};
  REQUIRE(::posix_spawn(&child.pid, program.c_str(), &actions, nullptr, arguments.data(),
                        environment.data()) == 0);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

// Reads acknowledgements until there were `enough`, kills the child, reads what is left.
std::vector<Acknowledged> kill_after(const Child& child, std::size_t enough) {
  std::vector<Acknowledged> all;
  bool killed = false;
  for (;;) {
    Acknowledged record{};
    const ssize_t got = ::read(child.out.get(), &record, sizeof record);
    if (got <= 0) break;
    REQUIRE(got == sizeof record);
    all.push_back(record);
    if (!killed && all.size() >= enough) {
      REQUIRE(::kill(child.pid, SIGKILL) == 0);
      killed = true;
    }
  }
  int status = 0;
  REQUIRE(::waitpid(child.pid, &status, 0) == child.pid);
  REQUIRE(WIFSIGNALED(status));
  return all;
}

void check_database(const std::string& directory) {
  Connection connection(directory + "/volta.db", Connection::Mode::reader, 1000);
  Query check = connection.query("PRAGMA integrity_check");
  REQUIRE(check.step());
  CHECK(check.text(0) == "ok");
  CHECK(connection.number("SELECT count(*) FROM slot LEFT JOIN series ON series.id = series_id"
                          " WHERE series.id IS NULL") == 0);
  CHECK(connection.number("SELECT count(*) FROM (SELECT 1 FROM journal JOIN keyframe"
                          " ON keyframe.id = journal.id >> 24 GROUP BY run_id, journal.seq"
                          " HAVING count(*) > 1)") == 0);
}

TEST_CASE("kill -9 loses no acknowledged foreign sample and makes none up") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr int kEpochs = 12;
  const test::TempDir dir;
  const std::string directory = (dir.path() / "data").string();
  std::set<std::uint64_t> acknowledged;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const Child child = start_child(directory, epoch, "crash child of foreign samples");
    for (const Acknowledged& record : kill_after(child, 1 + random() % 150)) {
      for (std::uint64_t i = 0; i < 3; ++i) acknowledged.insert(record.seq + i);
    }
    check_database(directory);
  }
  const test::FakeClock clock(kStart);
  Store store(options_for(directory), clock);
  CHECK(store.check().problems == std::vector<std::string>{});
  const auto series = store.source().select({}, {0, INT64_MAX}, 100'000).value();
  std::set<std::uint64_t> found;
  store.source().read(series, {0, INT64_MAX}, [&](std::size_t at, const SampleSlice& samples) {
    for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
      const auto number = static_cast<std::uint64_t>(samples.times_ms[i] - kStart);
      CHECK(samples.values[i] == static_cast<double>(number));
      CHECK(*series[at].labels == *foreign_sample(number).labels);
      CHECK(found.insert(number).second);
    }
    return true;
  });
  CHECK(std::includes(found.begin(), found.end(), acknowledged.begin(), acknowledged.end()));
  CHECK(found.size() <= acknowledged.size() + 3 * kEpochs);  // the request in flight of each
}

TEST_CASE("a batch that was committed and not acknowledged is stored once when it comes again") {
  const test::TempDir dir;
  const std::string directory = (dir.path() / "data").string();
  const Child child = start_child(directory, 0, "crash child before the answer");
  int status = 0;
  REQUIRE(::waitpid(child.pid, &status, 0) == child.pid);
  REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));

  const test::FakeClock clock(kStart);
  Store store(options_for(directory), clock);
  const HostId host = store.hosts().find("a").value().id;
  CHECK(store.journal().run_state(host, test::run_id(1)).durable_seq == kLast);
  for (JournalEntry& entry : batches_of_one_run(store, host)) {
    CHECK(test::commit(store.journal(), std::move(entry)) == CommitState::committed);
  }
  const SeriesId id = store.journal().resolve(host, test::gauge("m"));
  CHECK(store.reader().read(host, std::vector{id}, 0, INT64_MAX)[0].values ==
        std::vector<double>{1, 2, 3, 4, 5});
  check_database(directory);
  Connection connection(directory + "/volta.db", Connection::Mode::reader, 1000);
  CHECK(connection.number("SELECT count(*) FROM journal") == kLast);
}

TEST_CASE("kill -9 at any moment loses nothing acknowledged and stores nothing twice") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const test::TempDir dir;
  const std::string directory = (dir.path() / "data").string();
  std::map<std::uint64_t, std::uint64_t> acknowledged;  // run -> highest sequence
  constexpr int kRounds = 24;
  for (int round = 0; round < kRounds; ++round) {
    const Child child = start_child(directory, round);
    for (const auto& [run, seq] : kill_after(child, random() % 1500)) {
      CHECK(seq == acknowledged[run] + 1);
      acknowledged[run] = seq;
    }
    const test::FakeClock clock(kStart);
    Store store(options_for(directory), clock);
    check_database(directory);
    const auto host = store.hosts().find("a");
    if (!host) {
      CHECK(acknowledged.empty());
      continue;
    }
    for (const auto& [run, highest] : acknowledged) {
      const std::uint64_t durable =
          store.journal().run_state(host->id, test::run_id(run)).durable_seq;
      CHECK(durable >= highest);
      const int slot = static_cast<int>(random() % kSlots);
      const SeriesId id = store.journal().resolve(host->id, series_of(run, slot));
      const auto column = store.reader().read(host->id, std::vector{id}, 0, INT64_MAX).at(0);
      REQUIRE(column.times_ms.size() == durable);
      for (std::uint64_t seq = 1; seq <= durable; ++seq) {
        if (column.values[seq - 1] != static_cast<double>(value_at(run, slot, seq)) ||
            column.times_ms[seq - 1] != kStart + static_cast<std::int64_t>(seq) * 1000) {
          FAIL("run " << run << " sequence " << seq << " came back wrong");
        }
      }
    }
  }
  CHECK_FALSE(acknowledged.empty());
}

}  // namespace
}  // namespace volta
