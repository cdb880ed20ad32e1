// store_load rpc|write|ask --port N [--name value ...]: what test/bench/store.sh lets loose on
// servers on this machine. Its own CPU time is nobody's figure, but it shares the machine, so it is
// quick.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "load.hpp"

namespace volta::bench {

void give_up(const std::string& why) {
  std::fprintf(stderr, "store_load: %s\n", why.c_str());
  std::_Exit(1);  // other threads may be busy
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void sleep_until(double at) {
  const double left = at - steady_seconds();
  if (left > 0) std::this_thread::sleep_for(std::chrono::duration<double>(left));
}

Options::Options(int count, char** words) {
  for (int i = 2; i < count; i += 2) {
    const std::string_view name = words[i];
    if (!name.starts_with("--") || i + 1 == count)
      give_up(std::string(name) + " is no option with a value");
    given_[std::string(name.substr(2))] = words[i + 1];
  }
}

std::string Options::text(const std::string& name, const std::string& otherwise) const {
  const auto found = given_.find(name);
  return found == given_.end() ? otherwise : found->second;
}

std::int64_t Options::number(const std::string& name, std::int64_t otherwise) const {
  const auto found = given_.find(name);
  if (found == given_.end()) return otherwise;
  const auto value = parse_integer<std::int64_t>(found->second);
  if (!value || *value < 0) give_up("--" + name + " " + found->second + " is no number");
  return *value;
}

std::uint16_t Options::port() const { return static_cast<std::uint16_t>(number("port", 0)); }

Samples samples_of(const Options& options) {
  Samples samples{};
  samples.profile = profile_of(options.text("profile", "node"));
  samples.first = static_cast<std::uint32_t>(options.number("first", 0));
  samples.hosts = static_cast<std::uint32_t>(options.number("hosts", 1));
  samples.series = static_cast<std::uint32_t>(options.number("series", 500));
  samples.start_ms = options.number("start", 0);
  samples.step_ms = options.number("step", 1000);
  samples.ticks = options.number("ticks", 60);
  return samples;
}

void Sorted::add(const Sorted& others) {
  values_.insert(values_.end(), others.values_.begin(), others.values_.end());
}

double Sorted::at(double share) {
  if (values_.empty()) return 0;
  std::sort(values_.begin(), values_.end());
  const auto last = static_cast<double>(values_.size() - 1);
  return values_[static_cast<std::size_t>(last * share + 0.5)];
}

namespace {

int run(int argc, char** argv) {
  log::configure(log::Level::warning, log::Format::logfmt);
  const std::string_view what = argc > 1 ? argv[1] : "";
  const Options options(argc, argv);
  if (what == "rpc") return load_by_rpc(options);
  if (what == "write") return load_by_remote_write(options);
  if (what == "ask") return ask(options);
  std::fputs("store_load rpc|write|ask --port N [--name value ...]: see load.hpp\n", stderr);
  return 2;
}

}  // namespace
}  // namespace volta::bench

int main(int argc, char** argv) {
  try {
    return volta::bench::run(argc, argv);
  } catch (const std::exception& failure) {
    volta::bench::give_up(failure.what());
  }
}
