#include "collect/self.hpp"

#include <ctime>

#include <sys/resource.h>
#include <unistd.h>

#include "base/text.hpp"
#include "collect/host_files.hpp"
#include "collect/kept_file.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

class Self final : public Collector {
 public:
  explicit Self(const HostRoots& roots)
      : statm_(roots.proc / "self/statm"), page_bytes_(::sysconf(_SC_PAGESIZE)) {}

  void sample(Tick& out) override {
    if (!defined_) {
      cpu_ = out.define(metrics::self_cpu_seconds_total, {});
      resident_ = out.define(metrics::self_resident_bytes, {});
      wakeups_ = out.define(metrics::self_wakeups_total, {});
      defined_ = true;
    }
    const std::uint64_t cpu_us = self_cpu_us();
    out.load().self_cpu_us = cpu_us;
    out.set(cpu_, static_cast<std::int64_t>(cpu_us));
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);  // cannot fail for RUSAGE_SELF
    out.set(wakeups_, usage.ru_nvcsw);
    std::string_view statm = statm_.read();
    next_field(statm);  // size
    const auto pages = parse_integer<std::int64_t>(next_field(statm));
    std::int64_t bytes = 0;
    if (pages && *pages >= 0 && !__builtin_mul_overflow(*pages, page_bytes_, &bytes)) {
      out.set(resident_, bytes);
    } else {
      ++skipped_;
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  KeptFile statm_;
  const std::int64_t page_bytes_;
  bool defined_ = false;
  Slot cpu_{}, resident_{}, wakeups_{};
  std::uint64_t skipped_ = 0;
};

}  // namespace

std::uint64_t self_cpu_us() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);  // cannot fail for this id
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec) / 1'000;
}

void fill_self_load(const HostRoots& roots, Tick& out) {
  if (!roots.recorded() || is_live(roots)) out.load().self_cpu_us = self_cpu_us();
}

std::unique_ptr<Collector> open_self(const HostRoots& roots, const CollectOptions& /*options*/) {
  if (!is_live(roots)) return nullptr;
  return std::make_unique<Self>(roots);
}

}  // namespace volta
