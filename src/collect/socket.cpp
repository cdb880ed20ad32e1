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

struct SnmpCounter {
  std::string_view prefix, key;
  MetricId metric;
  std::string_view direction;
};
constexpr std::array<SnmpCounter, 11> kSnmpCounters = {{
    {"Tcp", "InSegs", metrics::tcp_segments_received_total, ""},
    {"Tcp", "OutSegs", metrics::tcp_segments_sent_total, ""},
    {"Tcp", "RetransSegs", metrics::tcp_retransmits_total, ""},
    {"Tcp", "EstabResets", metrics::tcp_resets_total, "received"},
    {"Tcp", "OutRsts", metrics::tcp_resets_total, "sent"},
    {"Tcp", "ActiveOpens", metrics::tcp_opens_total, "active"},
    {"Tcp", "PassiveOpens", metrics::tcp_opens_total, "passive"},
    {"Udp", "InDatagrams", metrics::udp_datagrams_total, "received"},
    {"Udp", "OutDatagrams", metrics::udp_datagrams_total, "sent"},
    {"Udp", "InErrors", metrics::udp_errors_total, "received"},
    {"Udp", "SndbufErrors", metrics::udp_errors_total, "sent"},
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
      emit(out, socket_slots_.at(i), metrics::sockets, "protocol", count.protocol,
           find_socket_count(count.six ? six : four, count.prefix, count.key));
    }
    const std::string_view snmp = snmp_.read();
    for (std::size_t i = 0; i < kSnmpCounters.size(); ++i) {
      const SnmpCounter& counter = kSnmpCounters.at(i);
      const auto value = find_snmp_counter(snmp, counter.prefix, counter.key);
      if (!value) ++skipped_;
      emit(out, snmp_slots_.at(i), counter.metric, "direction", counter.direction, value);
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
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
  std::array<std::optional<Slot>, kSnmpCounters.size()> snmp_slots_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::optional<std::uint64_t> find_socket_count(std::string_view text, std::string_view prefix,
                                               std::string_view key) {
  auto rest = next_of(text, prefix);
  while (rest) {
    const std::string_view word = next_field(*rest);
    if (word.empty()) return std::nullopt;
    const auto value = next_unsigned(*rest);
    if (word == key) return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> find_snmp_counter(std::string_view text, std::string_view prefix,
                                               std::string_view key) {
  auto names = next_of(text, prefix);
  auto numbers = next_of(text, prefix);
  while (names && numbers) {
    const std::string_view name = next_field(*names);
    if (name.empty()) return std::nullopt;
    const auto value = next_unsigned(*numbers);
    if (name == key) return value;
  }
  return std::nullopt;
}

std::unique_ptr<Collector> open_socket(const HostRoots& roots, const CollectOptions&) {
  KeptFile sockstat(roots.proc / "net/sockstat");
  KeptFile snmp(roots.proc / "net/snmp");
  if (!sockstat.try_read() || !snmp.try_read()) return nullptr;
  return std::make_unique<SocketCollector>(roots);
}

}  // namespace volta
