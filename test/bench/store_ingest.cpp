// store_ingest DIR [HOURS] [WAL_KIB]: how the store does with one host of 230 series at 1 Hz: time
// from append to acknowledgement, CPU and bytes written, memory, size, start-up and the time of
// range queries. Not a test.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include <sys/resource.h>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/self.hpp"

namespace volta {
namespace {

constexpr std::int64_t kStart = 1'795'226'940'000;
constexpr std::uint32_t kSeries = 230;

double now_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::size_t rss_kib() { return test::resident_bytes() >> 10U; }

double cpu_ms() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

// As handed to write(): what the store asks of the disk, whatever the file system makes of it.
double written_mib() {
  std::ifstream io("/proc/self/io");
  for (std::string line; std::getline(io, line);) {
    if (line.starts_with("wchar:")) return std::atof(line.c_str() + 6) / (1 << 20);
  }
  return 0;
}

void query(Store& store, HostId host, std::size_t series, std::int64_t hours, std::int64_t end) {
  std::vector<SeriesId> asked;
  for (const SeriesRecord& record : store.series().find(host, "*")) {
    if (asked.size() < series) asked.push_back(record.id);
  }
  const double start = now_ms();
  const auto columns = store.reader().read(host, asked, end - hours * 3'600'000, end);
  std::printf("read %3zu series, %2ld h: %8.1f ms, %zu samples each, RSS %zu KiB\n", series, hours,
              now_ms() - start, columns[0].times_ms.size(), rss_kib());
}

void run(const std::string& directory, int hours, std::int64_t wal_kib) {
  test::FakeClock clock(kStart);
  StoreOptions options;
  options.directory = directory;
  if (wal_kib > 0) options.wal_bytes = wal_kib << 10;
  auto store = std::make_unique<Store>(options, clock);
  const HostId host = store->hosts().add("a", test::token(1)).value().id;
  test::Agent agent(store->journal(), host, test::run_id(1));
  for (std::uint32_t i = 0; i < kSeries; ++i) {
    agent.define(test::counter("volta_m" + std::to_string(i) + "_total"));
  }
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> values(kSeries);
  std::vector<Reading> readings;
  std::vector<double> latency;
  const int ticks = hours * 3600;
  const double cpu_before = cpu_ms();
  const double written_before = written_mib();
  std::int64_t now = kStart;
  for (int tick = 0; tick < ticks; ++tick) {
    readings.clear();
    for (std::uint32_t i = 0; i < kSeries; ++i) {  // two thirds stand still, as on a real node
      if (i % 3 == 0) values[i] += random() % (1ULL << (i % 24));
      readings.push_back({i, values[i]});
    }
    now += 1000;
    clock.advance(std::chrono::seconds(1));
    agent.tick(now, readings);
    JournalEntry entry = agent.finish();
    if (tick < 3600) {
      const double start = now_ms();
      if (test::commit(store->journal(), std::move(entry)) != CommitState::committed) std::abort();
      latency.push_back(now_ms() - start);
    } else {  // the rest as fast as the queue takes it
      while (!store->journal().append(entry)) {
      }
    }
    if (tick + 1 == 3600) {
      std::printf("an hour: CPU %.0f ms, written %.1f MiB, WAL %ju KiB, RSS %zu KiB\n",
                  cpu_ms() - cpu_before, written_mib() - written_before,
                  std::filesystem::file_size(directory + "/volta.db-wal") >> 10U, rss_kib());
    }
  }
  if (test::commit(store->journal(), agent.finish_one(0, now + 1000, values[0])) !=
      CommitState::committed) {
    std::abort();
  }
  std::sort(latency.begin(), latency.end());
  std::printf("append to acknowledgement: p50 %.3f p99 %.3f max %.3f ms\n",
              latency[latency.size() / 2], latency[latency.size() * 99 / 100], latency.back());
  std::printf("RSS after %d h: %zu KiB\n", hours, rss_kib());
  for (const std::size_t series : {1U, 8U, 230U}) query(*store, host, series, 1, now);
  for (const std::size_t series : {1U, 8U}) query(*store, host, series, hours, now);
  store->close();
  store.reset();
  std::printf("size: %.2f bytes a sample\n",
              static_cast<double>(std::filesystem::file_size(directory + "/volta.db")) /
                  (static_cast<double>(ticks) * kSeries));
  const double start = now_ms();
  store = std::make_unique<Store>(options, clock);
  std::printf("start: %.1f ms, latest of %zu series\n", now_ms() - start,
              store->reader().latest(host).size());
}

}  // namespace
}  // namespace volta

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("store_ingest DIR [HOURS] [WAL_KIB]\n", stderr);
    return 2;
  }
  volta::run(argv[1], argc > 2 ? std::atoi(argv[2]) : 24, argc > 3 ? std::atoi(argv[3]) : 0);
}
