#include "collect/network.hpp"

#include <map>
#include <string>

#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::array<MetricId, 8> kMetrics = {
    metrics::network_receive_bytes_total,   metrics::network_receive_packets_total,
    metrics::network_receive_errors_total,  metrics::network_receive_drops_total,
    metrics::network_transmit_bytes_total,  metrics::network_transmit_packets_total,
    metrics::network_transmit_errors_total, metrics::network_transmit_drops_total};
constexpr std::size_t kHeadLines = 2;

struct Interface {
  bool shown = false;
  std::array<Slot, 8> slots{};
  std::optional<KeptFile> state;
  std::optional<KeptFile> speed;
  std::optional<Slot> up_slot;
  std::optional<Slot> speed_slot;
};

class NetworkCollector final : public Collector {
 public:
  explicit NetworkCollector(const HostRoots& roots)
      : file_(roots.proc / "net/dev"), class_(roots.sys / "class/net") {}

  void sample(Tick& out) override {
    std::string_view rest = file_.read();
    for (std::size_t number = 0; const auto line = next_line(rest); ++number) {
      if (number < kHeadLines) continue;
      const auto parsed = parse_interface_line(*line);
      if (!parsed) {
        ++skipped_;
        continue;
      }
      auto found = interfaces_.find(parsed->name);
      if (found == interfaces_.end())
        found = interfaces_.emplace(parsed->name, make(out, parsed->name)).first;
      if (found->second.shown) emit(out, found->first, found->second, *parsed);
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  // Loopback carries nothing out of the machine; veth pairs come and go with containers, and what
  // they carry is on a real interface too.
  Interface make(Tick& out, std::string_view name) const {
    Interface interface;
    interface.shown = name != "lo" && !name.starts_with("veth");
    if (!interface.shown) return interface;
    for (std::size_t i = 0; i < kMetrics.size(); ++i) {
      interface.slots.at(i) = out.define(kMetrics.at(i), {{"interface", std::string(name)}});
    }
    if (name.find('/') == std::string_view::npos) {
      interface.state.emplace(class_ / name / "operstate");
      interface.speed.emplace(class_ / name / "speed");
    }
    return interface;
  }

  static void emit(Tick& out, const std::string& name, Interface& interface,
                   const InterfaceLine& line) {
    for (std::size_t i = 0; i < kMetrics.size(); ++i)
      out.set_unsigned(interface.slots.at(i), line.values.at(i));
    const auto state = interface.state ? interface.state->try_read() : std::nullopt;
    if (state) {
      if (!interface.up_slot)
        interface.up_slot = out.define(metrics::network_up, {{"interface", name}});
      // "unknown" is what drivers without link detection say while they work (tun, many virtual
      // ones).
      const std::string_view word = trim(*state);
      out.set(*interface.up_slot, word == "up" || word == "unknown" ? 1 : 0);
    }
    // Mbit/s; -1 or an error where there is no link or no such thing as a speed.
    const auto megabits = interface.speed ? interface.speed->try_integer() : std::nullopt;
    constexpr std::int64_t kMostMegabits = 100'000'000;
    if (!megabits) {
      interface.speed.reset();
    } else if (*megabits > 0 && *megabits < kMostMegabits) {
      if (!interface.speed_slot)
        interface.speed_slot =
            out.define(metrics::network_link_bytes_per_second, {{"interface", name}});
      out.set(*interface.speed_slot, *megabits * 125'000);
    }
  }

  KeptFile file_;
  std::filesystem::path class_;
  std::map<std::string, Interface, std::less<>> interfaces_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::optional<InterfaceLine> parse_interface_line(std::string_view line) {
  const auto colon = line.rfind(':');  // an alias has one in its name: eth0:1
  if (colon == std::string_view::npos) return std::nullopt;
  InterfaceLine out;
  out.name = trim(line.substr(0, colon));
  if (out.name.empty()) return std::nullopt;
  std::string_view rest = line.substr(colon + 1);
  // Columns: bytes packets errs drop fifo frame compressed multicast, then the same of what was
  // sent.
  for (std::size_t column = 0; column < 16; ++column) {
    const auto value = next_unsigned(rest);
    if (!value) return std::nullopt;
    if (column % 8 < 4) out.values.at(column / 8 * 4 + column % 8) = *value;
  }
  return out;
}

std::unique_ptr<Collector> open_network(const HostRoots& roots, const CollectOptions&) {
  KeptFile probe(roots.proc / "net/dev");
  if (!probe.try_read()) return nullptr;
  return std::make_unique<NetworkCollector>(roots);
}

}  // namespace volta
