#include "app/bench_store.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <mutex>

#include "app/hub.hpp"
#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "model/batch.hpp"
#include "query/engine.hpp"

namespace volta {
namespace {

constexpr std::int64_t kBenchHourMs = 3'600'000;
constexpr std::int64_t kBatchTicks = 10;
constexpr std::size_t kMostInFlight = 64;
constexpr std::size_t kQueryRuns = 200;
constexpr std::chrono::seconds kCommitPatience{60};

double seconds_of_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}
double process_cpu_s() { return seconds_of_clock(CLOCK_PROCESS_CPUTIME_ID); }
double thread_cpu_s() { return seconds_of_clock(CLOCK_THREAD_CPUTIME_ID); }
double steady_s() { return seconds_of_clock(CLOCK_MONOTONIC); }

class BenchDirectory {
 public:
  explicit BenchDirectory(const std::filesystem::path& parent) {
    std::string name = (parent / "volta-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw SystemFailure("make a directory in", parent.string(), errno);
    path_ = name;
  }
  BenchDirectory(const BenchDirectory&) = delete;
  BenchDirectory& operator=(const BenchDirectory&) = delete;
  ~BenchDirectory() {
    std::error_code ignored;  // nothing to be done about it in a destructor
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// How many batches wait for their commit; the writer's thread takes them off.
class InFlight {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  void done(CommitState state) {
    const std::lock_guard lock(mutex_);
    --count_;
    failed_ = failed_ || state != CommitState::committed;
    changed_.notify_all();
  }
  // Until there are at most as many. Throws Failure: a commit failed, or none comes.
  void wait_for(std::size_t most) {
    std::unique_lock lock(mutex_);
    const bool came =
        changed_.wait_for(lock, kCommitPatience, [&] { return failed_ || count_ <= most; });
    if (failed_) throw Failure("the disk took no more samples");
    if (!came) throw Failure("nothing was committed for a minute");
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
  bool failed_ = false;
};

// Two thirds of its series stand still, as on a real host; the rest are counters.
class BenchHost {
 public:
  BenchHost(Store& store, std::uint32_t number, std::uint32_t series)
      : journal_(store.journal()), state_(number + 1) {
    std::array<std::uint8_t, 32> token{};
    random_bytes(token);
    random_bytes(run_);
    host_ = store.hosts().add("bench-" + std::to_string(number), sha256(hex(token))).value().id;
    auto ids = std::make_shared<std::vector<SeriesId>>();
    for (std::uint32_t i = 0; i < series; ++i) {
      SeriesDef def;
      def.name = "bench_" + std::to_string(i / 8) + "_total";
      def.labels = {{"part", std::to_string(i)}};
      def.kind = Kind::counter;
      ids->push_back(journal_.resolve(host_, def));
      readings_.push_back({i, random() % 1'000'000});
    }
    series_ = std::move(ids);
  }

  // The next batch, without `done`.
  JournalEntry batch(std::int64_t first_ms) {
    for (std::int64_t tick = 0; tick < kBatchTicks; ++tick) {
      for (std::size_t i = 0; i < readings_.size(); i += 3)
        readings_[i].raw += random() % (1ULL << (i % 20));
      encoder_.add(first_ms + tick * 1000, readings_);
    }
    JournalEntry entry;
    entry.host = host_;
    entry.run = run_;
    entry.series = series_;
    entry.batch = encoder_.finish(static_cast<std::uint32_t>(readings_.size()));
    return entry;
  }
  // As the server does with what arrives.
  void decode(JournalEntry& entry) {
    auto decoded = decode_batch(entry.batch, key_);
    VOLTA_ASSERT(decoded.has_value());
    if (entry.batch.key_seq == entry.batch.seq) key_ = key_values(*decoded);
    entry.decoded = std::make_shared<const DecodedBatch>(std::move(*decoded));
  }

 private:
  // xorshift64: the same samples at each run.
  std::uint64_t random() {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    return state_ ^= state_ << 17U;
  }

  Journal& journal_;
  HostId host_{};
  RunId run_{};
  std::shared_ptr<const std::vector<SeriesId>> series_;
  std::uint64_t state_;
  std::vector<Reading> readings_;
  BatchEncoder encoder_;
  KeyValues key_;
};

class StoreBench {
 public:
  StoreBench(const BenchStorePlan& plan, const std::function<bool()>& stop)
      : plan_(plan),
        stop_(stop),
        directory_(plan.directory),
        store_(open_store(unattended_store(directory_.path()), system_clock())) {
    // Whole hours that are over.
    start_ms_ = system_clock().wall_ms() / kBenchHourMs * kBenchHourMs - plan.ticks * 1000 + 1000;
    end_ms_ = start_ms_;
  }

  BenchStoreReport run() {
    ingest();
    seal();
    ask();
    return std::move(report_);
  }

 private:
  void look_for_stop() const {
    if (stop_()) throw Failure("interrupted");
  }

  void ingest() {
    std::vector<std::unique_ptr<BenchHost>> hosts;
    for (std::uint32_t i = 0; i < plan_.hosts; ++i)
      hosts.push_back(std::make_unique<BenchHost>(*store_, i, plan_.series));
    const auto in_flight = std::make_shared<InFlight>();
    const double begin = steady_s();
    const double cpu = process_cpu_s();
    double agents_cpu = 0;  // making and encoding is not the server's work
    for (std::int64_t tick = 0; tick < plan_.ticks; tick += kBatchTicks) {
      look_for_stop();
      for (auto& host : hosts) {
        const double making = thread_cpu_s();
        JournalEntry entry = host->batch(start_ms_ + tick * 1000);
        agents_cpu += thread_cpu_s() - making;
        host->decode(entry);
        entry.done = [in_flight](CommitState state) { in_flight->done(state); };
        in_flight->wait_for(kMostInFlight);
        in_flight->add();
        report_.samples += entry.batch.points;
        while (!store_->journal().append(entry)) in_flight->wait_for(0);
      }
      end_ms_ = start_ms_ + (tick + kBatchTicks - 1) * 1000;
      if (steady_s() - begin > static_cast<double>(plan_.most.count())) break;
    }
    in_flight->wait_for(0);
    report_.ingest_cpu_s = process_cpu_s() - cpu - agents_cpu;
    report_.ingest_s = steady_s() - begin;
  }

  void seal() {
    look_for_stop();
    const double begin = steady_s();
    const double cpu = process_cpu_s();
    store_->seal_all();
    report_.seal_cpu_s = process_cpu_s() - cpu;
    report_.seal_s = steady_s() - begin;
    const StoreStats stats = store_->stats(1);
    const auto raw = stats.tiers.find(Tier::raw);
    report_.raw_bytes = raw == stats.tiers.end() ? 0 : raw->second.bytes;
    report_.whole_bytes = stats.whole.bytes;
  }

  void ask() {
    constexpr std::int64_t kMinuteMs = 60'000;
    const std::int64_t span = std::min(kBenchHourMs, end_ms_ - start_ms_);
    const std::int64_t even_end = end_ms_ / kMinuteMs * kMinuteMs;
    ask_one("one series, every second of the last hour",
            {R"(bench_0_total{host="bench-0",part="0"})", end_ms_ - span, end_ms_, 1000});
    ask_one("rate of eight series by minute, from windows",
            {R"(rate(bench_0_total{host="bench-0"}[1m]))", even_end - span / kMinuteMs * kMinuteMs,
             even_end, kMinuteMs});
    ask_one("sum of all rates, from samples",
            {R"(sum by (host) (rate({__name__=~"bench_.+"}[59s])))",
             std::max(start_ms_, end_ms_ - span) + 7000, end_ms_, 61'000});
  }

  void ask_one(std::string what, const RangeQuery& query) {
    if (query.end_ms <= query.start_ms) return;  // ingest was cut short
    const PromqlEngine engine(store_->source());
    const double end = steady_s() + static_cast<double>(plan_.most.count()) / 3;
    std::vector<double> took;
    while (took.size() < kQueryRuns && (took.size() < 3 || steady_s() < end)) {
      look_for_stop();
      const double begin = steady_s();
      const QueryOutcome outcome = engine.range(query, {}, nullptr);
      if (const auto* failure = std::get_if<QueryFailure>(&outcome)) throw Failure(failure->text);
      took.push_back((steady_s() - begin) * 1000);
    }
    std::sort(took.begin(), took.end());
    report_.queries.push_back({std::move(what), std::string(query.expression), took.size(),
                               took[took.size() / 2], took[(took.size() * 99 + 99) / 100 - 1]});
  }

  const BenchStorePlan plan_;
  const std::function<bool()>& stop_;
  BenchDirectory directory_;
  std::unique_ptr<Store> store_;
  std::int64_t start_ms_ = 0;
  std::int64_t end_ms_ = 0;  // of the last tick
  BenchStoreReport report_;
};

}  // namespace

BenchStoreReport bench_store(const BenchStorePlan& plan, const std::function<bool()>& stop) {
  return StoreBench(plan, stop).run();
}

}  // namespace volta
