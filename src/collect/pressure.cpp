#include "collect/pressure.hpp"

#include <array>
#include <vector>

#include "collect/kept_file.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

struct Resource {
  std::string_view name;
  KeptFile file;
  std::optional<Slot> some;
  std::optional<Slot> full;
};

class PressureCollector final : public Collector {
 public:
  explicit PressureCollector(std::vector<Resource> resources) : resources_(std::move(resources)) {}

  void sample(Tick& out) override {
    for (Resource& resource : resources_) {
      const Pressure pressure = parse_pressure(resource.file.read());
      const bool none = !pressure.some_us && !pressure.full_us && pressure.malformed == 0;
      skipped_ += none ? 1 : pressure.malformed;
      emit(out, resource, resource.some, "some", pressure.some_us);
      // CPU as a whole machine is never stalled in full: the kernel keeps the line at 0.
      if (resource.name != "cpu") emit(out, resource, resource.full, "full", pressure.full_us);
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  static void emit(Tick& out, const Resource& resource, std::optional<Slot>& slot, const char* kind,
                   std::optional<std::uint64_t> total_us) {
    if (!total_us) return;
    if (!slot)
      slot = out.define(metrics::pressure_seconds_total,
                        {{"resource", std::string(resource.name)}, {"kind", kind}});
    out.set_unsigned(*slot, *total_us);
  }

  std::vector<Resource> resources_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

Pressure parse_pressure(std::string_view text) {
  Pressure out;
  while (const auto line = next_line(text)) {
    std::string_view rest = *line;
    const std::string_view kind = next_field(rest);
    if (kind != "some" && kind != "full") continue;
    constexpr std::string_view kTotal = "total=";
    const auto total = rest.find(kTotal);
    auto& value = kind == "some" ? out.some_us : out.full_us;
    if (total != std::string_view::npos) value = to_count(trim(rest.substr(total + kTotal.size())));
    if (!value) ++out.malformed;
  }
  return out;
}

std::unique_ptr<Collector> open_pressure(const HostRoots& roots, const CollectOptions&) {
  std::vector<Resource> resources;
  for (const std::string_view name : {"cpu", "memory", "io", "irq"}) {
    KeptFile file(roots.proc / "pressure" / name);
    // Missing before 4.20, unreadable where the kernel was started with psi=0.
    if (file.try_read()) resources.push_back({name, std::move(file), std::nullopt, std::nullopt});
  }
  if (resources.empty()) return nullptr;
  return std::make_unique<PressureCollector>(std::move(resources));
}

}  // namespace volta
