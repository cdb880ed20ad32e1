#include "collect/sampler.hpp"

#include <map>
#include <mutex>
#include <optional>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "model/metric_ids.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What the collectors of these tests do; set before each test, read by the collectors they open.
struct Plan {
  bool absent = false;
  bool fails = false;
  milliseconds takes{0};
  int samples = 0;
  int opened = 0;
  test::FakeClock* clock = nullptr;
};
Plan good_plan;   // NOLINT: collectors are opened through plain functions
Plan other_plan;  // NOLINT: as above

class Planned final : public Collector {
 public:
  Planned(Plan& plan, MetricId metric, std::optional<MetricId> second = {})
      : plan_(plan), metric_(metric), second_(second) {
    ++plan_.opened;
  }
  void sample(Tick& out) override {
    ++plan_.samples;
    if (plan_.clock != nullptr) plan_.clock->advance(plan_.takes);
    out.set(out.define(metric_, {}), 7);
    if (second_) out.set(out.define(*second_, {}), 8);
    if (plan_.fails) throw Failure("broken");
  }

 private:
  Plan& plan_;
  MetricId metric_;
  std::optional<MetricId> second_;
};

const CollectorEntry kEntries[] = {
    {"good", "cpu",
     [](const HostRoots&, const CollectOptions&) -> std::unique_ptr<Collector> {
       return good_plan.absent ? nullptr : std::make_unique<Planned>(good_plan, metrics::load1);
     }},
    {"other", "memory",
     [](const HostRoots&, const CollectOptions&) -> std::unique_ptr<Collector> {
       return other_plan.absent ? nullptr : std::make_unique<Planned>(other_plan, metrics::load5);
     }},
};

struct Sink final : TickSink {
  std::vector<std::int64_t> times;
  std::map<std::string, std::int64_t> shown;  // of the last tick
  std::mutex mutex;
  void on_tick(const Tick& tick) override {
    const std::lock_guard lock(mutex);
    times.push_back(tick.wall_ms());
    shown.clear();
    for (const Reading& reading : tick.readings()) {
      const SeriesDef& series = tick.layout().series()[reading.slot];
      shown[series.name + label_text(series.labels)] = static_cast<std::int64_t>(reading.raw);
    }
  }
};

struct Setup {
  test::FakeClock clock{1'795'226'940'300};
  Sink sink;
  SamplerOptions options;
  Setup() {
    good_plan = {};
    other_plan = {};
  }
  std::unique_ptr<Sampler> make() {
    return std::make_unique<Sampler>(options, kEntries, clock, sink);
  }
};

TEST_CASE("ticks stand at wall-clock multiples of the period, all collectors in one") {
  Setup setup;
  const auto sampler = setup.make();
  std::int64_t next = sampler->run_due();
  CHECK(setup.sink.times.empty());
  CHECK(next == 1'795'226'941'000);
  setup.clock.advance(milliseconds(705));
  next = sampler->run_due();
  CHECK(setup.sink.times == std::vector<std::int64_t>{1'795'226'941'000});
  CHECK(setup.sink.shown.at("volta_load1") == 7);
  CHECK(setup.sink.shown.at("volta_load5") == 7);
  CHECK(next == 1'795'226'942'000);
}

TEST_CASE("each group has its period") {
  Setup setup;
  setup.options.periods = {{"memory", seconds(5)}};
  const auto sampler = setup.make();
  sampler->run_due();
  for (int i = 0; i < 100; ++i) {
    setup.clock.advance(milliseconds(100));
    sampler->run_due();
  }
  CHECK(good_plan.samples == 10);
  CHECK(other_plan.samples == 2);
}

TEST_CASE("missed ticks are left out, not made up") {
  Setup setup;
  const auto sampler = setup.make();
  sampler->run_due();
  setup.clock.advance(seconds(60));
  sampler->run_due();
  CHECK(good_plan.samples == 1);
  CHECK(setup.sink.times.front() == setup.clock.wall_ms());  // too late for the due time's name
}

TEST_CASE("a wall clock that is set back or forth does not stop the ticks") {
  for (const std::int64_t jump : {-3'600'000, 86'400'000}) {
    CAPTURE(jump);
    Setup setup;
    const auto sampler = setup.make();
    sampler->run_due();
    setup.clock.set_wall_ms(setup.clock.wall_ms() + jump);
    for (int i = 0; i < 50; ++i) {
      setup.clock.advance(milliseconds(100));
      sampler->run_due();
    }
    CHECK(good_plan.samples >= 4);
    CHECK(good_plan.samples <= 6);
  }
}

TEST_CASE("a collector that fails hurts nobody, shows as failed and is tried again later") {
  Setup setup;
  other_plan.fails = true;
  const auto sampler = setup.make();
  sampler->sample_all();
  CHECK(setup.sink.shown.count("volta_load5") == 0);
  CHECK(setup.sink.shown.at("volta_load1") == 7);
  CHECK(setup.sink.shown.at(R"(volta_collector_success{collector="other"})") == 0);
  CHECK(setup.sink.shown.at(R"(volta_collector_success{collector="good"})") == 1);
  sampler->sample_all();
  CHECK(other_plan.samples == 1);  // backed off
  other_plan.fails = false;
  setup.clock.advance(seconds(2));
  sampler->sample_all();
  CHECK(setup.sink.shown.at("volta_load5") == 7);
  CHECK(setup.sink.shown.at(R"(volta_collector_success{collector="other"})") == 1);
}

TEST_CASE("a collector keeps its memory through a short failure, a long one makes it look anew") {
  Setup setup;
  const auto sampler = setup.make();
  sampler->sample_all();
  CHECK(other_plan.opened == 1);
  other_plan.fails = true;
  for (int i = 0; i < 4; ++i) {
    setup.clock.advance(seconds(61));
    sampler->sample_all();
  }
  CHECK(other_plan.samples == 5);
  CHECK(other_plan.opened == 1);
  for (int i = 0; i < 2; ++i) {
    setup.clock.advance(seconds(61));
    sampler->sample_all();
  }
  CHECK(other_plan.opened == 2);
}

TEST_CASE("accounting or a sink that fails stops nothing") {
  Setup setup;
  int staged = 0;
  Sampler sampler(setup.options, kEntries, setup.clock, setup.sink, [&](Tick& tick) {
    tick.set(tick.define(metrics::load15, {}), ++staged);
    throw Failure("no accounting");
  });
  sampler.sample_all();
  CHECK(staged == 1);
  CHECK(setup.sink.shown.at("volta_load1") == 7);
  CHECK(setup.sink.shown.count("volta_load15") == 0);

  struct Broken final : TickSink {
    int ticks = 0;
    void on_tick(const Tick&) override {
      ++ticks;
      throw Failure("no sink");
    }
  } broken;
  Sampler second(setup.options, kEntries, setup.clock, broken);
  second.sample_all();
  second.sample_all();
  CHECK(broken.ticks == 2);
}

// The one collector sets load1 (group cpu) and, as group `also` would, a metric of cpu_core.
const CollectorEntry kFeeder[] = {
    {"good", "cpu",
     [](const HostRoots&, const CollectOptions&) -> std::unique_ptr<Collector> {
       return std::make_unique<Planned>(good_plan, metrics::load1, metrics::cpu_core_seconds_total);
     },
     "cpu_core", true},
};

TEST_CASE("a collector runs for the most demanding group, each group shows at its own period") {
  const auto check = [](milliseconds cpu, milliseconds core, milliseconds energy, int samples,
                        int cpu_shown, int core_shown) {
    CAPTURE(cpu.count(), core.count(), energy.count());
    Setup setup;
    const auto pick = [&](const char* group, milliseconds period) {
      if (period.count() == 0) setup.options.disabled_groups.insert(group);
      if (period.count() > 0) setup.options.periods[group] = period;
    };
    pick("cpu", cpu);
    pick("cpu_core", core);
    pick("energy", energy);
    Sampler sampler(setup.options, kFeeder, setup.clock, setup.sink);
    sampler.run_due();
    int cpu_seen = 0;
    int core_seen = 0;
    for (int i = 0; i < 100; ++i) {
      setup.clock.advance(milliseconds(100));
      setup.sink.shown.clear();
      sampler.run_due();
      cpu_seen += static_cast<int>(setup.sink.shown.count("volta_load1"));
      core_seen += static_cast<int>(setup.sink.shown.count("volta_cpu_core_seconds_total"));
    }
    CHECK(good_plan.samples == samples);
    CHECK(cpu_seen == cpu_shown);
    CHECK(core_seen == core_shown);
  };
  check(seconds(1), seconds(1), seconds(1), 10, 10, 10);
  check(seconds(1), seconds(5), seconds(1), 10, 10, 2);
  check(seconds(5), seconds(1), seconds(5), 10, 2, 10);
  check(seconds(5), seconds(5), seconds(1), 10, 2, 2);
  check(milliseconds(0), seconds(2), seconds(2), 5, 0, 5);
  check(milliseconds(0), milliseconds(0), seconds(1), 10, 0, 0);
  check(milliseconds(0), milliseconds(0), milliseconds(0), 0, 0, 0);
}

TEST_CASE("thinning one collector of a group takes nothing from the others") {
  const CollectorEntry entries[] = {
      {"good", "cpu",
       [](const HostRoots&, const CollectOptions&) -> std::unique_ptr<Collector> {
         return std::make_unique<Planned>(good_plan, metrics::load1);
       },
       "", true},
      {"other", "cpu",
       [](const HostRoots&, const CollectOptions&) -> std::unique_ptr<Collector> {
         return std::make_unique<Planned>(other_plan, metrics::load5);
       }},
  };
  Setup setup;
  setup.options.periods = {{"cpu", seconds(5)}, {"energy", seconds(2)}};
  Sampler sampler(setup.options, entries, setup.clock, setup.sink);
  sampler.run_due();
  int thinned = 0;
  int others = 0;
  for (int i = 0; i < 200; ++i) {
    setup.clock.advance(milliseconds(100));
    setup.sink.shown.clear();
    sampler.run_due();
    thinned += static_cast<int>(setup.sink.shown.count("volta_load1"));
    others += static_cast<int>(setup.sink.shown.count("volta_load5"));
  }
  CHECK(good_plan.samples == 10);
  CHECK(thinned == 4);
  CHECK(other_plan.samples == 4);
  CHECK(others == 4);
}

TEST_CASE("ticks that came too late are counted, those of a sleeping machine are not") {
  const std::string late = "volta_self_late_ticks_total";
  Setup setup;
  setup.options.periods = {{"self", seconds(1)}};
  const auto sampler = setup.make();
  sampler->run_due();
  setup.clock.advance(milliseconds(705));
  sampler->run_due();
  CHECK(setup.sink.shown.at(late) == 0);
  setup.clock.advance(seconds(5));
  sampler->run_due();
  CHECK(setup.sink.shown.at(late) == 4);
  setup.clock.suspend(seconds(3600));
  setup.clock.advance(seconds(1));
  sampler->run_due();
  CHECK(setup.sink.shown.at(late) == 4);
}

TEST_CASE("an absent source is no failure and is looked for again") {
  Setup setup;
  other_plan.absent = true;
  const auto sampler = setup.make();
  sampler->sample_all();
  CHECK(setup.sink.shown.count(R"(volta_collector_success{collector="other"})") == 0);
  other_plan.absent = false;
  sampler->sample_all();
  CHECK(other_plan.samples == 0);
  setup.clock.advance(seconds(61));
  sampler->sample_all();
  CHECK(other_plan.samples == 1);
}

TEST_CASE("a slow collector is run less often") {
  Setup setup;
  other_plan.clock = &setup.clock;
  other_plan.takes = milliseconds(150);
  const auto sampler = setup.make();
  sampler->run_due();
  for (int i = 0; i < 20; ++i) {
    setup.clock.advance(seconds(1));
    sampler->run_due();
  }
  CHECK(good_plan.samples >= 19);
  CHECK(other_plan.samples <= 6);
}

TEST_CASE("a collector that was slow is run as configured once it is quick again") {
  Setup setup;
  other_plan.clock = &setup.clock;
  other_plan.takes = milliseconds(150);
  const auto sampler = setup.make();
  sampler->run_due();
  for (int i = 0; i < 40; ++i) {
    setup.clock.advance(seconds(1));
    sampler->run_due();
  }
  other_plan.takes = milliseconds(1);
  for (int i = 0; i < 400; ++i) {
    setup.clock.advance(seconds(1));
    sampler->run_due();
  }
  const int before = other_plan.samples;
  for (int i = 0; i < 20; ++i) {
    setup.clock.advance(seconds(1));
    sampler->run_due();
  }
  CHECK(other_plan.samples - before >= 19);
}

TEST_CASE("groups and metrics are switched off, labels put on") {
  Setup setup;
  setup.options.disabled_groups = {"memory"};
  setup.options.disabled_metrics = {"volta_collector_*", "volta_self_late_ticks_total"};
  setup.options.labels = {{"rack", "a1"}};
  const auto sampler = setup.make();
  sampler->sample_all();
  CHECK(setup.sink.shown == std::map<std::string, std::int64_t>{{R"(volta_load1{rack="a1"})", 7}});
  CHECK(other_plan.samples == 0);
}

TEST_CASE("the thread primes, ticks and stops at once") {
  Setup setup;
  setup.options.periods = {{"cpu", milliseconds(20)}, {"memory", milliseconds(20)}};
  Sampler sampler(setup.options, kEntries, system_clock(), setup.sink);
  const auto begun = system_clock().monotonic();
  sampler.start();
  while (true) {
    {
      const std::lock_guard lock(setup.sink.mutex);
      if (setup.sink.times.size() >= 4) break;
    }
    std::this_thread::yield();
    REQUIRE(system_clock().monotonic() - begun < seconds(20));
  }
  const auto asked = system_clock().monotonic();
  sampler.stop();
  CHECK(system_clock().monotonic() - asked < seconds(5));
}

}  // namespace
}  // namespace volta
