#include "store/age_clock.hpp"

#include <algorithm>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "base/log.hpp"
#include "store/pack_rows.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

constexpr std::int64_t kAgreesMs = 3'600'000;
constexpr std::int64_t kFastest = 8;
constexpr std::int64_t kSaveStepMs = 60'000;
constexpr std::int64_t kLatestMs = 100'000'000'000'000;  // that a clock says, the year 5138
constexpr std::size_t kFileBytes = 120;                  // five numbers; they were four

std::size_t place(Tier tier) { return static_cast<std::size_t>(tier); }

// Both ends of what 64 bits hold are far from any clock, but a file may say anything.
std::int64_t distance(std::int64_t from, std::int64_t to) {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(to, from, &result)) return to > from ? INT64_MAX : INT64_MIN;
  return result;
}

}  // namespace

AgeClock::AgeClock(const Clock& clock, const std::filesystem::path& file, std::int64_t known_ms,
                   Ages ages)
    : clock_(clock),
      file_(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)),
      ages_(ages),
      looked_(clock.boottime()) {
  load(known_ms);
  look();
}

void AgeClock::load(std::int64_t known_ms) {
  believed_ms_ = known_ms != 0 ? known_ms : clock_.wall_ms();
  std::string text(kFileBytes, '\0');
  const ssize_t got = ::pread(file_.get(), text.data(), text.size(), 0);
  std::istringstream in(text.substr(0, got > 0 ? static_cast<std::size_t>(got) : 0));
  std::int64_t said = 0;
  if (!(in >> said) || said < 0 || said > kLatestMs) return;
  believed_ms_ = said;
  saved_ms_ = said;
  for (auto& gone : gone_ms_) {
    if (!(in >> said)) return;
    gone = said;
  }
  if (in >> said) archived_ms_ = said;
}

void AgeClock::follow(std::int64_t wall_ms, std::int64_t passed_ms) {
  const std::int64_t ahead = distance(believed_ms_, wall_ms);
  const std::int64_t step = passed_ms > INT64_MAX / kFastest ? INT64_MAX : passed_ms * kFastest;
  const bool agrees = ahead >= -kAgreesMs && distance(passed_ms, ahead) <= kAgreesMs;
  if (agrees) {
    believed_ms_ = wall_ms;
  } else {
    believed_ms_ += std::clamp(ahead, -step, step);
  }
  if (!agrees && !apart_ && ahead > 0) {
    log::warning(
        "the clock is further on than the time that passed since the store was last looked after; "
        "what is let go for its age follows it slowly",
        {{"seconds", distance(passed_ms, ahead) / 1000}});
  }
  apart_ = !agrees;
}

void AgeClock::look() {
  const std::int64_t wall = clock_.wall_ms();
  const auto passed = std::chrono::floor<std::chrono::milliseconds>(clock_.boottime() - looked_);
  looked_ += passed;
  follow(wall, passed.count());
  now_ms_ = std::min(wall, believed_ms_.load());
  const std::int64_t moved = distance(saved_ms_, believed_ms_);
  if (moved >= kSaveStepMs || moved <= -kSaveStepMs) write();
}

void AgeClock::save() {
  look();
  write();
}

void AgeClock::write() {
  std::ostringstream text;
  text << believed_ms_.load();
  for (const auto& gone : gone_ms_) text << ' ' << gone.load();
  text << ' ' << archived_ms_.load() << '\n';
  std::string bytes = text.str();
  bytes.resize(kFileBytes, ' ');  // in place and in one go, always as long
  const ssize_t put = ::pwrite(file_.get(), bytes.data(), bytes.size(), 0);
  if (put == static_cast<ssize_t>(bytes.size())) saved_ms_ = believed_ms_.load();
}

std::int64_t AgeClock::cutoff_ms(Tier tier) const {
  const std::int64_t age = ages_.at(place(tier));
  return age <= 0 ? INT64_MIN : now_ms_ - age;
}

void AgeClock::note_gone(Tier tier, std::int64_t end_ms) {
  auto& gone = gone_ms_.at(place(tier));
  // What lies ahead was sent by a host with a wrong clock, and says nothing of what came before.
  const std::int64_t last = std::min(end_ms, window_end_ms(clock_.wall_ms(), kWindowMs));
  if (last <= gone) return;
  gone = last;
  write();  // before it goes: whoever is killed now must not claim to have it
}

void AgeClock::note_archived(std::int64_t end_ms) {
  if (end_ms <= archived_ms_) return;
  archived_ms_ = end_ms;
  write();  // as above
}

std::int64_t AgeClock::kept_since_ms(Tier tier) const {
  const std::int64_t gone = gone_ms_.at(place(tier));
  const std::int64_t cutoff = cutoff_ms(tier);
  // Whole hours go: those that end at or before the cutoff.
  const std::int64_t aged =
      cutoff == INT64_MIN ? INT64_MIN : window_start_ms(window_end_ms(cutoff + 1, kWindowMs));
  const std::int64_t last = std::max(gone, aged);
  return last == INT64_MIN ? INT64_MIN : last + 1;
}

}  // namespace volta
