#include "collect/filesystem.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "collect/host_files.hpp"
#include "collect/kept_file.hpp"
#include "collect/mounts.hpp"
#include "collect/slow_lane.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::chrono::seconds kStatfsPatience(5);
// Long enough for every healthy mount; a hung one may cost so much once, at the start.
constexpr std::chrono::milliseconds kFirstStatfsLook(250);
// Of a label. The volumes of a Kubernetes pod are mounted at 131 bytes and more.
constexpr std::size_t kLongestPath = 512;

struct Sizes {
  std::int64_t size = 0;
  std::int64_t used = 0;
  std::int64_t available = 0;
  std::int64_t inodes = 0;
  std::int64_t inodes_free = 0;
};

// Empty for a filesystem that has no size, or claims one beyond 2^63 bytes.
std::optional<Sizes> to_sizes(const struct statvfs& from) {
  Sizes sizes;
  const std::uint64_t block = from.f_frsize != 0 ? from.f_frsize : from.f_bsize;
  if (from.f_blocks == 0 || from.f_bfree > from.f_blocks ||
      __builtin_mul_overflow(from.f_blocks, block, &sizes.size) ||
      __builtin_mul_overflow(from.f_blocks - from.f_bfree, block, &sizes.used) ||
      __builtin_mul_overflow(from.f_bavail, block, &sizes.available)) {
    return std::nullopt;
  }
  sizes.inodes = static_cast<std::int64_t>(from.f_files & INT64_MAX);
  sizes.inodes_free = static_cast<std::int64_t>(from.f_ffree & INT64_MAX);
  return sizes;
}

// What the lane asks of one mount. Any thread.
class Question final : public SlowTask {
 public:
  Question(std::string path, StatvfsFunction ask) : path_(std::move(path)), ask_(std::move(ask)) {}

  void run() noexcept override {
    struct statvfs answer {};
    const bool answered = ask_(path_.c_str(), &answer) == 0;
    const std::lock_guard lock(mutex_);
    sizes_ = answered ? to_sizes(answer) : std::nullopt;
    fresh_ = true;
  }

  // What is new since the last call; empty if nothing is, or if it has no sizes.
  std::optional<Sizes> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(fresh_, false) ? sizes_ : std::nullopt;
  }

 private:
  const std::string path_;
  const StatvfsFunction ask_;
  std::mutex mutex_;
  std::optional<Sizes> sizes_;
  bool fresh_ = false;
};

struct Watched {
  Mount mount;
  std::shared_ptr<Question> question;  // null: sizes are not asked for
  bool defined = false;
  Slot size{}, used{}, available{}, inodes{}, inodes_free{}, readonly{}, stalled{};
};

class Filesystem final : public Collector {
 public:
  Filesystem(KeptFile mountinfo, HostRoots roots, bool network, const Clock& clock,
             StatvfsFunction ask)
      : mountinfo_(std::move(mountinfo)),
        roots_(std::move(roots)),
        network_(network),
        ask_(std::move(ask)),
        lane_(clock, kStatfsPatience) {
    refresh();
    ask_all();
    lane_.wait_idle(kFirstStatfsLook);
  }

  void sample(Tick& out) override {
    refresh();
    lane_.watch();
    for (Watched& watched : watched_) {
      if (!watched.defined) define(watched, out);
      out.set(watched.readonly, watched.mount.readonly ? 1 : 0);
      if (watched.question) show(watched, out);
    }
    ask_all();
  }

  [[nodiscard]] std::uint64_t skipped() const override { return malformed_; }

 private:
  // Reads the table anew if it has changed; what is still mounted keeps its question.
  void refresh() {
    const std::string_view text = mountinfo_.read();
    if (text_ == text) return;
    text_ = text;
    std::vector<Watched> next;
    for (Mount& mount : real_filesystems(*text_, network_, malformed_)) {
      const auto known = std::find_if(watched_.begin(), watched_.end(), [&](const Watched& old) {
        return old.mount.mountpoint == mount.mountpoint && old.mount.device == mount.device;
      });
      Watched watched;
      if (known != watched_.end()) {
        watched = std::move(*known);
      } else if (ask_) {
        std::string path = roots_.root.string();
        if (path.ends_with('/')) path.pop_back();
        watched.question = std::make_shared<Question>(path + mount.mountpoint, ask_);
      }
      watched.defined = watched.defined && watched.mount.fstype == mount.fstype;
      watched.mount = std::move(mount);
      next.push_back(std::move(watched));
    }
    watched_ = std::move(next);
  }

  void ask_all() {
    for (const Watched& watched : watched_) {
      if (watched.question) lane_.submit(watched.question);
    }
  }

  void define(Watched& watched, Tick& out) const {
    // What is longer or not UTF-8 is shown by its numbers. `mount` stays as the kernel says it: it
    // is known by that when the table changes.
    const Mount& mount = watched.mount;
    const bool has_point = is_label(mount.mountpoint, kLongestPath);
    const bool has_names = has_point && is_label(mount.device, kLongestPath);
    const std::string numbers = std::to_string(mount.major) + ":" + std::to_string(mount.minor);
    const Labels labels = {{"device", has_names ? mount.device : numbers},
                           {"fstype", mount.fstype},
                           {"mountpoint", has_point ? mount.mountpoint : "?"}};
    watched.readonly = out.define(metrics::filesystem_readonly, labels);
    watched.defined = true;
    if (!watched.question) return;
    watched.size = out.define(metrics::filesystem_size_bytes, labels);
    watched.used = out.define(metrics::filesystem_used_bytes, labels);
    watched.available = out.define(metrics::filesystem_available_bytes, labels);
    watched.inodes = out.define(metrics::filesystem_inodes, labels);
    watched.inodes_free = out.define(metrics::filesystem_inodes_free, labels);
    watched.stalled = out.define(metrics::filesystem_stalled, labels);
  }

  void show(Watched& watched, Tick& out) {
    out.set(watched.stalled, lane_.stuck(*watched.question) ? 1 : 0);
    const auto sizes = watched.question->take();
    if (!sizes) return;
    out.set(watched.size, sizes->size);
    out.set(watched.used, sizes->used);
    out.set(watched.available, sizes->available);
    if (sizes->inodes == 0) return;  // btrfs and vfat have no fixed number
    out.set(watched.inodes, sizes->inodes);
    out.set(watched.inodes_free, sizes->inodes_free);
  }

  KeptFile mountinfo_;
  const HostRoots roots_;
  const bool network_;
  const StatvfsFunction ask_;
  std::optional<std::string> text_;  // as it was read last
  std::vector<Watched> watched_;
  std::uint64_t malformed_ = 0;
  SlowLane lane_;
};

}  // namespace

std::unique_ptr<Collector> make_filesystem(const HostRoots& roots, const CollectOptions& options,
                                           const Clock& clock, StatvfsFunction ask) {
  // Where the roots are moved (a container that watches its host), process 1 sees the host's
  // mounts.
  for (const char* name : {"self/mountinfo", "1/mountinfo"}) {
    if (roots.recorded() && std::string_view(name) == "self/mountinfo" &&
        KeptFile(roots.proc / "1/mountinfo").try_read()) {
      continue;
    }
    KeptFile mountinfo(roots.proc / name);
    if (!mountinfo.try_read()) continue;
    return std::make_unique<Filesystem>(std::move(mountinfo), roots, options.network_filesystems,
                                        clock, std::move(ask));
  }
  return nullptr;
}

std::unique_ptr<Collector> open_filesystem(const HostRoots& roots, const CollectOptions& options) {
  StatvfsFunction ask;
  if (is_live(roots))
    ask = [](const char* path, struct statvfs* out) { return ::statvfs(path, out); };
  return make_filesystem(roots, options, system_clock(), std::move(ask));
}

}  // namespace volta
