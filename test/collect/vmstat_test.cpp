#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

TEST_CASE("paging is in bytes, faults are counts") {
  test::MadeHost host;
  host.write("proc/vmstat",
             "nr_free_pages 1\npgpgin 10\npgpgout 20\npswpin 1\npswpout 2\npgfault 500\npgmajfault "
             "3\noom_kill 1\n");
  test::Bench bench(open_vmstat, host.roots());
  const auto shown = bench.sample();
  CHECK(shown.at("volta_memory_paged_in_bytes_total") == 10240);
  CHECK(shown.at("volta_swap_out_bytes_total") == 8192);
  CHECK(shown.at("volta_memory_major_faults_total") == 3);
  CHECK(shown.at("volta_memory_oom_kills_total") == 1);
  host.write("proc/vmstat",
             "allocstall_dma 1\nallocstall_normal 2\nallocstall_movable 4\npgscan_kswapd 9\n");
  const auto rare = bench.sample();
  CHECK(rare.size() == 2);
  CHECK(rare.at("volta_memory_allocation_stalls_total") == 7);
  CHECK(rare.at(R"(volta_memory_scanned_pages_total{by="kswapd"})") == 9);
  host.write("proc/vmstat", "pgpgin x\n");
  CHECK(bench.sample().empty());
  CHECK(bench.skipped() == 1);
}

TEST_CASE("a malformed value costs its own reading; of a sum the whole, which would go back") {
  struct Case {
    const char* text;
    std::size_t readings;
    std::uint64_t skipped;
  };
  for (const Case& one :
       {Case{"pgpgin 1\npgfault 2\n", 2, 0},
        {"pgpgin -1\npgfault 2\n", 1, 1},
        {"pgpgin 18446744073709551615\npgfault 2\n", 1, 1},
        {"pgpgin 9223372036854775807\npgfault 2\n", 1, 1},  // no number of bytes
        {"pgpgin\npgfault 2\n", 1, 1},
        {"allocstall_dma 1\nallocstall_normal x\npgfault 2\n", 1, 1},
        {"allocstall_dma x\nallocstall_normal 1\npgfault 2\n", 1, 1},
        {"allocstall_dma 9223372036854775807\nallocstall_normal 1\npgfault 2\n", 1, 1},
        {"pgscan_kswapd x\npgscan_direct 2\n", 1, 1}}) {
    CAPTURE(one.text);
    test::MadeHost host;
    host.write("proc/vmstat", one.text);
    test::Bench bench(open_vmstat, host.roots());
    CHECK(bench.sample().size() == one.readings);
    CHECK(bench.skipped() == one.skipped);
  }
}

}  // namespace
}  // namespace volta
