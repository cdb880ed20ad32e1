// What decides where the windows of an hour come from: the tiers, or samples.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "store/pack_rows.hpp"

namespace volta {

// It changes when the hour is sealed, or when its samples go.
struct HourState {
  std::int64_t sealed_to = 0;
  bool has_samples = false;  // in packs, and then all older than what is sealed

  bool operator==(const HourState&) const = default;
};
using HourStates = std::map<std::int64_t, HourState>;  // by the hours' ends

// Of the hours that end then.
HourStates states_of(Connection& connection, HostId host, const std::set<std::int64_t>& ends);
std::set<std::int64_t> ends_of(const HourStates& states);

// What samples are read for, between two looks at the hours. Where packs have samples afterwards,
// those read are all there are of the hour, and stand for whatever the tiers had of it before, in
// between or since. Without packs they are what the tiers lack, unless the hour was sealed or its
// packs went meanwhile: true, if so of any; then all is to be read anew.
bool samples_went(const HourStates& before, const HourStates& after);

}  // namespace volta
