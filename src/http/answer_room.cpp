#include "http/answer_room.hpp"

#include <algorithm>
#include <utility>

namespace volta {

// How long it takes in all if it goes on as it went so far.
AnswerRoom::Time AnswerRoom::whole_time(const Entry& entry, Time now) const {
  const double share = static_cast<double>(std::max<std::size_t>(1, entry.sent)) /
                       static_cast<double>(std::max<std::size_t>(1, entry.bytes));
  // A day is as good as for ever, and its nanoseconds fit.
  constexpr double kForEver = 86'400e9;
  return Time(static_cast<Time::rep>(
      std::min(kForEver, static_cast<double>((now - entry.since).count()) / share)));
}

bool AnswerRoom::is_slow(const Entry& entry, Time now) const {
  return now - entry.since >= limits_.judged_after && whole_time(entry, now) > limits_.fair_time;
}

std::unique_ptr<AnswerRoom::Place> AnswerRoom::take(std::size_t bytes, Time now,
                                                    std::function<void()> give_way) {
  std::vector<std::shared_ptr<Entry>> ended;
  auto entry = std::make_shared<Entry>(Entry{bytes, now, 0, std::move(give_way)});
  {
    const std::lock_guard lock(mutex_);
    const auto fits = [&](std::size_t used) {
      return used == 0 || (bytes <= limits_.most_bytes && used <= limits_.most_bytes - bytes);
    };
    if (!fits(used_)) {
      std::vector<std::shared_ptr<Entry>> slow;
      std::copy_if(entries_.begin(), entries_.end(), std::back_inserter(slow),
                   [&](const auto& one) { return is_slow(*one, now); });
      std::sort(slow.begin(), slow.end(), [&](const auto& a, const auto& b) {
        return whole_time(*a, now) > whole_time(*b, now);
      });
      std::size_t used = used_;
      for (const auto& one : slow) {
        if (fits(used)) break;
        used -= one->bytes;
        ended.push_back(one);
      }
      if (!fits(used)) return nullptr;
      std::erase_if(entries_, [&](const auto& one) {
        return std::find(ended.begin(), ended.end(), one) != ended.end();
      });
      used_ = used;
    }
    used_ += bytes;
    entries_.push_back(entry);
  }
  for (const auto& one : ended) one->give_way();
  return std::make_unique<Place>(*this, std::move(entry));
}

void AnswerRoom::leave(const std::shared_ptr<Entry>& entry) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find(entries_.begin(), entries_.end(), entry);
  if (found == entries_.end()) return;
  used_ -= entry->bytes;
  entries_.erase(found);
}

}  // namespace volta
