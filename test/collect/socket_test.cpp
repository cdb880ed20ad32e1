#include "collect/socket.hpp"

#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

constexpr const char* kSockstat =
    "sockets: used 100\nTCP: inuse 5 orphan 1 tw 2 alloc 7 mem 3\nUDP: inuse 4 mem 1\nRAW: inuse "
    "0\n";
constexpr const char* kSnmp =
    "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens "
    "EstabResets InSegs OutSegs RetransSegs OutRsts\n"
    "Tcp: 1 -1 10 20 30 40 50 60 70\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors "
    "SndbufErrors\nUdp: 1 2 3 4 5 6\nUdpLite: InDatagrams\nUdpLite: 9\n";

TEST_CASE("sockets by protocol") {
  CHECK(find_socket_value(kSockstat, "TCP", "tw") == "2");
  CHECK(find_socket_value(kSockstat, "sockets", "used") == "100");
  CHECK(find_socket_value(kSockstat, "TCP", "none").empty());
  CHECK(find_socket_value(kSockstat, "TC", "inuse").empty());
  CHECK(find_socket_value("TCP: orphan x inuse y\n", "TCP", "inuse") == "y");
  CHECK(find_socket_value("TCP: inuse\n", "TCP", "inuse").empty());
  CHECK(find_socket_value("", "TCP", "inuse").empty());
}

TEST_CASE("a malformed count of sockets costs its own reading alone, also the first time") {
  struct Case {
    const char* text;
    std::size_t readings;
    std::uint64_t skipped;
  };
  for (const Case& one : {Case{"TCP: inuse 5 orphan 1 mem 2\n", 3, 0},
                          {"TCP: inuse x orphan 1 mem 2\n", 2, 1},
                          {"TCP: inuse -5 orphan 18446744073709551615 mem 2\n", 1, 2},
                          {"TCP: inuse 9223372036854775807 mem 9223372036854775807\n", 1, 1}}) {
    CAPTURE(one.text);
    test::MadeHost host;
    host.write("proc/net/sockstat", one.text);
    host.write("proc/net/snmp", "");
    test::Bench bench(open_socket, host.roots());
    CHECK(bench.sample().size() == one.readings);
    CHECK(bench.skipped() == one.skipped);
  }
}

TEST_CASE("values under their names") {
  const auto cells = [](std::string_view text) {
    std::string out;
    SnmpRows rows(text);
    while (const auto cell = rows.next()) {
      out += std::string(cell->prefix) + '.' + std::string(cell->key) + '=' +
             std::string(cell->value) + ' ';
    }
    return out;
  };
  CHECK(cells("Tcp: A B\nTcp: 1 -2\nUdp: C\nUdp: 3\n") == "Tcp.A=1 Tcp.B=-2 Udp.C=3 ");
  CHECK(cells("Tcp: A B\n").empty());
  CHECK(cells("Tcp: A B\nTcp: 1\n") == "Tcp.A=1 ");
  CHECK(cells("Tcp: A\nTcp: 1 2 3\n") == "Tcp.A=1 ");
  CHECK(cells("Tcp: A\nUdp: B\nUdp: 2") == "Udp.B=2 ");
  CHECK(cells("garbage\n:\n\nUdp: B\nUdp: 2\n") == "Udp.B=2 ");
  CHECK(cells("Udp: B\nUdpLite: 2\n").empty());
  CHECK(cells("").empty());
}

TEST_CASE("everything of a host without IPv6") {
  test::MadeHost host;
  host.write("proc/net/sockstat", kSockstat);
  host.write("proc/net/snmp", kSnmp);
  test::Bench bench(open_socket, host.roots());
  const auto shown = bench.sample();
  CHECK(shown.size() == 6 + 2 + 12);
  CHECK(shown.at(R"(volta_socket_memory_bytes{protocol="tcp"})") == 3 * 4096);
  CHECK(shown.at(R"(volta_sockets{protocol="tcp"})") == 5);
  CHECK(shown.at("volta_tcp_retransmits_total") == 60);
  CHECK(shown.at(R"(volta_tcp_resets_total{direction="sent"})") == 70);
  CHECK(bench.skipped() == 0);
  host.write("proc/net/snmp", "Tcp: InSegs\nTcp: many\n");
  CHECK(bench.sample().size() == 8);
  CHECK(bench.skipped() == 1);
  host.write("proc/net/sockstat",
             "sockets: used 18446744073709551615\nTCP: inuse -1 mem 9223372036854775807\n");
  host.write("proc/net/snmp", "Tcp: CurrEstab\nTcp: 18446744073709551615\n");
  CHECK(bench.sample().empty());
  CHECK(bench.skipped() == 1 + 8 + 1);
}

}  // namespace
}  // namespace volta
