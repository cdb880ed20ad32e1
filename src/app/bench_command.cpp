// volta bench store: what the store does on this machine, in a minute or so.
#include <array>
#include <cstdio>
#include <iostream>

#include "app/bench_store.hpp"
#include "app/commands.hpp"
#include "app/process.hpp"
#include "base/error.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"

namespace volta {
namespace {

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

std::string report_json(const BenchStoreReport& report) {
  const auto samples = static_cast<double>(report.samples);
  std::string out;
  JsonWriter json(out);
  json.begin_object().member("samples", report.samples);
  json.member("ingest_cpu_seconds", report.ingest_cpu_s).member("ingest_seconds", report.ingest_s);
  json.member("seal_cpu_seconds", report.seal_cpu_s).member("seal_seconds", report.seal_s);
  json.member("samples_per_cpu_second", share(samples, report.ingest_cpu_s + report.seal_cpu_s));
  json.member("raw_bytes_per_sample", share(static_cast<double>(report.raw_bytes), samples));
  json.member("bytes_per_sample", share(static_cast<double>(report.whole_bytes), samples));
  json.key("queries").begin_array();
  for (const auto& query : report.queries) {
    json.begin_object().member("what", query.what).member("expression", query.expression);
    json.member("runs", static_cast<std::uint64_t>(query.runs));
    json.member("p50_ms", query.p50_ms).member("p99_ms", query.p99_ms).end_object();
  }
  json.end_array().end_object();
  return out;
}

std::string number(const char* format, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

void print_report(const BenchStoreReport& report) {
  const auto samples = static_cast<double>(report.samples);
  const auto millions = [&](double cpu_s) { return number("%.2f", share(samples, cpu_s) / 1e6); };
  std::cout << report.samples << " samples\n"
            << "ingest  " << millions(report.ingest_cpu_s) << " million samples per CPU second, "
            << number("%.2f s", report.ingest_s) << "\n"
            << "seal    " << millions(report.seal_cpu_s) << " million samples per CPU second, "
            << number("%.2f s", report.seal_s) << "\n"
            << "both    " << millions(report.ingest_cpu_s + report.seal_cpu_s)
            << " million samples per CPU second\n"
            << "size    " << number("%.3f", share(static_cast<double>(report.raw_bytes), samples))
            << " bytes per sample sealed, "
            << number("%.3f", share(static_cast<double>(report.whole_bytes), samples))
            << " with windows, labels and index\n";
  for (const auto& query : report.queries) {
    std::cout << "query   " << number("p50 %.2f ms, ", query.p50_ms)
              << number("p99 %.2f ms  ", query.p99_ms) << query.what << '\n';
  }
}

}  // namespace

int run_bench_store(const BenchOptions& options) {
  BenchStorePlan plan;
  plan.directory = options.directory.empty() ? std::filesystem::temp_directory_path()
                                             : std::filesystem::path(options.directory);
  plan.hosts = options.hosts;
  plan.series = options.series;
  const auto span = parse_duration(options.span);
  if (!span || span->count() < 60'000 || *span > std::chrono::hours(24 * 30))
    throw StartFailure(Exit::usage,
                       "--span: " + options.span + " is no duration from 1m to 30d; write 1h");
  plan.ticks = span->count() / 1000;
  block_stop_signals();  // so that the directory goes, too, when somebody ends it
  try {
    const BenchStoreReport report =
        bench_store(plan, [] { return stop_asked_within(std::chrono::milliseconds(0)); });
    if (options.json) {
      std::cout << report_json(report) << '\n';
    } else {
      print_report(report);
    }
  } catch (const Failure& failure) {
    throw StartFailure(Exit::failed, failure.what());
  }
  return code(Exit::done);
}

}  // namespace volta
