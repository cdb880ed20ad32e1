#include "collect/tcp_states.hpp"

#include "collect/sources.hpp"
#include "readings.hpp"

namespace volta {
namespace {

const std::string kTable =
    "  sl  local_address rem_address   st tx_queue\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
    "   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000\n"
    "   2: 0100007F:1F91 0100007F:9998 01 00000000:00000000\n";

TEST_CASE("states are counted in pieces of any size") {
  for (std::size_t piece = 1; piece <= kTable.size(); ++piece) {
    TcpStateCounter counter;
    for (std::size_t at = 0; at < kTable.size(); at += piece)
      counter.feed(std::string_view(kTable).substr(at, piece));
    counter.finish();
    CHECK(counter.counts()[10] == 1);
    CHECK(counter.counts()[1] == 2);
    CHECK(counter.malformed() == 0);
  }
}

TEST_CASE("malformed lines are counted, and an endless one is bounded") {
  TcpStateCounter counter;
  counter.feed("   0: a b 0D x\n   1: a b 00\n  2: a b zz\n 3: a\n\n no colon a 01\n");
  for (int i = 0; i < 1000; ++i) counter.feed(std::string(1000, 'x'));
  counter.finish();
  CHECK(counter.malformed() == 6);
}

TEST_CASE("both tables are added up; states without sockets are 0") {
  test::MadeHost host;
  CHECK_FALSE(test::Bench(open_tcp_states, host.roots()).found());
  host.write("proc/net/tcp", kTable);
  test::Bench bench(open_tcp_states, host.roots());
  CHECK(bench.sample().at(R"(volta_tcp_connections{state="established"})") == 2);
  host.write("proc/net/tcp6", kTable);
  const auto shown = bench.sample();
  CHECK(shown.size() == 12);
  CHECK(shown.at(R"(volta_tcp_connections{state="listen"})") == 2);
  CHECK(shown.at(R"(volta_tcp_connections{state="closing"})") == 0);
}

}  // namespace
}  // namespace volta
