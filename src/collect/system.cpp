// Uptime, boot time and the number of processes.
#include "collect/system.hpp"

#include <cctype>
#include <memory>

#include <dirent.h>

#include "base/text.hpp"
#include "collect/collector.hpp"
#include "collect/kept_file.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

class System final : public Collector {
 public:
  explicit System(const HostRoots& roots)
      : uptime_(roots.proc / "uptime"),
        stat_(roots.proc / "stat"),
        proc_(::opendir(roots.proc.c_str())) {}

  void sample(Tick& out) override {
    if (!defined_) {
      uptime_slot_ = out.define(metrics::uptime_seconds, {});
      boot_slot_ = out.define(metrics::boot_time_seconds, {});
      processes_slot_ = out.define(metrics::processes, {});
      defined_ = true;
    }
    set(out, uptime_slot_, parse_uptime(uptime_.read()));
    set(out, boot_slot_, parse_boot_time(stat_.read()));
    if (proc_) out.set(processes_slot_, count_processes());
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  void set(Tick& out, Slot slot, std::optional<std::int64_t> value) {
    if (value) {
      out.set(slot, *value);
    } else {
      ++skipped_;
    }
  }

  std::int64_t count_processes() {
    std::int64_t count = 0;
    ::rewinddir(proc_.get());
    while (const dirent* entry = ::readdir(proc_.get())) {  // NOLINT(concurrency-mt-unsafe): own
      if (parse_integer<std::uint32_t>(&entry->d_name[0])) ++count;
    }
    return count;
  }

  KeptFile uptime_;
  KeptFile stat_;
  std::unique_ptr<DIR, CloseFolder> proc_;
  bool defined_ = false;
  Slot uptime_slot_{}, boot_slot_{}, processes_slot_{};
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::optional<std::int64_t> parse_uptime(std::string_view text) {
  const std::string_view field = next_field(text);
  const auto dot = field.find('.');
  const auto seconds = parse_integer<std::int64_t>(field.substr(0, dot));
  constexpr std::int64_t kMost = INT64_MAX / 200;
  if (!seconds || *seconds < 0 || *seconds > kMost) return std::nullopt;
  if (dot == std::string_view::npos) return *seconds * 100;
  const std::string_view fraction = field.substr(dot + 1);
  const auto hundredths = parse_integer<std::uint32_t>(trim(fraction));
  if (!hundredths || trim(fraction).size() != 2) return std::nullopt;
  return *seconds * 100 + *hundredths;
}

std::optional<std::int64_t> parse_boot_time(std::string_view text) {
  while (auto line = next_line(text)) {
    if (next_field(*line) != "btime") continue;
    const auto seconds = parse_integer<std::int64_t>(trim(*line));
    return seconds && *seconds >= 0 ? seconds : std::nullopt;
  }
  return std::nullopt;
}

std::unique_ptr<Collector> open_system(const HostRoots& roots, const CollectOptions& /*options*/) {
  KeptFile uptime(roots.proc / "uptime");
  if (!uptime.try_read()) return nullptr;
  return std::make_unique<System>(roots);
}

}  // namespace volta
