// Once its devices are known, sampling allocates nothing. operator new is counted for the whole
// test program, which is why this stands apart.
#include <atomic>
#include <cstdlib>
#include <new>
#include <semaphore>
#include <string>

#include "collect/filesystem.hpp"
#include "collect/sampler.hpp"
#include "collect/slow_lane.hpp"
#include "collect/sources.hpp"
#include "energy/account.hpp"
#include "model/metric_ids.hpp"
#include "readings.hpp"
#include "support/fake_clock.hpp"

namespace {
std::atomic<std::uint64_t> allocations{0};  // NOLINT: operator new has no object to keep it in

void* counted(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;  // NOLINT
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
// std::stable_sort and others ask for this one and give back by the usual way.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);  // NOLINT
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete(void* memory) noexcept { std::free(memory); }                 // NOLINT
void operator delete[](void* memory) noexcept { std::free(memory); }               // NOLINT
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }    // NOLINT
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }  // NOLINT

namespace volta {
namespace {

struct CountingSink final : TickSink {
  std::size_t readings = 0;
  void on_tick(const Tick& tick) override { readings = tick.readings().size(); }
};

std::counting_semaphore<> answers{0};  // of made_up_sizes, which the lane's worker asks

int made_up_sizes(const char* /*path*/, struct statvfs* out) {
  out->f_frsize = 4096;
  out->f_blocks = 1000;
  out->f_bfree = out->f_bavail = 500;
  out->f_files = 100;
  out->f_ffree = 50;
  answers.release();
  return 0;
}

// What a recorded machine lacks: it does something. Its load grows, and where it has sensors of
// power a package's counter does.
class AtWork final : public Collector {
 public:
  explicit AtWork(bool measured) : measured_(measured) {}
  void sample(Tick& out) override {
    ++samples_;
    out.load().total_ticks = 1'000'000'000 + samples_ * 100;
    out.load().busy_ticks = samples_ * 30;
    out.load().self_cpu_us = samples_ * 1000;
    if (!measured_) return;
    ZoneReading reading;
    if (!zone_) zone_ = out.announce({"package", "package-9", "rapl", Quality::measured, 0, 0, 0});
    reading.zone = *zone_;
    reading.value = samples_ * 20'000'000;
    reading.at = out.boottime();
    out.set_zone(reading);
  }

 private:
  const bool measured_;
  std::uint64_t samples_ = 0;
  std::optional<std::uint32_t> zone_;
};

// All of them, with a machine at work behind them. Recorded mounts are asked for sizes too, which
// the lane's worker does; they are made up, so that no mount of this machine is.
std::vector<CollectorEntry> steady_collectors() {
  std::vector<CollectorEntry> entries(collectors().begin(), collectors().end());
  for (CollectorEntry& entry : entries) {
    if (entry.name != "filesystem") continue;
    entry.open = [](const HostRoots& roots, const CollectOptions& options) {
      return make_filesystem(roots, options, system_clock(), made_up_sizes);
    };
  }
  entries.push_back({"at_work", "energy", [](const HostRoots& roots, const CollectOptions&) {
                       const bool measured = std::filesystem::exists(roots.sys / "class/powercap");
                       return std::unique_ptr<Collector>(new AtWork(measured));
                     }});
  return entries;
}

// Which metrics of energy and of filesystems the ticks held: what is not run allocates nothing.
class SeenSink final : public TickSink {
 public:
  std::size_t readings = 0;
  std::array<std::uint64_t, 4> seen{};
  static constexpr std::array<MetricId, 4> kMetrics = {
      metrics::energy_joules_total, metrics::power_watts, metrics::self_energy_joules_total,
      metrics::filesystem_used_bytes};

  void on_tick(const Tick& tick) override {
    readings = std::max(readings, tick.readings().size());
    for (const Reading& reading : tick.readings()) {
      const std::string& name = tick.layout().series()[reading.slot].name;
      for (std::size_t i = 0; i < kMetrics.size(); ++i) {
        if (name == metric(kMetrics.at(i)).name) ++seen.at(i);
      }
    }
  }
};

void check_steady(const HostRoots& roots) {
  const std::vector<CollectorEntry> entries = steady_collectors();
  test::FakeClock clock;
  SeenSink sink;
  SamplerOptions options;
  options.roots = roots;
  options.periods["filesystem"] = std::chrono::milliseconds(500);
  Account account(clock, {65});
  Sampler sampler(options, entries, clock, sink, [&](Tick& tick) { account.run(tick); });
  for (int i = 0; i < 3; ++i) {
    sampler.sample_all();
    clock.advance(std::chrono::milliseconds(100));
  }
  sampler.run_due();
  // The minute after which absent sources are looked for again is not part of the steady state.
  const std::uint64_t before = allocations;
  sink.seen.fill(0);
  for (int i = 0; i < 100; ++i) {
    clock.advance(std::chrono::milliseconds(500));
    while (answers.try_acquire()) {
    }
    sampler.run_due();
    // The lane has a thread of its own, which here gets the time that half a second would give it.
    answers.try_acquire_for(std::chrono::seconds(1));
  }
  CHECK(before > 0);  // they are counted at all
  CHECK(allocations - before == 0);
  CHECK(sink.readings > 100);
  for (std::size_t i = 0; i < sink.seen.size(); ++i) {
    CAPTURE(metric(SeenSink::kMetrics.at(i)).name);
    CHECK(sink.seen.at(i) > 0);
  }
}

TEST_CASE("a hundred ticks on recorded machines allocate nothing") {
  for (const char* host : {"laptop-i7", "server-2s", "vm-2cpu"}) {
    CAPTURE(host);
    check_steady(test::recorded_host(host));
  }
}

TEST_CASE("a tick has room for every series, also where slow devices answer all at once") {
  Layout layout;
  Tick tick(layout);
  for (int cpu = 0; cpu < 100; ++cpu)
    tick.define(metrics::cpu_frequency_hertz, {{"cpu", std::to_string(cpu)}});
  tick.begin(0, {});
  const std::uint64_t before = allocations;
  for (Slot slot = 0; slot < layout.size(); ++slot) tick.set(slot, 1);
  CHECK(allocations - before == 0);
}

TEST_CASE("tasks that wait for a slow one allocate nothing") {
  struct Gated final : SlowTask {
    std::counting_semaphore<> gate{0};
    void run() noexcept override { gate.acquire(); }
  };
  std::vector<std::shared_ptr<Gated>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(std::make_shared<Gated>());
  SlowLane lane(system_clock(), std::chrono::seconds(60));
  CHECK(lane.submit(tasks.front()));  // starts the worker
  tasks.front()->gate.release();
  REQUIRE(lane.wait_idle(std::chrono::seconds(20)));
  const std::uint64_t before = allocations;
  for (const auto& task : tasks) lane.submit(task);
  CHECK(allocations - before == 0);
  for (const auto& task : tasks) task->gate.release();
  CHECK(lane.wait_idle(std::chrono::seconds(20)));
}

TEST_CASE("a bare virtual machine has at least 200 series") {
  test::FakeClock clock;
  CountingSink sink;
  SamplerOptions options;
  options.roots = test::recorded_host("vm-2cpu");
  Sampler sampler(options, collectors(), clock, sink);
  sampler.sample_all();
  sampler.sample_all();
  CHECK(sink.readings >= 200);
}

}  // namespace
}  // namespace volta
