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
  CHECK(find_socket_count(kSockstat, "TCP", "tw") == 2);
  CHECK(find_socket_count(kSockstat, "sockets", "used") == 100);
  CHECK_FALSE(find_socket_count(kSockstat, "TCP", "none"));
  CHECK_FALSE(find_socket_count(kSockstat, "TC", "inuse"));
  CHECK_FALSE(find_socket_count("TCP: inuse x\n", "TCP", "inuse"));
  CHECK_FALSE(find_socket_count("", "TCP", "inuse"));
}

TEST_CASE("counters by the name above them") {
  CHECK(find_snmp_counter(kSnmp, "Tcp", "RetransSegs") == 60);
  CHECK(find_snmp_counter(kSnmp, "Udp", "InDatagrams") == 1);
  CHECK_FALSE(find_snmp_counter(kSnmp, "Tcp", "MaxConn"));
  CHECK_FALSE(find_snmp_counter("Tcp: A B\n", "Tcp", "A"));
  CHECK_FALSE(find_snmp_counter("Tcp: A B\nTcp: 1\n", "Tcp", "B"));
}

TEST_CASE("everything of a host without IPv6") {
  test::MadeHost host;
  host.write("proc/net/sockstat", kSockstat);
  host.write("proc/net/snmp", kSnmp);
  test::Bench bench(open_socket, host.roots());
  const auto shown = bench.sample();
  CHECK(shown.size() == 6 + 11);
  CHECK(shown.at(R"(volta_sockets{protocol="tcp"})") == 5);
  CHECK(shown.at("volta_tcp_retransmits_total") == 60);
  CHECK(shown.at(R"(volta_tcp_resets_total{direction="sent"})") == 70);
  CHECK(bench.skipped() == 0);
  host.write("proc/net/snmp", "Tcp: InSegs\nTcp: many\n");
  CHECK(bench.sample().size() == 6);
  CHECK(bench.skipped() == 11);
}

}  // namespace
}  // namespace volta
