// What a store does on this machine and this disk: synthetic hosts into a new store in a directory
// that is removed afterwards. Of ingest it is what comes after the wire: decoding, commit, memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace volta {

struct BenchStorePlan {
  std::filesystem::path directory;  // where the store's own directory is made
  std::uint32_t hosts = 4;
  std::uint32_t series = 500;     // of a host
  std::int64_t ticks = 3600;      // of a series, a second apart
  std::chrono::seconds most{60};  // of ingest, and of all queries together
};

struct BenchStoreReport {
  struct Query {
    std::string what;
    std::string expression;
    std::size_t runs = 0;
    double p50_ms = 0;
    double p99_ms = 0;
  };
  std::uint64_t samples = 0;
  double ingest_cpu_s = 0;
  double ingest_s = 0;
  double seal_cpu_s = 0;
  double seal_s = 0;
  std::uint64_t raw_bytes = 0;    // of sealed samples
  std::uint64_t whole_bytes = 0;  // with tiers, labels and index
  std::vector<Query> queries;
};

// `stop` is asked now and then; true ends it with a Failure. Throws Failure and StoreError. The
// directory that it made is gone afterwards, whatever happens.
BenchStoreReport bench_store(const BenchStorePlan& plan, const std::function<bool()>& stop);

}  // namespace volta
