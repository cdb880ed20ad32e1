// volta agent --once | --samples N: readings on stdout, without a server. Also the contract for
// tests on recorded machines: a counter's first sample is its raw value.
#include <algorithm>
#include <iostream>

#include "app/commands.hpp"
#include "app/measure.hpp"
#include "app/process.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "prom/exposition.hpp"

namespace volta {
namespace {

constexpr std::chrono::milliseconds kShortestInterval{10};

// Prints each tick, or keeps the last one's families for the end.
class Printer final : public TickSink {
 public:
  explicit Printer(std::string format) : format_(std::move(format)) {}

  // Readings so far that are not of volta itself.
  [[nodiscard]] std::size_t of_the_machine() const { return of_the_machine_; }

  void on_tick(const Tick& tick) override {
    for (const Reading& reading : tick.readings()) {
      const std::string& name = tick.layout().series()[reading.slot].name;
      if (!name.starts_with("volta_self_") && !name.starts_with("volta_collector_"))
        ++of_the_machine_;
    }
    if (format_ == "json") {
      print_json(tick);
    } else if (format_ == "prometheus") {
      keep_families(tick);
    } else {
      print_text(tick);
    }
  }

  void finish() const {
    if (format_ == "prometheus")
      std::cout << PrometheusExposition().render(ExpositionFormat::text_0_0_4, families_);
  }

 private:
  static double value_of(const SeriesDef& series, const Reading& reading) {
    return to_double(series.type, series.scale, reading.raw);
  }

  static void print_json(const Tick& tick) {
    for (const Reading& reading : tick.readings()) {
      const SeriesDef& series = tick.layout().series()[reading.slot];
      std::string line;
      JsonWriter json(line);
      json.begin_object()
          .member("ts", tick.wall_ms())
          .member("name", series.name)
          .key("labels")
          .begin_object();
      for (const auto& [key, value] : series.labels) json.member(key, value);
      json.end_object().member("value", value_of(series, reading)).member("unit", series.unit);
      json.member("kind", to_text(series.kind))
          .member("quality", to_text(series.quality))
          .end_object();
      std::cout << line << '\n';
    }
  }

  static void print_text(const Tick& tick) {
    for (const Reading& reading : tick.readings()) {
      const SeriesDef& series = tick.layout().series()[reading.slot];
      std::string value;
      append_json_number(value, value_of(series, reading));
      std::cout << series.name << label_text(series.labels) << ' ' << value;
      if (!series.unit.empty()) std::cout << ' ' << series.unit;
      if (series.quality == Quality::estimated) std::cout << " (estimated)";
      std::cout << '\n';
    }
  }

  // Families in the catalogue's order, samples in the order of their slots.
  void keep_families(const Tick& tick) {
    families_.clear();
    for (const Metric& entry : catalogue())
      families_.push_back({std::string(entry.name),
                           entry.kind,
                           std::string(entry.unit),
                           std::string(entry.help),
                           {}});
    std::vector<Reading> readings(tick.readings().begin(), tick.readings().end());
    std::stable_sort(readings.begin(), readings.end(),
                     [](const Reading& a, const Reading& b) { return a.slot < b.slot; });
    for (const Reading& reading : readings) {
      const SeriesDef& series = tick.layout().series()[reading.slot];
      if (const auto id = find_metric(series.name))
        families_[static_cast<std::size_t>(*id)].samples.push_back(
            {series.labels, value_of(series, reading)});
    }
  }

  std::string format_;
  std::size_t of_the_machine_ = 0;
  std::vector<MetricFamily> families_;
};

}  // namespace

int run_readings(const ReadingsOptions& options) {
  const Settings settings = load_settings("agent", options.role.config, options.role.flags);
  const auto interval = parse_duration(options.interval);
  if (!interval) throw StartFailure(Exit::usage, "--interval: " + interval.error().text);
  if (*interval < kShortestInterval) throw StartFailure(Exit::usage, "--interval: at least 10ms");
  Printer printer(options.format);
  Measure measure(settings, system_clock(), printer);
  block_stop_signals();
  for (long i = 0; i < options.samples; ++i) {
    if (i > 0 && stop_asked_within(*interval)) break;
    measure.sampler().sample_all();
    if (!std::cout.flush()) throw StartFailure(Exit::failed, "standard output takes no more");
  }
  printer.finish();
  if (printer.of_the_machine() == 0)
    throw StartFailure(Exit::failed, "nothing of this machine could be read; is " +
                                         settings.text("paths.procfs") + " mounted?");
  measure.warn_of_what_cannot_be_read();
  if (options.samples == 1)
    std::cerr << "volta: power is measured between two samples; see it with: --samples 2\n";
  return code(Exit::done);
}

}  // namespace volta
