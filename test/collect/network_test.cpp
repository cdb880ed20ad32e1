#include "collect/network.hpp"

#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

constexpr const char* kHead = "Inter-|   Receive  |  Transmit\n face |bytes packets |bytes\n";

TEST_CASE("an interface line") {
  const auto line = parse_interface_line("  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
  REQUIRE(line);
  CHECK(line->name == "eth0");
  CHECK(line->values == std::array<std::optional<std::uint64_t>, 16>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                                                                     11, 12, 13, 14, 15, 16});
  CHECK(parse_interface_line("eth0:1:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16")->name == "eth0:1");
  for (const char* bad : {"", "eth0", "eth0: 1 2", ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_interface_line(bad));
  }
}

TEST_CASE("counters, state and speed of each interface but loopback and those of containers") {
  test::MadeHost host;
  host.write("proc/net/dev",
             std::string(kHead) +
                 "lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\neth0: 1 2 3 4 5 6 7 "
                 "8 9 10 11 12 13 14 15 16\n"
                 "veth1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
                 "cali12ab: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nwlan0: 1 2 3 4 5 "
                 "6 7 8 9 10 11 12 13 14 15 16\n");
  host.write("sys/class/net/eth0/operstate", "up\n");
  host.write("sys/class/net/eth0/speed", "1000\n");
  host.write("sys/class/net/wlan0/operstate", "down\n");
  host.write("sys/class/net/wlan0/speed", "-1\n");
  test::Bench bench(open_network, host.roots());
  const auto shown = bench.sample();
  CHECK(shown.size() == 14 + 2 + 14 + 1);
  CHECK(shown.at(R"(volta_network_transmit_bytes_total{interface="eth0"})") == 9);
  CHECK(shown.at(R"(volta_network_link_bytes_per_second{interface="eth0"})") == 125'000'000);
  CHECK(shown.at(R"(volta_network_up{interface="eth0"})") == 1);
  CHECK(shown.at(R"(volta_network_up{interface="wlan0"})") == 0);
}

TEST_CASE("malformed interface lines are skipped and counted") {
  test::MadeHost host;
  host.write("proc/net/dev",
             std::string(kHead) + "eth0: 1 2 3\n../x: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  test::Bench bench(open_network, host.roots());
  CHECK(bench.sample().size() == 14);
  CHECK(bench.skipped() == 1);
}

TEST_CASE("a malformed field of an interface costs its own reading alone") {
  const std::string received = R"(volta_network_receive_bytes_total{interface="eth0"})";
  const std::string sent = R"(volta_network_transmit_bytes_total{interface="eth0"})";
  struct Case {
    const char* line;
    std::size_t readings;
    std::uint64_t skipped;
  };
  for (const Case& one : {Case{"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", 14, 0},
                          {"x 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", 13, 1},
                          {"-1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", 13, 1},
                          {"18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", 13, 1},
                          {"1.5 0x2 3 4 5 6 7 8 9 10 11 12 13 14 -15 16", 11, 3},
                          {"1 2 3 4 5 6 x 8 9 10 11 12 13 14 15 x", 14, 0},  // not shown
                          {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", 0, 1}}) {
    CAPTURE(one.line);
    test::MadeHost host;
    host.write("proc/net/dev", std::string(kHead) + "eth0: " + one.line + "\n");
    test::Bench bench(open_network, host.roots());
    const auto shown = bench.sample();
    CHECK(shown.size() == one.readings);
    CHECK(bench.skipped() == one.skipped);
    CHECK(shown.count(received) == (one.skipped == 0 ? 1 : 0));
    CHECK(shown.count(sent) == (one.readings > 0 ? 1 : 0));
  }
}

TEST_CASE("a link's speed that is no number is skipped and counted") {
  test::MadeHost host;
  host.write("proc/net/dev", std::string(kHead) + "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  host.write("sys/class/net/eth0/speed", "fast\n");
  test::Bench bench(open_network, host.roots());
  CHECK(bench.sample().size() == 14);
  CHECK(bench.skipped() == 1);
}

TEST_CASE("a link that comes up later shows its speed") {
  test::MadeHost host;
  host.write("proc/net/dev", std::string(kHead) + "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  host.write("sys/class/net/eth0/operstate", "down\n");
  const std::string speed = R"(volta_network_link_bytes_per_second{interface="eth0"})";
  test::Bench bench(open_network, host.roots());
  CHECK(bench.sample().count(speed) == 0);
  host.write("sys/class/net/eth0/speed", "2500\n");
  CHECK(bench.sample().count(speed) == 0);  // nothing says that it changed
  host.write("sys/class/net/eth0/operstate", "up\n");
  CHECK(bench.sample().at(speed) == 312'500'000);
}

TEST_CASE("interfaces that come and go are forgotten when there are too many") {
  test::MadeHost host;
  host.write("proc/net/dev", kHead);
  test::Bench bench(open_network, host.roots());
  for (int round = 0; round < 3; ++round) {
    std::string text = kHead;
    for (int i = 0; i < 1000; ++i) {
      text +=
          "tap" + std::to_string(round * 1000 + i) + ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
    }
    host.write("proc/net/dev", text);
    bench.sample();
    CHECK(bench.sample().size() == 14'000);
  }
  CHECK(bench.skipped() > 0);
}

}  // namespace
}  // namespace volta
