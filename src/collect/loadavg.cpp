#include "collect/loadavg.hpp"

#include <cmath>

#include "base/error.hpp"
#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr double kMostLoad = 1e9;

class LoadavgCollector final : public Collector {
 public:
  explicit LoadavgCollector(const HostRoots& roots) : file_(roots.proc / "loadavg") {}

  void sample(Tick& out) override {
    const auto load = parse_loadavg(file_.read());
    if (!load) {
      ++skipped_;
      return;
    }
    if (!defined_) {
      load1_ = out.define(metrics::load1, {});
      load5_ = out.define(metrics::load5, {});
      load15_ = out.define(metrics::load15, {});
      threads_ = out.define(metrics::threads, {});
      defined_ = true;
    }
    set(out, load1_, load->load1);
    set(out, load5_, load->load5);
    set(out, load15_, load->load15);
    set(out, threads_, load->threads);
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  void set(Tick& out, Slot slot, std::optional<std::int64_t> value) {
    if (value) {
      out.set(slot, *value);
    } else {
      ++skipped_;
    }
  }

  KeptFile file_;
  bool defined_ = false;
  Slot load1_ = 0, load5_ = 0, load15_ = 0, threads_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::optional<LoadAverage> parse_loadavg(std::string_view text) {
  const auto hundredths = [&]() -> std::optional<std::int64_t> {
    const auto value = parse_number(next_field(text));
    if (!value || *value < 0 || *value > kMostLoad) return std::nullopt;
    return std::llround(*value * 100);
  };
  LoadAverage load;
  load.load1 = hundredths();
  load.load5 = hundredths();
  load.load15 = hundredths();
  const std::string_view tasks = next_field(text);  // runnable/all
  if (tasks.empty()) return std::nullopt;
  const auto slash = tasks.find('/');
  if (slash != std::string_view::npos) {
    const auto threads = parse_integer<std::int64_t>(tasks.substr(slash + 1));
    if (threads.value_or(-1) >= 0) load.threads = threads;
  }
  return load;
}

std::unique_ptr<Collector> open_loadavg(const HostRoots& roots, const CollectOptions&) {
  KeptFile probe(roots.proc / "loadavg");
  if (!probe.try_read()) return nullptr;
  return std::make_unique<LoadavgCollector>(roots);
}

}  // namespace volta
