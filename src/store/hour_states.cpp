#include "store/hour_states.hpp"

#include <algorithm>

namespace volta {
namespace {

bool packs_have(Connection& connection, HostId host, std::int64_t end_ms) {
  Query query =
      connection.query("SELECT 1 FROM pack WHERE host_id=? AND tier=0 AND end_ms=? LIMIT 1");
  return query.with(std::int64_t{static_cast<std::uint32_t>(host)}, end_ms).step();
}

}  // namespace

HourStates states_of(Connection& connection, HostId host, const std::set<std::int64_t>& ends) {
  HourStates states;
  if (ends.empty()) return states;
  const SealMarks marks = SealMarks::read(connection, host, {*ends.begin(), *ends.rbegin()});
  for (const std::int64_t end : ends) {
    states[end] = {marks.accepted(end), packs_have(connection, host, end)};
  }
  return states;
}

std::set<std::int64_t> ends_of(const HourStates& states) {
  std::set<std::int64_t> ends;
  for (const auto& [end, state] : states) ends.insert(end);
  return ends;
}

bool samples_went(const HourStates& before, const HourStates& after) {
  return std::any_of(after.begin(), after.end(), [&](const auto& hour) {
    return !hour.second.has_samples && hour.second != before.at(hour.first);
  });
}

}  // namespace volta
