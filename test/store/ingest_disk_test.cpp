// The n-th write or sync fails while agents and remote write are taken and hours are sealed, once
// or for good: what was acknowledged is there, once, and nothing is made up; in the store that
// lives on, in the files as a kill leaves them, and after it was closed and the agents sent all
// again.
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "store/agent.hpp"
#include "store/check.hpp"
#include "store/fault_disk.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::FaultDisk;
using test::kStart;

constexpr std::uint64_t kIngestRuns = 3;
constexpr std::uint64_t kBatchesOfRun = 24;
constexpr std::uint64_t kForeignOfRequest = 3;
constexpr TimeSpan kWholeIngest{0, INT64_MAX};

std::uint64_t ingested_value(std::uint64_t run, std::uint64_t seq) { return run * 1000 + seq * 3; }

SeriesDef ingested_series(std::uint64_t run) {
  return test::gauge("m", {{"run", std::to_string(run)}});
}

// One run of an agent, until a batch is refused.
class IngestSender {
 public:
  IngestSender(Store& store, HostId host, std::uint64_t run)
      : store_(store), run_(run), agent_(store.journal(), host, test::run_id(run)) {
    slot_ = agent_.define(ingested_series(run));
  }
  bool send() {
    if (stopped_) return false;
    ++seq_;
    if (seq_ % 7 == 0) agent_.force_keyframe();
    JournalEntry batch = agent_.finish_one(slot_, kStart + static_cast<std::int64_t>(seq_) * 1000,
                                           ingested_value(run_, seq_));
    stopped_ = test::commit(store_.journal(), std::move(batch)) != CommitState::committed;
    return !stopped_;
  }
  [[nodiscard]] std::uint64_t run() const { return run_; }
  [[nodiscard]] std::uint64_t seq() const { return seq_; }

 private:
  Store& store_;
  std::uint64_t run_;
  std::uint64_t seq_ = 0;
  test::Agent agent_;
  Slot slot_ = 0;
  bool stopped_ = false;
};

// Every tenth is of a series of its own.
LabeledSamples ingested_foreign(std::uint64_t number) {
  const std::uint64_t which = number % 10 == 0 ? number : number % 3;
  return {
      std::make_shared<const Labels>(Labels{{"__name__", "f"}, {"which", std::to_string(which)}}),
      {kStart + static_cast<std::int64_t>(number)},
      {static_cast<double>(number)}};
}

class IngestDisk {
 public:
  IngestDisk() {
    Store store(options(start()), clock_);
    REQUIRE(store.hosts().add("a", test::token(1)));
  }
  // The load beside a disk that fails, or does not; whether everything went well.
  bool load(FaultDisk::Fault fault, int n) {
    begin_anew();
    disk.break_at(fault, n);
    bool well = true;
    const auto attempt = [&](const auto& what) {
      try {
        what();
      } catch (const Failure&) {
        well = false;
      }
    };
    for (std::uint64_t i = 0; i < kBatchesOfRun; ++i) {
      for (auto& sender : senders_) {
        const bool taken = sender->send();
        if (taken) acknowledged_[sender->run()] = sender->seq();
        well = well && taken;
      }
      well = send_foreign() && well;
      if (i % 9 == 8) attempt([&] { store_->seal_all(); });
      if (i % 11 == 10) attempt([&] { store_->maintain(); });
    }
    return well;
  }
  // What the store answers that met the fault; then what a kill would have left, what is left when
  // it is closed, and what there is when agents have sent everything again.
  void check_everything(bool mend_first) {
    std::filesystem::copy(data(), killed(), std::filesystem::copy_options::recursive);
    std::filesystem::remove(killed() / "volta.db-shm");
    if (mend_first) disk.mend();
    check_acknowledged();
    senders_.clear();
    store_.reset();
    disk.mend();
    {
      INFO("as a kill leaves it");
      Store store(options(killed()), clock_);
      check_all(store, killed());
    }
    INFO("closed");
    store_ = std::make_unique<Store>(options(data()), clock_);
    check_all(*store_, data());
    repeat();
    check_all(*store_, data());
    store_->seal_all();
    check_all(*store_, data());
    store_.reset();
  }

  FaultDisk disk;

 private:
  [[nodiscard]] std::filesystem::path start() const { return dir_.path() / "start"; }
  [[nodiscard]] std::filesystem::path data() const { return dir_.path() / "data"; }
  [[nodiscard]] std::filesystem::path killed() const { return dir_.path() / "killed"; }
  static StoreOptions options(const std::filesystem::path& directory) {
    StoreOptions options;
    options.directory = directory;
    options.wal_bytes = 65'536;
    options.head_bytes = 20'000;
    options.seal_in_background = false;
    options.raw_age = std::chrono::milliseconds(0);
    return options;
  }
  void begin_anew() {
    std::filesystem::remove_all(data());
    std::filesystem::remove_all(killed());
    std::filesystem::copy(start(), data(), std::filesystem::copy_options::recursive);
    acknowledged_.clear();
    acknowledged_foreign_.clear();
    sent_foreign_ = 0;
    store_ = std::make_unique<Store>(options(data()), clock_);
    const HostId host = store_->hosts().find("a").value().id;
    for (std::uint64_t run = 0; run < kIngestRuns; ++run) {
      senders_.push_back(std::make_unique<IngestSender>(*store_, host, run));
    }
  }
  bool send_foreign() {
    std::vector<LabeledSamples> request;
    for (std::uint64_t i = 1; i <= kForeignOfRequest; ++i) {
      request.push_back(ingested_foreign(sent_foreign_ + i));
    }
    sent_foreign_ += kForeignOfRequest;
    if (store_->sink().write(request).state != WriteState::committed) return false;
    for (std::uint64_t i = 0; i < kForeignOfRequest; ++i) {
      acknowledged_foreign_.insert(sent_foreign_ - i);
    }
    return true;
  }
  void repeat() {
    const HostId host = store_->hosts().find("a").value().id;
    for (std::uint64_t run = 0; run < kIngestRuns; ++run) {
      IngestSender sender(*store_, host, run);
      for (std::uint64_t i = 0; i < kBatchesOfRun; ++i) CHECK(sender.send());
      acknowledged_[run] = kBatchesOfRun;
    }
  }
  static SampleColumn column_of(Store& store, std::uint64_t run) {
    const HostId host = store.hosts().find("a").value().id;
    const SeriesId id = store.journal().resolve(host, ingested_series(run));
    return store.reader().read(host, std::vector{id}, 0, INT64_MAX).at(0);
  }
  void check_acknowledged() {
    for (const auto& [run, seq] : acknowledged_) {
      CHECK(column_of(*store_, run).times_ms.size() >= seq);
    }
  }
  void check_all(Store& store, const std::filesystem::path& directory) const {
    const HostId host = store.hosts().find("a").value().id;
    for (std::uint64_t run = 0; run < kIngestRuns; ++run) {
      CAPTURE(run);
      const auto known = acknowledged_.find(run);
      const auto durable = store.journal().run_state(host, test::run_id(run)).durable_seq;
      CHECK(durable >= (known == acknowledged_.end() ? 0 : known->second));
      const auto column = column_of(store, run);
      REQUIRE(column.times_ms.size() == durable);
      for (std::uint64_t seq = 1; seq <= durable; ++seq) {
        CHECK(column.times_ms[seq - 1] == kStart + static_cast<std::int64_t>(seq) * 1000);
        CHECK(column.values[seq - 1] == static_cast<double>(ingested_value(run, seq)));
      }
    }
    check_foreign(store);
    CHECK(store.check().problems == std::vector<std::string>{});
    Connection connection((directory / "volta.db").string(), Connection::Mode::reader, 1000);
    Query query = connection.query("PRAGMA integrity_check");
    REQUIRE(query.step());
    CHECK(query.text(0) == "ok");
  }
  void check_foreign(Store& store) const {
    std::set<std::uint64_t> found;
    const auto series = store.source().select({}, kWholeIngest, 100'000).value();
    store.source().read(series, kWholeIngest, [&](std::size_t at, const SampleSlice& samples) {
      if (series[at].labels->front().second != "f") return true;
      for (std::size_t i = 0; i < samples.times_ms.size(); ++i) {
        const auto number = static_cast<std::uint64_t>(samples.times_ms[i] - kStart);
        CHECK(samples.values[i] == static_cast<double>(number));
        CHECK(number <= sent_foreign_);
        CHECK(found.insert(number).second);
      }
      return true;
    });
    CHECK(std::includes(found.begin(), found.end(), acknowledged_foreign_.begin(),
                        acknowledged_foreign_.end()));
  }

  test::TempDir dir_;
  const test::FakeClock clock_{kStart + 100'000'000};
  std::unique_ptr<Store> store_;
  std::vector<std::unique_ptr<IngestSender>> senders_;
  std::map<std::uint64_t, std::uint64_t> acknowledged_;  // run -> sequence
  std::set<std::uint64_t> acknowledged_foreign_;
  std::uint64_t sent_foreign_ = 0;
};

TEST_CASE_METHOD(IngestDisk, "ingest survives a disk that fails at any write or sync") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr int kPlaces = 5;  // of each kind of fault
  for (const auto fault : {FaultDisk::Fault::write_once, FaultDisk::Fault::write_for_good,
                           FaultDisk::Fault::full_for_good, FaultDisk::Fault::sync_once,
                           FaultDisk::Fault::sync_for_good}) {
    CAPTURE(static_cast<int>(fault));
    CHECK(load(fault, INT32_MAX));
    const int operations = disk.operations(fault);
    CHECK(disk.hits() == 0);
    check_everything(true);
    REQUIRE(operations > kPlaces);
    // One place in each fifth of what a run on a whole disk does.
    for (int part = 0; part < kPlaces; ++part) {
      const int n = 1 + (operations * part + static_cast<int>(random() % operations)) / kPlaces;
      CAPTURE(n, operations);
      (void)load(fault, n);
      CHECK(disk.hits() >= (part + 1 < kPlaces ? 1 : 0));
      check_everything(random() % 2 == 0);
    }
  }
}

}  // namespace
}  // namespace volta
