// A probe to look at, not a test: what remote writes cost from the compressed body to the commit,
// and sealing them. Requests are as a Prometheus makes them: many series, one sample of each.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "base/clock.hpp"
#include "prom/prometheus_formats.hpp"
#include "prom/snappy_block.hpp"
#include "store/store.hpp"

namespace {

using namespace volta;  // NOLINT: a probe

double used_cpu() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Adds the CPU time that the work takes.
template <typename Work>
void timed(double& sum, const Work& work) {
  const double before = used_cpu();
  work();
  sum += used_cpu() - before;
}

constexpr int kRequestSeries = 2535;

std::vector<LabeledSamples> some_series(int count) {
  std::vector<LabeledSamples> series;
  for (int i = 0; i < count; ++i) {
    const std::string cpu = std::to_string(i % 507 / 8);
    const char* const modes[] = {"idle", "iowait", "irq", "nice", "softirq", "steal", "system"};
    series.push_back({std::make_shared<const Labels>(Labels{
                          {"__name__", i % 507 < 300 ? "node_cpu_seconds_total"
                                                     : "node_metric_" + std::to_string(i % 507)},
                          {"cpu", cpu},
                          {"host", "bench-" + std::to_string(i / 507)},
                          {"instance", "10.0.0." + std::to_string(i / 507) + ":9100"},
                          {"job", "node"},
                          {"mode", modes[i % 7]},
                          {"n", std::to_string(i % 507)}}),
                      {0},
                      {0}});
  }
  return series;
}

void run(const std::filesystem::path& directory, int hosts, int ticks) {
  StoreOptions options;
  options.directory = directory;
  options.raw_age = std::chrono::milliseconds(0);
  options.seal_in_background = false;
  Store store(options, system_clock());
  const PrometheusWireFormats formats;
  auto series = some_series(507 * hosts);
  const std::int64_t start = system_clock().wall_ms() / 3'600'000 * 3'600'000 - ticks * 1000 + 1000;
  double decode = 0, write = 0, first = 0, seal = 0;
  for (int tick = 0; tick < ticks; ++tick) {
    for (std::size_t i = 0; i < series.size(); ++i) {
      series[i].times_ms[0] = start + tick * 1000;
      if (i % 3 == 0) series[i].values[0] += 0.01 * static_cast<double>((i * 7 + tick) % 13);
    }
    for (const auto& request :
         encode_write_requests(WriteVersion::v1, series, {}, {kRequestSeries, 16U << 20U})) {
      const std::string body = snappy_compress(request.message);
      std::variant<RemoteWriteBatch, FormatRefusal> batch;
      timed(decode, [&] {
        batch = formats.decode_write({"application/x-protobuf", "snappy", "0.1.0"}, body);
      });
      timed(tick == 0 ? first : write, [&] {
        const auto outcome = store.sink().write_keyed(std::get<RemoteWriteBatch>(batch).samples);
        if (outcome.state != WriteState::committed) std::printf("not taken\n");
        batch = {};
      });
    }
  }
  timed(seal, [&] { store.seal_all(); });
  const double samples = 507.0 * hosts * ticks;
  std::printf(
      "us of CPU per sample: decode %.3f, write %.3f, first write of a series %.3f, seal %.3f; all "
      "%.3f\n",
      decode / samples * 1e6, write / samples * 1e6, first / (507.0 * hosts) * 1e6,
      seal / samples * 1e6, (decode + write + first + seal) / samples * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::printf("store_write FOLDER HOSTS TICKS: hosts of 507 series each\n");
    return 2;
  }
  run(argv[1], std::atoi(argv[2]), std::atoi(argv[3]));
  return 0;
}
