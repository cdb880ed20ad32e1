#include "collect/tdp.hpp"

#include <catch2/catch.hpp>

#include "collect/host_probe.hpp"

namespace volta {
namespace {

TEST_CASE("powercap's specification is summed over packages") {
  CHECK(tdp_watts(test::recorded_host("laptop-i7")) == 28);
  CHECK(tdp_watts(test::recorded_host("server-2s")) == 700);
  CHECK_FALSE(tdp_watts(test::recorded_host("vm-2cpu")));
}

TEST_CASE("the table knows families, and says what it took") {
  const auto check = [](CpuShape cpu, double want, std::string_view part) {
    const TdpHint hint = tdp_from_model(cpu);
    INFO(cpu.model << ": " << hint.source);
    CHECK(hint.watts == Approx(want));
    CHECK(hint.source.find(part) != std::string::npos);
  };
  check({"11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", 1, 4, 8, false}, 28, "i7-1165G7");
  check({"Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", 1, 4, 8, false}, 15, "i7-8550U");
  check({"Intel(R) Core(TM) i9-10900K CPU @ 3.70GHz", 1, 10, 20, false}, 125, "i9-10900K");
  check({"Intel(R) Core(TM) i5-8400 CPU @ 2.80GHz", 1, 6, 6, false}, 65, "i7-8700");
  check({"AMD Ryzen 7 5700U with Radeon Graphics", 1, 8, 16, false}, 15, "5700U");
  check({"AMD Ryzen 9 5950X 16-Core Processor", 1, 16, 32, false}, 105, "5900X");
  check({"AMD EPYC 7763 64-Core Processor", 2, 128, 256, false}, 450, "times 2 sockets");
  check({"Intel(R) Xeon(R) Processor @ 2.50GHz", 1, 2, 2, true}, 205.0 / 56 * 2, "2 are here");
  check({"Intel(R) Xeon(R) CPU @ 2.20GHz", 1, 1, 2, true}, 205.0 / 56 * 2, "2 are here");
  check({"Intel(R) Xeon(R) CPU E5-2680 v3 @ 2.50GHz", 2, 24, 48, false}, 240, "E5-2680");
  check({"Intel(R) Xeon(R) CPU E3-1230 v5 @ 3.40GHz", 1, 4, 8, false}, 72, "E3-1270");
  check({"Intel(R) Xeon(R) E-2288G CPU @ 3.70GHz", 1, 8, 16, false}, 95, "E-2288G");
  check({"Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", 2, 40, 80, false}, 300, "Gold 6248");
  check({"Intel(R) Celeron(R) CPU N3450 @ 1.10GHz", 1, 4, 4, false}, 10, "N5105");
  check({"", 1, 4, 4, false}, 32, "unknown model");
  check({"Cortex-A76", 1, 4, 4, false}, 32, "unknown model");
  check({"", 0, 0, 2, true}, 8, "2 threads");
  check({"", 0, 0, 0, false}, 4, "unknown model");
  check({std::string(100'000, '*'), 1, 4, 4, false}, 32, "unknown model");
}

}  // namespace
}  // namespace volta
