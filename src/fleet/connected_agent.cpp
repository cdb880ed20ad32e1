#include "fleet/connected_agent.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace volta {
namespace {

constexpr std::int64_t kFarAheadMs = 300'000;          // CONTRACTS "Time and conflicts"
constexpr std::int64_t kLastMs = 253'402'300'799'999;  // end of the year 9999
constexpr std::chrono::seconds kSawEvery{60};
constexpr std::chrono::seconds kLogEvery{60};
constexpr std::chrono::milliseconds kClosedPause{1000};
constexpr std::chrono::milliseconds kLongestInterval{600'000};

// Without overflow, whatever the agent's clock shows.
std::int64_t offset(std::int64_t agent_ms, std::int64_t server_ms) {
  return std::clamp<std::int64_t>(agent_ms, 0, kLastMs) - server_ms;
}

std::chrono::milliseconds interval(const EncodedBatch& batch) {
  const auto span = std::chrono::milliseconds(std::clamp<std::int64_t>(batch.last_ms, 0, kLastMs) -
                                              std::clamp<std::int64_t>(batch.first_ms, 0, kLastMs));
  return std::clamp(span, std::chrono::milliseconds(0), kLongestInterval);
}

}  // namespace

ConnectedAgent::ConnectedAgent(SessionParts parts, HostRecord host, HelloFacts facts,
                               std::string peer, std::shared_ptr<Link> link,
                               std::shared_ptr<HostLimits> limits)
    : parts_(std::move(parts)),
      host_(std::move(host)),
      facts_(std::move(facts)),
      peer_(std::move(peer)),
      link_(std::move(link)),
      limits_(std::move(limits)),
      series_(std::make_shared<std::vector<SeriesId>>()) {
  saw(offset(facts_.clock_ms, parts_.clock.wall_ms()));
}

ConnectedAgent::~ConnectedAgent() {
  parts_.links.gone(link_);
  log::info("agent gone", {{"host", host_.name}, {"peer", peer_}});
}

Result<void> ConnectedAgent::define(std::vector<SeriesDef> series) {
  if (series.size() > kMostSlots - records_.size())
    return Error{"an agent can name 100000 series at most"};
  for (const SeriesDef& def : series) {
    const std::string problem = series_problem(def);
    if (!problem.empty()) return Error{problem};
  }
  // Past the limits of host and store a slot is of no series.
  static const auto none =
      std::make_shared<const SeriesRecord>(SeriesRecord{SeriesId{}, HostId{}, SeriesDef{}});
  auto ids = *series_;
  const std::size_t left_out_before = left_out_;
  try {
    for (SeriesDef& def : series) {
      const SeriesId id = limits_->admit(def) ? parts_.journal.resolve(host_.id, def) : SeriesId{};
      ids.push_back(id);
      left_out_ += id == SeriesId{} ? 1 : 0;
      records_.push_back(id == SeriesId{} ? none
                                          : std::make_shared<const SeriesRecord>(
                                                SeriesRecord{id, host_.id, std::move(def)}));
    }
  } catch (const Failure& failure) {
    log::error("series could not be stored", {{"host", host_.name}, {"error", failure.what()}});
    return Error{"the server's store takes no new series now; try again later"};
  }
  series_ = std::make_shared<const std::vector<SeriesId>>(std::move(ids));
  parts_.counters.left_out_series += left_out_ - left_out_before;
  if (left_out_ > left_out_before && may_log()) {
    log::warning(
        "the host has more series than the server takes of one host; these are not kept",
        {{"host", host_.name}, {"kept", records_.size() - left_out_}, {"left_out", left_out_}});
  }
  return {};
}

std::chrono::milliseconds ConnectedAgent::admit() {
  if (!parts_.links.is_open(link_)) return kClosedPause;
  return limits_->take_batch();
}

void ConnectedAgent::heard(const EncodedBatch& batch, bool older) {
  parts_.links.heard(link_, older ? std::nullopt : std::optional(interval(batch)));
}

std::string ConnectedAgent::excess(const EncodedBatch& batch, BatchFault& fault) const {
  fault = BatchFault::too_large;
  if (batch.payload.size() > kLargestBatchBytes) return "the batch is larger than 4 MiB";
  if (batch.points > kMostBatchPoints) return "the batch has more than 50000 values";
  fault = BatchFault::malformed;
  if (batch.slots > records_.size()) return "the batch uses series that were never named";
  return "";
}

std::uint32_t ConnectedAgent::left_out_of(const DecodedBatch& batch) const {
  if (left_out_ == 0) return 0;
  std::uint32_t all = 0;
  for (Slot slot = 0; slot < batch.slots; ++slot) {
    if ((*series_)[slot] != SeriesId{}) continue;
    for (std::size_t tick = 0; tick < batch.ticks(); ++tick) {
      all += batch.present[batch.at(slot, tick)];
    }
  }
  return all;
}

void ConnectedAgent::look_at_time(const EncodedBatch& batch) {
  const std::int64_t ahead = offset(batch.last_ms, parts_.clock.wall_ms());
  if (ahead > kFarAheadMs) {
    ++parts_.counters.future;
    if (may_log()) {
      log::warning("the host's clock is more than 5 minutes ahead of this server's",
                   {{"host", host_.name}, {"ahead_ms", ahead}});
    }
  }
  // Also when the clock was mended.
  if ((ahead > kFarAheadMs) != (offset_ms_ > kFarAheadMs)) saw(ahead);
  if (parts_.clock.boottime() - saw_at_ >= kSawEvery) saw(offset_ms_);
}

void ConnectedAgent::saw(std::int64_t offset_ms) {
  offset_ms_ = offset_ms;
  saw_at_ = parts_.clock.boottime();
  try {
    parts_.directory.saw(host_.id, facts_.agent_version, facts_.facts_json, offset_ms,
                         parts_.clock.wall_ms());
  } catch (const Failure& failure) {
    // A full disk must not keep agents out: what they send is still shown live.
    log::warning("could not note when the host was seen",
                 {{"host", host_.name}, {"error", failure.what()}});
  }
}

bool ConnectedAgent::may_log() {
  const auto now = parts_.clock.boottime();
  if (logged_at_ && now - *logged_at_ < kLogEvery) return false;
  logged_at_ = now;
  return true;
}

}  // namespace volta
