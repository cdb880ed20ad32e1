// /proc/net/sockstat, sockstat6 and snmp: sockets in use, and what TCP, UDP and IP counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace volta {

// From a line "TCP: inuse 5 orphan 0 ...": what stands after `key` on the line of `prefix`; "" if
// it is not there.
std::string_view find_socket_value(std::string_view text, std::string_view prefix,
                                   std::string_view key);

// Walks net/snmp, where each line of names "Tcp: A B" is followed by one of values "Tcp: 1 2".
// Lines without a partner, and names without a value, are passed over.
class SnmpRows {
 public:
  struct Cell {
    std::string_view prefix, key, value;
  };
  // `text` must live longer.
  explicit SnmpRows(std::string_view text) : rest_(text) {}
  // The next name and value; empty at the end.
  std::optional<Cell> next();

 private:
  bool next_pair();

  std::string_view rest_;
  std::string_view prefix_, keys_, values_;
};

}  // namespace volta
