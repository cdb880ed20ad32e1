#include "synthetic_host.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace volta::bench {
namespace {

constexpr std::array<const char*, 8> kModes = {"idle",    "iowait", "irq",    "nice",
                                               "softirq", "steal",  "system", "user"};
constexpr std::uint32_t kCpus = 2;

SeriesDef series_of(std::string name, Labels labels, Kind kind, std::int8_t scale) {
  SeriesDef def;
  def.name = std::move(name);
  def.labels = std::move(labels);
  def.kind = kind;
  def.type = kind == Kind::counter ? ValueType::uint64 : ValueType::int64;
  def.scale = scale;
  return def;
}

}  // namespace

Profile profile_of(std::string_view text) {
  if (text == "node") return Profile::node;
  if (text == "cpu") return Profile::cpu;
  if (text == "ten") return Profile::ten;
  if (text == "noise") return Profile::noise;
  std::fprintf(stderr, "store_load: there is no profile %s\n", std::string(text).c_str());
  std::exit(2);
}

SyntheticHost::SyntheticHost(Profile profile, std::uint32_t number, std::uint32_t series)
    : state_(0x9e37'79b9'7f4a'7c15ULL * (number + 1)) {
  name_ = std::to_string(number);
  name_ = "bench-" + std::string(4 - std::min<std::size_t>(4, name_.size()), '0') + name_;
  if (profile == Profile::node || profile == Profile::cpu) {
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) add_cpu(cpu);
  }
  for (auto i = static_cast<std::uint32_t>(layout_.size()); i < series; ++i) {
    const std::string family = std::to_string(i / 8);
    Labels labels{{"device", "d" + std::to_string(i % 8)}};
    if (profile == Profile::cpu) {
      labels = {{"cpu", std::to_string(i / 8)}, {"mode", kModes.at(i % 8)}};
      add(Motion::slow, series_of("node_cpu_seconds_total", labels, Kind::counter, 2), below(1000));
    } else if (profile == Profile::ten) {
      labels = {{"n", std::to_string(i)}};
      add(Motion::wave, series_of("bench_ten", labels, Kind::gauge, 1), 200 + below(300));
    } else if (profile == Profile::noise) {
      add(Motion::noise, series_of("bench_noise_" + family, labels, Kind::gauge, 0), random());
    } else if (i % 25 < 16) {  // 64 of 100, as recorded
      add(Motion::still, series_of("node_still_" + family, labels, Kind::gauge, 0),
          below(1ULL << (i % 40)));
    } else if (i % 25 < 19) {
      add(Motion::pages, series_of("node_memory_" + family + "_bytes", labels, Kind::gauge, 0),
          4096 * (100'000 + below(1'000'000)));
    } else if (i % 25 < 22) {
      add(Motion::bytes, series_of("node_io_" + family + "_bytes_total", labels, Kind::counter, 0),
          below(1ULL << 40U));
    } else if (i % 25 < 24) {
      add(Motion::slow, series_of("node_events_" + family + "_total", labels, Kind::counter, 0),
          below(1'000'000));
    } else {
      add(Motion::load, series_of("node_load_" + family, labels, Kind::gauge, 2), below(400));
    }
  }
}

void SyntheticHost::add_cpu(std::uint32_t cpu) {
  for (const char* mode : kModes) {
    add(Motion::cpu,
        series_of("node_cpu_seconds_total", {{"cpu", std::to_string(cpu)}, {"mode", mode}},
                  Kind::counter, 2),
        below(10'000'000));
  }
}

void SyntheticHost::add(Motion motion, SeriesDef series, std::uint64_t first) {
  readings_.push_back({static_cast<Slot>(layout_.size()), first});
  layout_.push_back(std::move(series));
  motions_.push_back(motion);
}

// splitmix64
std::uint64_t SyntheticHost::random() {
  std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15ULL;
  z = (z ^ (z >> 30U)) * 0xbf58'476d'1ce4'e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d0'49bb'1331'11ebULL;
  return z ^ (z >> 31U);
}

// A second of one CPU is a hundred ticks, whatever they are spent on.
void SyntheticHost::move_cpu(std::size_t first) {
  const std::uint64_t bits = random();
  const std::uint64_t user = bits % 12;
  const std::uint64_t system = (bits >> 8U) % 6;
  const std::uint64_t iowait = (bits >> 16U) % 16 == 0 ? (bits >> 24U) % 20 : 0;
  const std::uint64_t softirq = (bits >> 32U) % 8 == 0 ? 1 : 0;
  readings_[first + 0].raw += 100 - user - system - iowait - softirq;
  readings_[first + 1].raw += iowait;
  readings_[first + 4].raw += softirq;
  readings_[first + 6].raw += system;
  readings_[first + 7].raw += user;
}

std::uint64_t SyntheticHost::moved(Motion motion, std::uint64_t value) {
  switch (motion) {
    case Motion::cpu:
    case Motion::still:
      break;
    case Motion::pages:
      return value + 4096 * below(64) - 4096 * 32 + 4096 * 32 * (value < 4096 * 64 ? 1 : 0);
    case Motion::bytes:
      return value + below(200'000);
    case Motion::slow:
      return value + (below(10) == 0 ? 1 : 0);
    case Motion::load:
      return below(4) == 0 ? below(400) : value;
    case Motion::wave:
      return std::min<std::uint64_t>(1000, value + below(9) - std::min<std::uint64_t>(value, 4));
    case Motion::noise:
      return random();
  }
  return value;
}

std::span<const Reading> SyntheticHost::tick() {
  for (std::size_t i = 0; i < readings_.size();) {
    if (motions_[i] == Motion::cpu) {
      move_cpu(i);
      i += kModes.size();
    } else {
      readings_[i].raw = moved(motions_[i], readings_[i].raw);
      ++i;
    }
  }
  return readings_;
}

std::vector<std::shared_ptr<const Labels>> SyntheticHost::labels() const {
  std::vector<std::shared_ptr<const Labels>> all;
  for (const SeriesDef& def : layout_) {
    Labels labels = def.labels;
    labels.emplace_back(kNameLabel, def.name);
    labels.emplace_back(kHostLabel, name_);
    std::sort(labels.begin(), labels.end());
    all.push_back(std::make_shared<const Labels>(std::move(labels)));
  }
  return all;
}

}  // namespace volta::bench
