#include "collect/sensor_chip.hpp"

#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

#include "collect/kept_file.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

// What a tick can spare; an ordinary chip takes 1 to 100 us (measured), a firmware call 10 ms up.
constexpr std::chrono::milliseconds kSlowRead(5);
constexpr std::chrono::seconds kChipPatience(5);
constexpr std::chrono::milliseconds kFirstChipLook(250);
// Sensors that are not connected show -128, -274, 255 or worse.
constexpr std::int64_t kColdest = -100'000;
constexpr std::int64_t kHottest = 200'000;

struct Value {
  std::int64_t number = 0;
  std::chrono::nanoseconds at{};
  bool valid = false;
};

struct Channel {
  ChannelSpec spec;
  ScalarFile file;
  bool defined = false;
  std::uint32_t index = 0;  // slot or zone
};

}  // namespace

// The reading half (run, read_all) is one thread's at a time: the lane's or, for a fast chip, the
// collectors'. The showing half is the collectors' thread's.
class SensorChip final : public SlowTask {
 public:
  SensorChip(ChipSpec spec, const Clock& clock)
      : slow(spec.slow),
        clock_(&clock),
        zero_is_void_(spec.zero_is_void),
        chip_(std::move(spec.chip)),
        sleep_(spec.sleep),
        may_sleep_(!spec.sleep.empty()) {
    for (ChannelSpec& channel : spec.channels) {
      std::string path = channel.path;
      channels_.push_back({std::move(channel), ScalarFile(std::move(path)), false, 0});
    }
    read_.resize(channels_.size());
    shared_.resize(channels_.size());
    shown_.resize(channels_.size());
  }

  bool slow;  // the collectors' thread's; NOLINT(misc-non-private-member-variables-in-classes)

  void run() noexcept override {
    read_all();
    const std::lock_guard lock(mutex_);
    shared_ = read_;
    fresh_ = true;
  }

  // In place. How long it took.
  std::chrono::nanoseconds read_now() {
    const auto start = clock_->monotonic();
    read_all();
    shown_ = read_;
    return clock_->monotonic() - start;
  }

  // What the lane has read since the last call; false if nothing.
  bool fetch() {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(fresh_, false)) return false;
    shown_ = shared_;
    return true;
  }

  void show(Tick& out) {
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      if (shown_[i].valid) show(channels_[i], shown_[i], out);
    }
  }

  [[nodiscard]] bool gone() const { return gone_; }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  void read_all() {
    const auto state = may_sleep_ ? sleep_.try_read() : std::nullopt;
    const bool asleep = state && state->starts_with("suspended");
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      Value& value = read_[i];
      value.valid = false;
      if (asleep) continue;
      const int error = channels_[i].file.read(value.number);
      value.at = clock_->boottime();
      value.valid = error == 0 && plausible(channels_[i].spec.kind, value.number);
      if (error == EBADMSG) ++skipped_;
      if (means_gone(error)) gone_ = true;
    }
  }

  bool plausible(ChannelKind kind, std::int64_t number) {
    switch (kind) {
      case ChannelKind::temperature:
        return number >= kColdest && number <= kHottest && (number != 0 || !zero_is_void_);
      case ChannelKind::voltage:
        return true;
      default:
        if (number < 0) ++skipped_;
        return number >= 0;
    }
  }

  void show(Channel& channel, const Value& value, Tick& out) const {
    const bool is_zone =
        channel.spec.kind == ChannelKind::power || channel.spec.kind == ChannelKind::energy;
    if (!std::exchange(channel.defined, true)) {
      channel.index = is_zone ? out.announce(channel.spec.zone) : define(channel.spec, out);
    }
    if (!is_zone) {
      out.set(channel.index, value.number);
      return;
    }
    const auto what = channel.spec.kind == ChannelKind::energy ? ZoneReading::What::energy_uj
                                                               : ZoneReading::What::power_uw;
    out.set_zone({channel.index, what, static_cast<std::uint64_t>(value.number), value.at});
  }

  Slot define(const ChannelSpec& spec, Tick& out) const {
    const Labels labels = {{"chip", chip_}, {"sensor", spec.sensor}};
    if (spec.kind == ChannelKind::fan) return out.define(metrics::fan_speed_rpm, labels);
    if (spec.kind == ChannelKind::voltage) return out.define(metrics::voltage_volts, labels);
    return out.define(metrics::temperature_celsius, labels);
  }

  const Clock* const clock_;
  const bool zero_is_void_;
  const std::string chip_;
  KeptFile sleep_;
  const bool may_sleep_;
  std::vector<Channel> channels_;  // files: the reading half; the rest: the showing half
  std::vector<Value> read_;        // the reading half's
  std::vector<Value> shown_;       // the showing half's
  std::atomic<std::uint64_t> skipped_{0};
  std::atomic<bool> gone_{false};

  std::mutex mutex_;
  std::vector<Value> shared_;  // protected by mutex_
  bool fresh_ = false;         // protected by mutex_
};

SensorChips::SensorChips(const Clock& clock, bool live) : clock_(&clock) {
  if (live) lane_ = std::make_unique<SlowLane>(clock, kChipPatience);
}

SensorChips::~SensorChips() = default;

void SensorChips::open(std::vector<ChipSpec> chips) {
  skipped_before_ = skipped();
  chips_.clear();
  bool waits = false;
  for (ChipSpec& spec : chips) {
    chips_.push_back(std::make_shared<SensorChip>(std::move(spec), *clock_));
    if (chips_.back()->slow && lane_) waits = lane_->submit(chips_.back()) || waits;
  }
  if (waits) lane_->wait_idle(kFirstChipLook);
}

bool SensorChips::sample(Tick& out) {
  if (lane_) lane_->watch();
  bool gone = false;
  for (const auto& chip : chips_) {
    if (!lane_ || !chip->slow) {
      chip->slow = chip->read_now() > kSlowRead;
      chip->show(out);
    } else {
      if (chip->fetch()) chip->show(out);
      lane_->submit(chip);
    }
    gone = gone || chip->gone();
  }
  return gone;
}

std::uint64_t SensorChips::skipped() const {
  std::uint64_t sum = skipped_before_;
  for (const auto& chip : chips_) sum += chip->skipped();
  return sum;
}

}  // namespace volta
