// A probe to look at, not a test: what queries cost without HTTP and JSON, in CPU time of the whole
// process and by the clock. The data are those of test/bench/store/section_query.py; the folder is
// filled and sealed the first time.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <future>
#include <memory>
#include <vector>

#include "query/engine.hpp"
#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "synthetic_host.hpp"

namespace {

using namespace volta;  // NOLINT: a probe

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kEnd = test::kStart / kHourMs * kHourMs;
constexpr std::int64_t kBatchTicks = 600;

double cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

struct DataSet {
  bench::Profile profile;
  std::uint32_t hosts;
  std::uint32_t series;
  std::int64_t step_ms;
  std::int64_t ticks;
  const char* name;  // of its hosts
};

void fill(Store& store, const DataSet& data) {
  struct Source {
    bench::SyntheticHost host;
    test::Agent agent;
  };
  std::vector<std::unique_ptr<Source>> sources;
  for (std::uint32_t i = 0; i < data.hosts; ++i) {
    const std::string name = data.name + std::to_string(i);
    const Sha256 token{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(name[0]), 1};
    const HostId id = store.hosts().add(name, token).value().id;
    sources.push_back(std::make_unique<Source>(
        Source{bench::SyntheticHost(data.profile, i, data.series),
               test::Agent(store.journal(), id, test::run_id(i * 256U + token[1]))}));
    for (const SeriesDef& def : sources.back()->host.layout()) sources.back()->agent.define(def);
  }
  for (std::int64_t tick = 0; tick < data.ticks; tick += kBatchTicks) {
    std::vector<std::future<CommitState>> answers;
    for (auto& source : sources) {
      for (std::int64_t i = tick; i < std::min(tick + kBatchTicks, data.ticks); ++i) {
        source->agent.tick(kEnd - (data.ticks - 1 - i) * data.step_ms, source->host.tick());
      }
      auto answer = std::make_shared<std::promise<CommitState>>();
      answers.push_back(answer->get_future());
      JournalEntry entry = source->agent.finish();
      entry.done = [answer](CommitState state) { answer->set_value(state); };
      while (!store.journal().append(entry)) std::this_thread::yield();
    }
    for (auto& answer : answers) answer.get();
  }
}

void ask(const QueryEngine& engine, const char* what, const RangeQuery& query) {
  QueryLimits limits;
  limits.timeout = std::chrono::minutes(5);
  std::vector<double> cpu;
  std::vector<double> wall;
  std::size_t points = 0;
  const auto start = std::chrono::steady_clock::now();
  while (wall.size() < 7 || (wall.size() < 100 &&
                             std::chrono::steady_clock::now() - start < std::chrono::seconds(5))) {
    const double cpu_before = cpu_ms();
    const auto before = std::chrono::steady_clock::now();
    const QueryOutcome outcome = engine.range(query, limits, nullptr);
    const std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - before;
    cpu.push_back(cpu_ms() - cpu_before);
    wall.push_back(took.count());
    const auto* answer = std::get_if<QueryAnswer>(&outcome);
    if (answer == nullptr) {
      std::printf("%s: %s\n", what, std::get<QueryFailure>(outcome).text.c_str());
      return;
    }
    points = 0;
    for (const auto& row : std::get<MatrixValue>(answer->value).rows) points += row.values.size();
  }
  std::sort(cpu.begin(), cpu.end());
  std::sort(wall.begin(), wall.end());
  std::printf(
      "%-40s CPU ms: least %.3f, middle %.3f; clock ms: least %.3f, middle %.3f; %zu points\n",
      what, cpu.front(), cpu[cpu.size() / 2], wall.front(), wall[wall.size() / 2], points);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: store_query FOLDER [HOSTS]\n");
    return 2;
  }
  const auto hosts = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 100);
  StoreOptions options;
  options.directory = argv[1];
  options.raw_age = options.minute_age = options.hour_age = std::chrono::milliseconds(0);
  options.size_bytes = 0;
  options.seal_in_background = false;
  const bool is_new = !holds_store(options.directory);
  const test::FakeClock clock(kEnd + kHourMs);
  if (is_new) {
    Store store(options, clock);
    fill(store, {bench::Profile::ten, 1, 10, 1000, 86'400, "t"});
    fill(store, {bench::Profile::cpu, hosts, 16, 1000, 6 * 3600, "c"});
    store.seal_all();
  }
  Store store(options, clock);
  const PromqlEngine engine(store.source());
  const std::int64_t day = kEnd - 24 * kHourMs;
  const std::int64_t fleet = kEnd - 6 * kHourMs;
  ask(engine, "one series, 1 h raw", {"bench_ten{n=\"3\"}", kEnd - kHourMs, kEnd - 1000, 1000});
  ask(engine, "ten series, 24 h at 1 s, tier",
      {"avg_over_time(bench_ten[5m])", day + 300'000, kEnd, 300'000});
  ask(engine, "ten series, 24 h at 1 s, raw",
      {"avg_over_time(bench_ten[5m])", day + 307'000, kEnd, 293'000});
  ask(engine, "rate of the same, raw", {"rate(bench_ten[5m])", day + 307'000, kEnd, 293'000});
  constexpr const char* kByMode = "sum by (mode) (rate(node_cpu_seconds_total[1m]))";
  ask(engine, "CPU by mode, 6 h at 1 s, raw", {kByMode, fleet + 67'000, kEnd, 61'000});
  ask(engine, "CPU by mode, 6 h at 1 s, tier", {kByMode, fleet + 60'000, kEnd, 60'000});
  return 0;
}
