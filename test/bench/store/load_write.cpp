// The same samples as a remote write sender has them: by series with all labels, in requests of a
// few thousand.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#include "base/error.hpp"
#include "http_peer.hpp"
#include "load.hpp"
#include "model/metric.hpp"
#include "prom/remote_write.hpp"
#include "prom/snappy_block.hpp"

namespace volta::bench {
namespace {

struct WriteLoad {
  Samples samples;
  std::uint16_t port;
  std::string path;
  std::string headers;
  std::int64_t request_ticks;
  std::size_t request_samples;
};

// Some hosts' samples, gathered tick by tick and written in the order of time.
class Writer {
 public:
  Writer(const WriteLoad& load, std::uint32_t first, std::uint32_t count)
      : load_(load), peer_(load.port) {
    for (std::uint32_t i = 0; i < count; ++i)
      hosts_.emplace_back(load.samples.profile, load.samples.first + first + i,
                          load.samples.series);
    for (const SyntheticHost& host : hosts_) {
      for (auto& labels : host.labels()) series_.push_back({std::move(labels), {}, {}});
    }
  }

  void run(Sorted& delays) {
    std::int64_t gathered = 0;
    for (std::int64_t tick = 0; tick < load_.samples.ticks; ++tick) {
      gather(load_.samples.start_ms + tick * load_.samples.step_ms);
      if (++gathered < load_.request_ticks && tick + 1 < load_.samples.ticks) continue;
      write(delays);
      gathered = 0;
    }
  }

 private:
  void gather(std::int64_t time_ms) {
    std::size_t at = 0;
    for (SyntheticHost& host : hosts_) {
      for (const Reading& reading : host.tick()) {
        const SeriesDef& def = host.layout()[reading.slot];
        series_[at].times_ms.push_back(time_ms);
        series_[at++].values.push_back(to_double(def.type, def.scale, reading.raw));
      }
    }
  }

  void write(Sorted& delays) {
    WriteBatchLimits limits;
    limits.most_samples = load_.request_samples;
    limits.most_bytes = 16U << 20U;
    for (const EncodedWrite& request :
         encode_write_requests(WriteVersion::v1, series_, {}, limits)) {
      const std::string body = snappy_compress(request.message);
      const double begin = steady_seconds();
      send(body);
      delays.add((steady_seconds() - begin) * 1000);
    }
    for (LabeledSamples& series : series_) {
      series.times_ms.clear();
      series.values.clear();
    }
  }

  // A server that is busy says so, and is asked again for a while.
  void send(const std::string& body) {
    const double begin = steady_seconds();
    for (;;) {
      const HttpReply& reply = peer_.ask("POST", load_.path, load_.headers, body);
      if (reply.status / 100 == 2) return;
      const bool busy = reply.status == 429 || reply.status == 503;
      if (!busy || steady_seconds() - begin > 120)
        give_up("status " + std::to_string(reply.status) + ": " + reply.body.substr(0, 300));
      sleep_until(steady_seconds() + 0.2);
    }
  }

  const WriteLoad& load_;
  HttpPeer peer_;
  std::vector<SyntheticHost> hosts_;
  std::vector<LabeledSamples> series_;
};

}  // namespace

int load_by_remote_write(const Options& options) {
  WriteLoad load{samples_of(options),
                 options.port(),
                 options.text("path", "/api/v1/write"),
                 "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
                 "X-Prometheus-Remote-Write-Version: 0.1.0\r\nUser-Agent: store_load\r\n",
                 std::max<std::int64_t>(1, options.number("request-ticks", 1)),
                 static_cast<std::size_t>(options.number("samples", 2535))};
  const std::string key = options.text("key", "");
  if (!key.empty()) load.headers += "Authorization: Bearer " + key + "\r\n";
  const auto threads = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(options.number("threads", 1), 1, load.samples.hosts));
  const double begin = steady_seconds();
  std::vector<Sorted> delays(threads);
  std::vector<std::thread> running;
  for (std::uint32_t i = 0; i < threads; ++i) {
    const std::uint32_t from = load.samples.hosts * i / threads;
    const std::uint32_t to = load.samples.hosts * (i + 1) / threads;
    running.emplace_back([&load, &delays, i, from, to] {
      try {
        Writer(load, from, to - from).run(delays[i]);
      } catch (const Failure& failure) {
        give_up(failure.what());
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  Sorted all;
  for (const Sorted& some : delays) all.add(some);
  const double samples = static_cast<double>(load.samples.hosts) * load.samples.series *
                         static_cast<double>(load.samples.ticks);
  std::printf(
      "{\"samples\":%.0f,\"seconds\":%.3f,\"requests\":%zu,\"ack_ms\":{\"p50\":%.3f,\"p99\":%.3f,"
      "\"max\":%.3f}}\n",
      samples, steady_seconds() - begin, all.count(), all.at(0.5), all.at(0.99), all.at(1));
  return 0;
}

}  // namespace volta::bench
