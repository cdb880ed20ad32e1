#include "fleet/sightings.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace volta {
namespace {

constexpr std::int64_t kShownMs = 60'000;
constexpr std::int64_t kLateMs = 120'000;
constexpr std::int64_t kForgottenMs = 300'000;
constexpr std::chrono::seconds kLookPatience{10};

// Of each host the time of its newest sample. These are read everywhere, once a second to once in
// ten; where one group is switched off, another answers.
constexpr std::string_view kNewest =
    "max by (host) (timestamp(volta_load1)) or max by (host) "
    "(timestamp(volta_memory_total_bytes)) or max by (host) "
    "(timestamp(volta_agent_buffered_batches))";
constexpr std::string_view kPower = "max by (host, quality) (volta_power_watts{zone=\"host\"})";

Quality sighted_quality(const Labels& labels) {
  const std::string_view told = label_value(labels, "quality");
  for (const Quality quality : {Quality::measured, Quality::derived}) {
    if (told == to_text(quality)) return quality;
  }
  return Quality::estimated;
}

}  // namespace

HostState sighted_state(const Sighting& sighting, std::int64_t now_ms) {
  const std::int64_t age = sighting.looked_ms - sighting.newest_ms;
  const std::int64_t silence = now_ms - sighting.looked_ms;
  if (age > kLateMs || silence > kForgottenMs) return HostState::offline;
  return age > kShownMs || silence > kShownMs ? HostState::late : HostState::live;
}

std::optional<VectorValue> Sightings::ask(std::string_view expression, std::int64_t now_ms) {
  QueryLimits limits;
  limits.timeout = kLookPatience;
  auto outcome = engine_.instant({expression, now_ms}, limits, &cancelled_);
  auto* answer = std::get_if<QueryAnswer>(&outcome);
  if (answer == nullptr) return std::nullopt;
  auto* vector = std::get_if<VectorValue>(&answer->value);
  if (vector == nullptr) return std::nullopt;
  return std::move(*vector);
}

void Sightings::look() {
  const std::int64_t now = clock_.wall_ms();
  // Steps of a sub-query fall on multiples of five minutes; what is newer says the first part.
  const std::string newest_now(kNewest);
  const std::string back = newest_now + " or max_over_time((" + newest_now + ")[1d:5m])";
  const auto newest = ask(looked_back_ ? kNewest : std::string_view(back), now);
  if (!newest) return;
  looked_back_ = true;
  const auto power = ask(kPower, now);
  known_.with([&](std::map<std::string, Sighting>& known) {
    for (const VectorValue::Element& element : newest->elements) {
      if (!std::isfinite(element.value)) continue;
      Sighting& sighting = known[std::string(label_value(*element.labels, "host"))];
      sighting.newest_ms =
          std::max(sighting.newest_ms, static_cast<std::int64_t>(element.value * 1000));
    }
    for (auto& [host, sighting] : known) {
      sighting.looked_ms = now;
      sighting.power.reset();
    }
    if (!power) return;
    for (const VectorValue::Element& element : power->elements) {
      const auto found = known.find(std::string(label_value(*element.labels, "host")));
      if (found == known.end() || !std::isfinite(element.value)) continue;
      const HostPower drawn{element.value, sighted_quality(*element.labels)};
      auto& best = found->second.power;
      if (!best || drawn.quality < best->quality) best = drawn;
    }
  });
}

std::optional<Sighting> Sightings::of(const std::string& host) const {
  return known_.with([&](const std::map<std::string, Sighting>& known) -> std::optional<Sighting> {
    const auto found = known.find(host);
    if (found == known.end()) return std::nullopt;
    return found->second;
  });
}

}  // namespace volta
