// What store_load can do to a server, a function each. All of them end the program with a sentence
// where the server does not play along, and print one JSON object on stdout.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "synthetic_host.hpp"

namespace volta::bench {

// --name value pairs.
class Options {
 public:
  Options(int count, char** words);
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const;
  [[nodiscard]] std::int64_t number(const std::string& name, std::int64_t otherwise) const;
  [[nodiscard]] std::uint16_t port() const;

 private:
  std::map<std::string, std::string> given_;
};

// Which samples: those of hosts FIRST to FIRST + HOSTS - 1, a tick each STEP ms from START on.
struct Samples {
  Profile profile;
  std::uint32_t first, hosts, series;
  std::int64_t start_ms, step_ms, ticks;
};
Samples samples_of(const Options& options);

class Sorted {
 public:
  void add(double value) { values_.push_back(value); }
  void add(const Sorted& others);
  // 0 without any.
  [[nodiscard]] double at(double share);
  [[nodiscard]] std::size_t count() const { return values_.size(); }

 private:
  std::vector<double> values_;
};

[[noreturn]] void give_up(const std::string& why);
double steady_seconds();
// Spends the time before `at` (steady_seconds) asleep.
void sleep_until(double at);

// As agents: --tokens FILE (a line per host, 64 hex digits), --batch TICKS, --threads N, and with
// --rate SAMPLES a second for all hosts together, as fast as acknowledgements come without.
int load_by_rpc(const Options& options);
// By remote write 1.0: --path, --key (Bearer), --samples of a request, --request-ticks of a series
// in it, --threads.
int load_by_remote_write(const Options& options);
// Targets of GETs, a line each on stdin. --runs of each at most, --seconds for each at most. With
// --rate: all in turn, that many a second for --seconds in all.
int ask(const Options& options);

}  // namespace volta::bench
