#include "collect/disk.hpp"

#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

TEST_CASE("a line has 14, 18 or 20 columns") {
  const auto old = parse_disk_line("   8       1 sda1 1 2 3 4 5 6 7 8 9 10 11");
  REQUIRE(old);
  CHECK(old->name == "sda1");
  CHECK(old->number == ((std::uint64_t{8} << 32U) | 1U));
  CHECK(old->columns == 11);
  CHECK(old->at(DiskColumn::reads) == 1);
  CHECK(old->at(DiskColumn::read_sectors) == 3);
  CHECK(old->at(DiskColumn::written_sectors) == 7);
  CHECK(old->at(DiskColumn::in_flight) == 9);
  CHECK(old->at(DiskColumn::queue_ms) == 11);
  const auto newer = parse_disk_line("8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
  CHECK(newer->columns == 15);
  CHECK(newer->at(DiskColumn::discarded_sectors) == 14);
  const auto newest = parse_disk_line("8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19");
  CHECK(newest->columns == 17);
  CHECK(newest->at(DiskColumn::flushes) == 16);
  for (const char* bad :
       {"", "8 0 sda", "8 0 sda 1 2 3 4 5 6 7 8 9 10", "x 0 sda 1 2 3 4 5 6 7 8 9 10 11",
        "8 -1 sda 1 2 3 4 5 6 7 8 9 10 11", "4294967296 0 sda 1 2 3 4 5 6 7 8 9 10 11"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_disk_line(bad));
  }
}

TEST_CASE("whole devices by default, partitions by choice, no empty loop and ram devices") {
  test::MadeHost host;
  std::filesystem::create_directories(host.dir.path() / "sys/block/sda");
  std::filesystem::create_directories(host.dir.path() / "sys/block/loop0");
  std::filesystem::create_directories(host.dir.path() / "sys/block/ram0");
  std::filesystem::create_directories(host.dir.path() / "sys/block/cciss!c0d0");
  host.write("proc/diskstats",
             "8 0 sda 1 2 4 4 5 6 7 8 9 10 11\n8 1 sda1 1 2 3 4 5 6 7 8 9 10 11\n7 0 loop0 0 0 0 0 "
             "0 0 0 0 0 0 0\n"
             "1 0 ram0 1 2 3 4 5 6 7 8 9 10 11\n104 0 cciss/c0d0 1 2 3 4 5 6 7 8 9 10 11\n");
  test::Bench bench(open_disk, host.roots());
  auto shown = bench.sample();
  CHECK(shown.size() == 22);
  CHECK(shown.at(R"(volta_disk_read_bytes_total{device="sda"})") == 2048);
  CHECK(shown.count(R"(volta_disk_in_flight{device="cciss/c0d0"})") == 1);
  CollectOptions options;
  options.partitions = true;
  shown = test::Bench(open_disk, host.roots(), options).sample();
  CHECK(shown.count(R"(volta_disk_in_flight{device="sda1"})") == 1);
}

TEST_CASE("a device without a size is shown once it has one") {
  test::MadeHost host;
  host.write("sys/block/loop0/size", "0\n");
  host.write("proc/diskstats", "7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n");
  test::Bench bench(open_disk, host.roots());
  CHECK(bench.sample().empty());
  host.write("proc/diskstats", "7 0 loop0 5 0 8 0 0 0 0 0 0 0 0\n");
  CHECK(bench.sample().empty());  // a file that was taken away again
  host.write("sys/block/loop0/size", "2048\n");
  CHECK(bench.sample().size() == 11);
}

TEST_CASE("another device under the same name begins anew; nothing in flight is below zero") {
  test::MadeHost host;
  std::filesystem::create_directories(host.dir.path() / "sys/block/dm-0");
  const std::string busy = R"(volta_disk_busy_seconds_total{device="dm-0"})";
  const std::string in_flight = R"(volta_disk_in_flight{device="dm-0"})";
  host.write("proc/diskstats", "253 0 dm-0 5 0 8 0 0 0 0 0 4294967295 900 0\n");
  test::Bench bench(open_disk, host.roots());
  CHECK(bench.sample().at(busy) == 900);
  CHECK(bench.sample().count(in_flight) == 0);
  CHECK(bench.skipped() == 2);
  host.write("proc/diskstats", "253 1 dm-0 5 0 8 0 0 0 0 0 1 100 0\n");
  const auto shown = bench.sample();
  CHECK(shown.at(busy) == 100);
  CHECK(shown.at(in_flight) == 1);
}

TEST_CASE("32-bit milliseconds go on beyond their wrap") {
  const auto check = [](std::vector<std::uint64_t> shown, std::uint64_t want) {
    Unwrapped32 counter;
    std::uint64_t total = 0;
    for (const std::uint64_t value : shown) total = counter.add(value);
    CHECK(total == want);
  };
  check({5}, 5);
  check({5, 9}, 9);
  check({4294967290, 10}, 4294967306);              // a wrap
  check({1000, 10}, 1010);                          // begun anew
  check({4294967290, 10, 5000000000}, 5000000000);  // a wider counter after all
  check({5000000000, 10, 30}, 5000000020);          // one wide value was a slip
  check({18446744073709551615U, 0, 5}, 18446744073709551615U);
}

TEST_CASE("a malformed field of a disk costs its own reading alone") {
  struct Case {
    const char* columns;
    const char* missing;  // of eleven
  };
  for (const Case& one : {Case{"1 2 3 4 5 6 7 8 9 10 11", ""},
                          {"x 2 3 4 5 6 7 8 9 10 11", "reads_total"},
                          {"1 2 -3 4 5 6 7 8 9 10 11", "read_bytes_total"},
                          {"1 2 3 4 5 6 9223372036854775807 8 9 10 11", "written_bytes_total"},
                          {"1 2 3 4 5 6 7 8 -1 10 11", "in_flight"},
                          {"1 2 3 4 5 6 7 8 9 18446744073709551615 11", "busy_seconds_total"},
                          {"1 2 3 4 5 6 7 8 9 10 11ms", "queue_seconds_total"}}) {
    CAPTURE(one.columns);
    test::MadeHost host;
    std::filesystem::create_directories(host.dir.path() / "sys/block/sda");
    host.write("proc/diskstats", std::string("8 0 sda ") + one.columns + "\n");
    test::Bench bench(open_disk, host.roots());
    const auto shown = bench.sample();
    const std::string missing = one.missing;
    CHECK(shown.size() == (missing.empty() ? 11 : 10));
    CHECK(shown.count("volta_disk_" + missing + R"({device="sda"})") == 0);
    CHECK(bench.skipped() == (missing.empty() ? 0 : 1));
  }
}

TEST_CASE("malformed lines and vanished devices hurt nobody") {
  test::MadeHost host;
  std::filesystem::create_directories(host.dir.path() / "sys/block/sda");
  host.write("proc/diskstats", "8 0 sda 1 2 4 4 5 6 7 8 9 10 11\ngarbage\n\n");
  test::Bench bench(open_disk, host.roots());
  CHECK(bench.sample().size() == 11);
  CHECK(bench.skipped() == 1);
  host.write("proc/diskstats", "");
  CHECK(bench.sample().empty());
}

}  // namespace
}  // namespace volta
