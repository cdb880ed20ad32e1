#include "collect/network.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

struct Column {
  std::size_t index;
  MetricId metric;
};
constexpr std::array<Column, 14> kColumns = {{
    {0, metrics::network_receive_bytes_total},
    {1, metrics::network_receive_packets_total},
    {2, metrics::network_receive_errors_total},
    {3, metrics::network_receive_drops_total},
    {4, metrics::network_receive_overruns_total},
    {5, metrics::network_receive_frame_errors_total},
    {7, metrics::network_receive_multicast_total},
    {8, metrics::network_transmit_bytes_total},
    {9, metrics::network_transmit_packets_total},
    {10, metrics::network_transmit_errors_total},
    {11, metrics::network_transmit_drops_total},
    {12, metrics::network_transmit_overruns_total},
    {13, metrics::network_transmit_collisions_total},
    {14, metrics::network_transmit_carrier_errors_total},
}};
constexpr std::size_t kHeadLines = 2;
// Containers bring interfaces and take them away. When there are this many, those that are gone are
// forgotten.
constexpr std::size_t kMostInterfaces = 1024;
// Reading the speed takes the kernel's network lock and asks the driver, so it is done when the
// state changes and now and then.
constexpr std::chrono::seconds kSpeedAgain{30};

// Loopback carries nothing out of the machine; the ends of pairs come and go with containers, and
// what they carry is on a real interface too: veth of Docker and most others, cali of Calico, lxc
// of Cilium, eni of Amazon's and azv of Azure's plugin.
bool is_inside(std::string_view name) {
  constexpr std::string_view kEnds[] = {"veth", "cali", "lxc", "eni", "azv"};
  return name == "lo" || std::any_of(std::begin(kEnds), std::end(kEnds),
                                     [&](std::string_view end) { return name.starts_with(end); });
}

struct Interface {
  std::array<Slot, kColumns.size()> slots{};
  std::optional<KeptFile> state;
  std::optional<KeptFile> speed;
  std::optional<Slot> up_slot;
  std::optional<Slot> speed_slot;
  bool up = false;
  std::optional<std::chrono::nanoseconds> speed_read_at;
  std::int64_t bytes_per_second = 0;  // 0: not known
  std::uint64_t seen = 0;             // in this sample
};

class NetworkCollector final : public Collector {
 public:
  explicit NetworkCollector(const HostRoots& roots)
      : file_(roots.proc / "net/dev"), class_(roots.sys / "class/net") {}

  void sample(Tick& out) override {
    std::string_view rest = file_.read();
    ++samples_;
    for (std::size_t number = 0; const auto line = next_line(rest); ++number) {
      if (number < kHeadLines) continue;
      const auto parsed = parse_interface_line(*line);
      if (!parsed) {
        ++skipped_;
        continue;
      }
      if (is_inside(parsed->name)) continue;
      auto found = interfaces_.find(parsed->name);
      if (found == interfaces_.end()) {
        forget_gone();
        if (interfaces_.size() >= kMostInterfaces) {
          ++skipped_;
          continue;
        }
        found = interfaces_.emplace(parsed->name, make(out, parsed->name)).first;
      }
      found->second.seen = samples_;
      emit(out, found->first, found->second, *parsed);
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  void forget_gone() {
    if (interfaces_.size() < kMostInterfaces || forgot_at_ == samples_) return;
    forgot_at_ = samples_;
    std::erase_if(interfaces_,
                  [&](const auto& interface) { return interface.second.seen + 1 < samples_; });
  }

  Interface make(Tick& out, std::string_view name) const {
    Interface interface;
    for (std::size_t i = 0; i < kColumns.size(); ++i)
      interface.slots.at(i) = out.define(kColumns.at(i).metric, {{"interface", std::string(name)}});
    if (name.find('/') == std::string_view::npos) {
      interface.state.emplace(class_ / name / "operstate");
      interface.speed.emplace(class_ / name / "speed");
    }
    return interface;
  }

  void emit(Tick& out, const std::string& name, Interface& interface, const InterfaceLine& line) {
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      if (const auto value = line.values.at(kColumns.at(i).index)) {
        out.set_unsigned(interface.slots.at(i), *value);
      } else {
        ++skipped_;
      }
    }
    const bool was_up = interface.up;
    const auto state = interface.state ? interface.state->try_read() : std::nullopt;
    if (state) {
      if (!interface.up_slot)
        interface.up_slot = out.define(metrics::network_up, {{"interface", name}});
      // "unknown" is what drivers without link detection say while they work (tun, many virtual
      // ones).
      const std::string_view word = trim(*state);
      interface.up = word == "up" || word == "unknown";
      out.set(*interface.up_slot, interface.up ? 1 : 0);
    }
    const auto& last = interface.speed_read_at;
    if (!last || was_up != interface.up || out.boottime() - *last >= kSpeedAgain) {
      interface.speed_read_at = out.boottime();
      read_speed(interface);
    }
    if (interface.bytes_per_second == 0) return;
    if (!interface.speed_slot)
      interface.speed_slot =
          out.define(metrics::network_link_bytes_per_second, {{"interface", name}});
    out.set(*interface.speed_slot, interface.bytes_per_second);
  }

  // Mbit/s; -1 or an error where there is no link, or no such thing as a speed.
  void read_speed(Interface& interface) {
    constexpr std::int64_t kMostMegabits = 100'000'000;
    const auto text = interface.speed ? interface.speed->try_read() : std::nullopt;
    const auto megabits = parse_integer<std::int64_t>(trim(text.value_or("")));
    if (text && !megabits) ++skipped_;
    const bool known = megabits && *megabits > 0 && *megabits < kMostMegabits;
    interface.bytes_per_second = known ? *megabits * 125'000 : 0;
  }

  KeptFile file_;
  std::filesystem::path class_;
  std::map<std::string, Interface, std::less<>> interfaces_;
  std::uint64_t samples_ = 0;
  std::uint64_t forgot_at_ = 0;  // the sample in which those that are gone were last forgotten
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
  if (next_counts(rest, out.values) < out.values.size()) return std::nullopt;
  return out;
}

std::unique_ptr<Collector> open_network(const HostRoots& roots, const CollectOptions&) {
  KeptFile probe(roots.proc / "net/dev");
  if (!probe.try_read()) return nullptr;
  return std::make_unique<NetworkCollector>(roots);
}

}  // namespace volta
