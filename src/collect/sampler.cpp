#include "collect/sampler.hpp"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/threads.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kLogAgain = seconds(60);
// A collector keeps its memory (wraps, what was shown) through a short failure; after this many in
// a row its source is looked for anew.
constexpr unsigned kReopenAfter = 5;
constexpr unsigned long kTimerSlackNs = 200'000;  // lets the kernel join our wake-up with others

milliseconds group_period(const SamplerOptions& options, std::string_view group) {
  const auto chosen = options.periods.find(group);
  if (chosen != options.periods.end()) return chosen->second;
  for (const MetricGroup& known : metric_groups()) {
    if (known.name == group) return known.period;
  }
  return seconds(1);
}

}  // namespace

Sampler::Sampler(SamplerOptions options, std::span<const CollectorEntry> entries,
                 const Clock& clock, TickSink& sink, std::function<void(Tick&)> stage)
    : options_(std::move(options)),
      clock_(clock),
      sink_(sink),
      stage_(std::move(stage)),
      tick_(layout_),
      self_period_(group_period(options_, "self")),
      stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!stop_event_) throw SystemFailure("create", "an eventfd", errno);
  layout_.set_common_labels(options_.labels);
  for (const MetricGroup& known : metric_groups()) {
    groups_.push_back({known.name, group_period(options_, known.name),
                       options_.disabled_groups.count(known.name) > 0});
  }
  for (const CollectorEntry& entry : entries) add_source(entry);
}

Sampler::Group& Sampler::group(std::string_view name) {
  const auto found = std::find_if(groups_.begin(), groups_.end(),
                                  [&](const Group& known) { return known.name == name; });
  VOLTA_ASSERT(found != groups_.end(), name);
  return *found;
}

// It runs as often as the most demanding of the groups that need it.
void Sampler::add_source(const CollectorEntry& entry) {
  std::vector<std::string_view> served = {entry.group};
  if (!entry.also.empty()) served.push_back(entry.also);
  std::optional<milliseconds> period;
  const auto need = [&](std::string_view name) {
    const Group& needy = group(name);
    if (!needy.disabled) period = std::min(period.value_or(needy.period), needy.period);
  };
  for (const std::string_view name : served) need(name);
  if (entry.feeds_load) need("energy");
  if (!period) return;
  Source source;
  source.entry = &entry;
  source.task = schedule_.add(*period, entry.feeds_load);
  for (const std::string_view name : served) {
    const Group& served_group = group(name);
    if (served_group.period > *period)
      source.thinned.push_back({name, schedule_.add_rhythm(served_group.period, source.task)});
  }
  thinned_ = thinned_ || !source.thinned.empty();
  sources_.push_back(std::move(source));
}

Sampler::~Sampler() { stop(); }

void Sampler::start() {
  thread_ = start_thread("sample", [this] { loop(); });
}

void Sampler::stop() {
  const std::uint64_t one = 1;
  if (::write(stop_event_.get(), &one, sizeof one) < 0) {
    log::error("the sampling thread cannot be told to stop", {{"reason", error_text(errno)}});
  }
  if (thread_.joinable()) thread_.join();
}

bool Sampler::wait(nanoseconds patience) {
  pollfd event{stop_event_.get(), POLLIN, 0};
  const auto whole = std::chrono::duration_cast<seconds>(patience);
  const timespec timeout{whole.count(), (patience - whole).count()};
  return ::ppoll(&event, 1, &timeout, nullptr) <= 0;
}

void Sampler::loop() {
  ::prctl(PR_SET_NAME, "volta-sample");
  ::prctl(PR_SET_TIMERSLACK, kTimerSlackNs);
  if (!options_.cores.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : options_.cores) CPU_SET(static_cast<std::size_t>(core), &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) {
      log::warning("the sampling thread cannot run on the chosen cores",
                   {{"reason", error_text(errno)}});
    }
  }
  sample_all();
  if (!wait(kPrime)) return;
  sample_all();
  while (true) {
    const std::int64_t next = run_due();
    // The wall clock may be set while we sleep: run_due then aligns anew.
    const std::int64_t sleep_ms = std::clamp<std::int64_t>(next - clock_.wall_ms(), 0, 60'000);
    if (!wait(milliseconds(sleep_ms))) return;
  }
}

Schedule::Moment Sampler::moment() const {
  return {clock_.wall_ms(), clock_.boottime(), clock_.monotonic()};
}

void Sampler::sample_all() {
  const Schedule::Moment now = moment();
  schedule_.begin_all(now);
  tick(now.wall_ms);
}

std::int64_t Sampler::run_due() {
  const Schedule::Moment now = moment();
  if (const auto label_ms = schedule_.begin(now)) {
    tick(*label_ms);
    schedule_.end(std::max(clock_.wall_ms(), now.wall_ms));
  }
  return schedule_.next_ms();
}

void Sampler::tick(std::int64_t label_ms) {
  tick_.begin(label_ms, clock_.boottime());
  report_details_ = label_ms >= self_due_ms_ || self_due_ms_ - label_ms > 2 * self_period_.count();
  if (report_details_) self_due_ms_ = next_multiple(label_ms, self_period_);
  for (Source& source : sources_) {
    if (schedule_.due(source.task)) sample(source);
  }
  classify_new_slots();
  if (thinned_) take_out_what_is_not_due();
  if (report_details_) {
    if (!late_slot_) late_slot_ = tick_.define(metrics::self_late_ticks_total, {});
    tick_.set_unsigned(*late_slot_, schedule_.late_ticks());
  }
  run_stage();
  hand_on();
}

// Only the runner catches: a tick whose accounting fails is handed on without it.
void Sampler::run_stage() {
  if (!stage_) return;
  const Tick::Mark mark = tick_.mark();
  try {
    stage_(tick_);
  } catch (const std::exception& failure) {
    tick_.rewind(mark);
    complain("accounting", failure.what());
  }
}

void Sampler::hand_on() {
  classify_new_slots();
  tick_.drop(masked_);
  try {
    sink_.on_tick(tick_);
  } catch (const std::exception& failure) {
    complain("handing on", failure.what());
  }
}

void Sampler::complain(std::string_view part, const std::string& reason) {
  const nanoseconds now = clock_.monotonic();
  if (complained_at_.count() != 0 && now - complained_at_ < kLogAgain) return;
  complained_at_ = now;
  log::error("a part of sampling failed", {{"part", part}, {"reason", reason}});
}

// `source`: the one that defined them; null: nobody's.
void Sampler::classify_new_slots(const Source* source) {
  while (masked_.size() < layout_.size()) {
    const std::string& name = layout_.series()[masked_.size()].name;
    const auto id = find_metric(name);
    VOLTA_ASSERT(id.has_value(), name);
    const Group& owner = group(metric(*id).group);
    const bool unwanted =
        std::any_of(options_.disabled_metrics.begin(), options_.disabled_metrics.end(),
                    [&](const std::string& glob) { return glob_match(glob, name); });
    masked_.push_back(unwanted || owner.disabled);
    slot_rhythm_.emplace_back();
    if (source == nullptr) continue;
    for (const Thinned& thinned : source->thinned) {
      if (thinned.group == owner.name) slot_rhythm_.back() = thinned.rhythm;
    }
  }
}

void Sampler::take_out_what_is_not_due() {
  dropped_.resize(masked_.size());
  for (std::size_t slot = 0; slot < dropped_.size(); ++slot) {
    const auto rhythm = slot_rhythm_[slot];
    dropped_[slot] = rhythm && !schedule_.rhythm_due(*rhythm);
  }
  tick_.drop(dropped_);
}

void Sampler::sample(Source& source) {
  const Tick::Mark mark = tick_.mark();
  const bool failing = schedule_.failures(source.task) > 0;
  if (schedule_.paused(source.task)) {
    if (failing) report(source, false);
    return;
  }
  try {
    if (!source.collector) source.collector = source.entry->open(options_.roots, options_.collect);
    if (!source.collector) {
      schedule_.absent(source.task);
      // Absent is no failure; but one that failed keeps showing until it is back.
      if (failing) report(source, false);
      return;
    }
    const nanoseconds before = clock_.monotonic();
    source.collector->sample(tick_);
    source.duration = clock_.monotonic() - before;
    classify_new_slots(&source);
    succeeded(source);
    report(source, true);
  } catch (const std::exception& failure) {
    tick_.rewind(mark);
    classify_new_slots(&source);
    failed(source, failure.what());
    report(source, false);
  }
}

void Sampler::succeeded(Source& source) {
  const Schedule::Pace pace = schedule_.succeeded(source.task, source.duration);
  if (pace == Schedule::Pace::same) return;
  log::warning(pace == Schedule::Pace::slower
                   ? "a collector is slow and runs less often from now on"
                   : "a collector that was slow runs more often again",
               {{"collector", source.entry->name},
                {"took_ms", std::chrono::duration_cast<milliseconds>(source.duration).count()},
                {"period_ms", schedule_.period(source.task).count()}});
}

void Sampler::failed(Source& source, const std::string& reason) {
  schedule_.failed(source.task);
  const unsigned failures = schedule_.failures(source.task);
  if (failures >= kReopenAfter) source.collector.reset();
  const nanoseconds now = clock_.monotonic();
  if (failures > 1 && now - source.logged_at < kLogAgain) return;
  source.logged_at = now;
  log::warning("a collector failed",
               {{"collector", source.entry->name}, {"reason", reason}, {"failures", failures}});
}

void Sampler::report(Source& source, bool success) {
  if (options_.disabled_groups.count("self") > 0) return;
  if (!source.slots_defined) {
    const Labels labels = {{"collector", std::string(source.entry->name)}};
    source.success_slot = tick_.define(metrics::collector_success, labels);
    source.duration_slot = tick_.define(metrics::collector_duration_seconds, labels);
    source.skipped_slot = tick_.define(metrics::collector_skipped_total, labels);
    source.slots_defined = true;
  }
  tick_.set(source.success_slot, success ? 1 : 0);
  if (!report_details_ && schedule_.period(source.task) < self_period_) return;
  tick_.set(source.duration_slot,
            std::chrono::duration_cast<std::chrono::microseconds>(source.duration).count());
  if (source.collector) tick_.set_unsigned(source.skipped_slot, source.collector->skipped());
}

}  // namespace volta
