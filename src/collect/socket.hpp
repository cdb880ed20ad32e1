// /proc/net/sockstat, sockstat6 and snmp: sockets in use, TCP and UDP counters.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

// The number after `key` on the line that begins with "PREFIX:", as "TCP: inuse 5 orphan 0 ...".
std::optional<std::uint64_t> find_socket_count(std::string_view text, std::string_view prefix,
                                               std::string_view key);

// snmp has pairs of lines, "Tcp: Name Name ..." and "Tcp: 1 2 ...": the number of the column called
// `key`. A negative number (MaxConn) is empty.
std::optional<std::uint64_t> find_snmp_counter(std::string_view text, std::string_view prefix,
                                               std::string_view key);

}  // namespace volta
