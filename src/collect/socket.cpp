#include "collect/socket.hpp"

#include <array>

#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

struct SocketCount {
  bool six;  // sockstat6
  std::string_view prefix, key, protocol;
};
constexpr std::array<SocketCount, 8> kSocketCounts = {{{false, "sockets", "used", "all"},
                                                       {false, "TCP", "inuse", "tcp"},
                                                       {false, "TCP", "orphan", "tcp_orphan"},
                                                       {false, "TCP", "tw", "tcp_time_wait"},
                                                       {false, "UDP", "inuse", "udp"},
                                                       {false, "RAW", "inuse", "raw"},
                                                       {true, "TCP6", "inuse", "tcp6"},
                                                       {true, "UDP6", "inuse", "udp6"}}};

// Memory of the TCP and UDP buffers is counted in pages, that of fragments in bytes.
struct SocketMemory {
  std::string_view prefix, key, protocol;
  std::uint64_t factor;
};
constexpr std::uint64_t kPage = 4096;  // of x86-64, the one architecture that volta is built for
constexpr std::array<SocketMemory, 3> kSocketMemory = {{{"TCP", "mem", "tcp", kPage},
                                                        {"UDP", "mem", "udp", kPage},
                                                        {"FRAG", "memory", "fragments", 1}}};

struct SnmpCounter {
  std::string_view prefix, key;
  MetricId metric;
  std::string_view direction;
};
constexpr std::array<SnmpCounter, 22> kSnmpCounters = {{
    {"Ip", "InReceives", metrics::ip_packets_total, "received"},
    {"Ip", "OutRequests", metrics::ip_packets_total, "sent"},
    {"Ip", "ForwDatagrams", metrics::ip_packets_total, "forwarded"},
    {"Ip", "InDiscards", metrics::ip_drops_total, "received"},
    {"Ip", "OutDiscards", metrics::ip_drops_total, "sent"},
    {"Icmp", "InMsgs", metrics::icmp_messages_total, "received"},
    {"Icmp", "OutMsgs", metrics::icmp_messages_total, "sent"},
    {"Tcp", "InSegs", metrics::tcp_segments_received_total, ""},
    {"Tcp", "OutSegs", metrics::tcp_segments_sent_total, ""},
    {"Tcp", "RetransSegs", metrics::tcp_retransmits_total, ""},
    {"Tcp", "EstabResets", metrics::tcp_resets_total, "received"},
    {"Tcp", "OutRsts", metrics::tcp_resets_total, "sent"},
    {"Tcp", "ActiveOpens", metrics::tcp_opens_total, "active"},
    {"Tcp", "PassiveOpens", metrics::tcp_opens_total, "passive"},
    {"Tcp", "AttemptFails", metrics::tcp_failed_opens_total, ""},
    {"Tcp", "CurrEstab", metrics::tcp_established, ""},
    {"Tcp", "InErrs", metrics::tcp_receive_errors_total, ""},
    {"Udp", "InDatagrams", metrics::udp_datagrams_total, "received"},
    {"Udp", "OutDatagrams", metrics::udp_datagrams_total, "sent"},
    {"Udp", "InErrors", metrics::udp_errors_total, "received"},
    {"Udp", "SndbufErrors", metrics::udp_errors_total, "sent"},
    {"Udp", "NoPorts", metrics::udp_unwanted_total, ""},
}};

// Text after "PREFIX: " on the next line that begins so; `rest` then begins with the line after it.
std::optional<std::string_view> next_of(std::string_view& rest, std::string_view prefix) {
  while (const auto line = next_line(rest)) {
    if (line->size() > prefix.size() && line->starts_with(prefix) &&
        (*line)[prefix.size()] == ':') {
      return line->substr(prefix.size() + 1);
    }
  }
  return std::nullopt;
}

class SocketCollector final : public Collector {
 public:
  explicit SocketCollector(const HostRoots& roots)
      : sockstat_(roots.proc / "net/sockstat"),
        sockstat6_(roots.proc / "net/sockstat6"),
        snmp_(roots.proc / "net/snmp") {}

  void sample(Tick& out) override {
    const std::string_view four = sockstat_.read();
    const std::string_view six = sockstat6_.try_read().value_or("");  // absent where IPv6 is off
    for (std::size_t i = 0; i < kSocketCounts.size(); ++i) {
      const SocketCount& count = kSocketCounts.at(i);
      const std::string_view shown =
          find_socket_value(count.six ? six : four, count.prefix, count.key);
      const auto value = read(socket_slots_.at(i), shown, 1);
      emit(out, socket_slots_.at(i), metrics::sockets, "protocol", count.protocol, value);
    }
    for (std::size_t i = 0; i < kSocketMemory.size(); ++i) {
      const SocketMemory& memory = kSocketMemory.at(i);
      const std::string_view shown = find_socket_value(four, memory.prefix, memory.key);
      const auto value = read(memory_slots_.at(i), shown, memory.factor);
      emit(out, memory_slots_.at(i), metrics::socket_memory_bytes, "protocol", memory.protocol,
           value);
    }
    SnmpRows rows(snmp_.read());
    while (const auto cell = rows.next()) take_snmp(out, *cell);
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  void take_snmp(Tick& out, const SnmpRows::Cell& cell) {
    for (std::size_t i = 0; i < kSnmpCounters.size(); ++i) {
      const SnmpCounter& counter = kSnmpCounters.at(i);
      if (counter.key != cell.key || counter.prefix != cell.prefix) continue;
      const auto value = to_count(cell.value);
      if (!value) ++skipped_;
      emit(out, snmp_slots_.at(i), counter.metric, "direction", counter.direction, value);
      return;
    }
  }
  // What is no number counts as skipped, and what was there before and now is not.
  std::optional<std::uint64_t> read(const std::optional<Slot>& slot, std::string_view shown,
                                    std::uint64_t factor) {
    const auto value = in_unit(to_count(shown), factor);
    if (!value && (slot || !shown.empty())) ++skipped_;
    return value;
  }
  static void emit(Tick& out, std::optional<Slot>& slot, MetricId metric, const char* key,
                   std::string_view label, std::optional<std::uint64_t> value) {
    if (!value) return;
    if (!slot) slot = out.define(metric, {{key, std::string(label)}});
    out.set_unsigned(*slot, *value);
  }

  KeptFile sockstat_;
  KeptFile sockstat6_;
  KeptFile snmp_;
  std::array<std::optional<Slot>, kSocketCounts.size()> socket_slots_;
  std::array<std::optional<Slot>, kSocketMemory.size()> memory_slots_;
  std::array<std::optional<Slot>, kSnmpCounters.size()> snmp_slots_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::string_view find_socket_value(std::string_view text, std::string_view prefix,
                                   std::string_view key) {
  auto rest = next_of(text, prefix);
  while (rest) {
    const std::string_view word = next_field(*rest);
    const std::string_view value = next_field(*rest);
    if (word.empty() || word == key) return value;
  }
  return "";
}

std::optional<SnmpRows::Cell> SnmpRows::next() {
  while (true) {
    const std::string_view key = next_field(keys_);
    const std::string_view value = next_field(values_);
    if (!key.empty() && !value.empty()) return Cell{prefix_, key, value};
    if (!next_pair()) return std::nullopt;
  }
}

bool SnmpRows::next_pair() {
  auto keys = next_line(rest_);
  while (keys) {
    const std::string_view prefix = keys->substr(0, keys->find(':'));
    const auto values = next_line(rest_);
    if (!values) return false;
    const bool pair = prefix.size() < keys->size() && values->size() > prefix.size() &&
                      values->starts_with(prefix) && (*values)[prefix.size()] == ':';
    if (pair) {
      prefix_ = prefix;
      keys_ = keys->substr(prefix.size() + 1);
      values_ = values->substr(prefix.size() + 1);
      return true;
    }
    keys = values;  // one line too many: begin anew with the second
  }
  return false;
}

std::unique_ptr<Collector> open_socket(const HostRoots& roots, const CollectOptions&) {
  KeptFile sockstat(roots.proc / "net/sockstat");
  KeptFile snmp(roots.proc / "net/snmp");
  if (!sockstat.try_read() || !snmp.try_read()) return nullptr;
  return std::make_unique<SocketCollector>(roots);
}

}  // namespace volta
