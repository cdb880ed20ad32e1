// Hosts whose samples anybody can make anew from a number: the same go to volta as an agent's
// batches and to its peers by remote write. Not random data: counters of CPUs that add up, gauges
// of whole pages, and two thirds of the series stand still, as on a recorded node.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/sample_sink.hpp"
#include "model/tick.hpp"

namespace volta::bench {

// node: as above. cpu: nothing but node_cpu_seconds_total. ten: bench_ten{n="0"} and so on, gauges
// that never stand still. noise: 64 random bits a sample, which nothing compresses.
enum class Profile : std::uint8_t { node, cpu, ten, noise };
Profile profile_of(std::string_view text);  // ends the program where it is none

class SyntheticHost {
 public:
  SyntheticHost(Profile profile, std::uint32_t number, std::uint32_t series);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<SeriesDef>& layout() const { return layout_; }
  // The next tick's values, a reading per series in the order of the layout. They live until the
  // next call.
  std::span<const Reading> tick();
  // A series as others see it, `host` among the labels; sorted.
  [[nodiscard]] std::vector<std::shared_ptr<const Labels>> labels() const;

 private:
  // How a series moves; a CPU's eight modes move together.
  enum class Motion : std::uint8_t { cpu, still, pages, bytes, slow, load, wave, noise };

  void add_cpu(std::uint32_t cpu);
  void add(Motion motion, SeriesDef series, std::uint64_t first);
  void move_cpu(std::size_t first);
  std::uint64_t moved(Motion motion, std::uint64_t value);
  std::uint64_t random();
  std::uint64_t below(std::uint64_t bound) { return random() % bound; }

  std::string name_;
  std::uint64_t state_;
  std::vector<SeriesDef> layout_;
  std::vector<Motion> motions_;
  std::vector<Reading> readings_;
};

}  // namespace volta::bench
