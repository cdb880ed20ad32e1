#include "store/age_clock.hpp"

#include <algorithm>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "base/log.hpp"
#include "store/ages_file.hpp"
#include "store/pack_rows.hpp"
#include "store/window_builder.hpp"

namespace volta {
namespace {

constexpr std::int64_t kAgreesMs = 3'600'000;
constexpr std::int64_t kFastest = 8;
constexpr std::int64_t kSaveStepMs = 60'000;

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
  std::string text(kAgesFileBytes, '\0');
  const ssize_t got = ::pread(file_.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto said = parse_ages_file(text);
  if (!said) {
    log::error(
        "the file that says what left the store is damaged and begins anew; hours without samples "
        "that are older than the oldest sample may look as if there never were any",
        {{"file", kAgeClockName}, {"reason", said.error().text}});
    return;
  }
  if (!*said) return;
  believed_ms_ = saved_ms_ = (*said)->believed_ms;
  std::copy((*said)->gone_ms.begin(), (*said)->gone_ms.end(), gone_ms_.begin());
  archived_ms_ = (*said)->archived_ms;
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
  AgesFile ages;
  ages.believed_ms = believed_ms_;
  std::copy(gone_ms_.begin(), gone_ms_.end(), ages.gone_ms.begin());
  ages.archived_ms = archived_ms_;
  const std::string bytes = text_of(ages);
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

// A clock that was ahead when something went may have said more than there has been.
std::int64_t AgeClock::so_far(std::int64_t end_ms) const {
  return std::min(end_ms, window_end_ms(believed_ms_, kWindowMs));
}

std::int64_t AgeClock::archived_to_ms() const { return so_far(archived_ms_); }

std::int64_t AgeClock::kept_since_ms(Tier tier) const {
  const std::int64_t gone = so_far(gone_ms_.at(place(tier)));
  const std::int64_t cutoff = cutoff_ms(tier);
  // Whole hours go: those that end at or before the cutoff.
  const std::int64_t aged =
      cutoff == INT64_MIN ? INT64_MIN : window_start_ms(window_end_ms(cutoff + 1, kWindowMs));
  const std::int64_t last = std::max(gone, aged);
  return last == INT64_MIN ? INT64_MIN : last + 1;
}

}  // namespace volta
