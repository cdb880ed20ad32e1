// What tests of collectors share: one collector on a recorded or made-up host, its readings by
// series text.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "collect/collector.hpp"
#include "collect/recorded_host.hpp"
#include "support/temp_dir.hpp"

namespace volta::test {

// A host whose files a test writes: "proc/stat", "sys/block/...".
struct MadeHost {
  TempDir dir;
  [[nodiscard]] HostRoots roots() const {
    return {dir.path() / "proc", dir.path() / "sys", dir.path() / "root"};
  }
  void write(const std::string& name, std::string_view content) const { dir.write(name, content); }
};

class Bench {
 public:
  using Open = std::unique_ptr<Collector> (*)(const HostRoots&, const CollectOptions&);
  Bench(Open open, const HostRoots& roots, const CollectOptions& options = {})
      : collector_(open(roots, options)) {}

  [[nodiscard]] bool found() const { return collector_ != nullptr; }
  [[nodiscard]] std::uint64_t skipped() const { return collector_->skipped(); }
  [[nodiscard]] const Tick& tick() const { return tick_; }

  // The readings of one sample: raw values by `name{labels}`.
  std::map<std::string, std::int64_t> sample() {
    tick_.begin(0, {});
    collector_->sample(tick_);
    std::map<std::string, std::int64_t> out;
    for (const Reading& reading : tick_.readings()) {
      const SeriesDef& series = layout_.series()[reading.slot];
      out[series.name + label_text(series.labels)] = static_cast<std::int64_t>(reading.raw);
    }
    return out;
  }

 private:
  Layout layout_;
  Tick tick_{layout_};
  std::unique_ptr<Collector> collector_;
};

}  // namespace volta::test
