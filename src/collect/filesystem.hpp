// Mounted filesystems. statvfs of a mount whose server is gone hangs for ever, so that a slow lane
// asks; sample() only copies what the lane last learned (one period ago).
#pragma once

#include <functional>
#include <memory>

#include <sys/statvfs.h>

#include "base/clock.hpp"
#include "collect/collector.hpp"

namespace volta {

// Like statvfs(2): 0, or -1. Called on workers of the lane, which may outlive the collector.
using StatvfsFunction = std::function<int(const char* path, struct statvfs* out)>;

// `ask` false: sizes are not asked for (a recorded host), only what mountinfo itself says is shown.
// Null if there is no mountinfo. `clock` must outlive the collector.
std::unique_ptr<Collector> make_filesystem(const HostRoots& roots, const CollectOptions& options,
                                           const Clock& clock, StatvfsFunction ask);

}  // namespace volta
