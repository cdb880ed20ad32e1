// Once its devices are known, sampling allocates nothing. operator new is counted for the whole
// test program, which is why this stands apart.
#include <atomic>
#include <cstdlib>
#include <new>

#include "collect/sampler.hpp"
#include "collect/sources.hpp"
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

// All but filesystem, which asks the machine that runs the test about its mounts.
std::vector<CollectorEntry> steady_collectors() {
  std::vector<CollectorEntry> entries;
  for (const CollectorEntry& entry : collectors()) {
    if (entry.name != "filesystem") entries.push_back(entry);
  }
  return entries;
}

void check_steady(const HostRoots& roots) {
  const std::vector<CollectorEntry> entries = steady_collectors();
  test::FakeClock clock;
  CountingSink sink;
  SamplerOptions options;
  options.roots = roots;
  Sampler sampler(options, entries, clock, sink);
  for (int i = 0; i < 3; ++i) {
    sampler.sample_all();
    clock.advance(std::chrono::milliseconds(100));
  }
  sampler.run_due();
  // The minute after which absent sources are looked for again is not part of the steady state.
  const std::uint64_t before = allocations;
  for (int i = 0; i < 100; ++i) {
    clock.advance(std::chrono::milliseconds(500));
    sampler.run_due();
  }
  CHECK(before > 0);  // they are counted at all
  CHECK(allocations - before == 0);
  CHECK(sink.readings > 100);
}

TEST_CASE("a hundred ticks on recorded machines allocate nothing") {
  for (const char* host : {"laptop-i7", "server-2s", "vm-2cpu"}) {
    CAPTURE(host);
    check_steady(test::recorded_host(host));
  }
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
