#include "prom/engine_journal.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/threads.hpp"
#include "model/metric_ids.hpp"
#include "model/time_series.hpp"
#include "prom/sender_policy.hpp"

namespace volta {
namespace {

// Then it is emptied, and filled again from the store's index.
constexpr std::size_t kMostKnown = 1'000'000;

std::shared_ptr<const Labels> labels_of(const SeriesDef& def, const std::string& host) {
  Labels labels = def.labels;
  labels.emplace_back(kNameLabel, def.name);
  if (label_value(labels, kHostLabel).empty()) labels.emplace_back(kHostLabel, host);
  std::sort(labels.begin(), labels.end());
  return std::make_shared<const Labels>(std::move(labels));
}

std::size_t points_of(std::span<const LabeledSamples> samples) {
  std::size_t points = 0;
  for (const LabeledSamples& one : samples) points += one.times_ms.size();
  return points;
}

// Ticks of a batch in rising time, of two with one time the later: the wall clock may have jumped.
std::vector<std::size_t> rising_ticks(const DecodedBatch& batch) {
  std::vector<std::size_t> order(batch.ticks());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto& times = batch.times_ms;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return times[a] < times[b]; });
  return order;
}

}  // namespace

EngineJournal::EngineJournal(EngineJournalParts parts, Limits limits)
    : parts_(std::move(parts)), limits_(limits) {
  try {
    for (std::size_t i = 0; i < limits_.writers; ++i) {
      threads_.push_back(start_thread("write to the engine", [this] { work(); }));
    }
  } catch (...) {
    stop();  // those that run already: a thread that nobody joins ends the process
    throw;
  }
}

void EngineJournal::stop() {
  stopping_ = true;
  std::deque<JournalEntry> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(queue_);
    queued_points_ = 0;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  for (const JournalEntry& entry : left) entry.done(CommitState::failed);
}

SeriesId EngineJournal::resolve(HostId host, const SeriesDef& series) {
  const SeriesId id = parts_.local.resolve(host, series);
  if (id == SeriesId{}) return id;  // beyond the host's limit: of no series
  const auto record = parts_.hosts.find(host);
  if (record) {
    const std::lock_guard lock(series_mutex_);
    remember({id, host, series}, record->name);
  }
  return id;
}

void EngineJournal::remember(const SeriesRecord& record, const std::string& host) {
  if (series_.size() >= kMostKnown) series_.clear();
  series_[record.id] = {labels_of(record.def, host), record.def.type, record.def.scale};
}

EngineJournal::KnownSeries EngineJournal::known(HostId host, SeriesId series) {
  {
    const std::lock_guard lock(series_mutex_);
    const auto found = series_.find(series);
    if (found != series_.end()) return found->second;
  }
  const auto record = parts_.hosts.find(host);
  if (!record) return {};
  const auto all = parts_.series.find(host, "*");
  const std::lock_guard lock(series_mutex_);
  for (const SeriesRecord& one : all) remember(one, record->name);
  const auto found = series_.find(series);
  return found != series_.end() ? found->second : KnownSeries{};
}

bool EngineJournal::append(JournalEntry entry) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    const std::size_t points = entry.batch.points;
    if (queued_points_ > 0 && queued_points_ + points > limits_.queue_points) return false;
    queued_points_ += points;
    queue_.push_back(std::move(entry));
  }
  wake_.notify_one();
  return true;
}

// As many as fit one request; empty: it is over.
std::vector<JournalEntry> EngineJournal::take() {
  std::vector<JournalEntry> taken;
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
  if (stopping_) return taken;
  std::size_t points = 0;
  while (!queue_.empty()) {
    points += queue_.front().batch.points;
    if (!taken.empty() && points > limits_.request_points) break;
    queued_points_ -= queue_.front().batch.points;
    taken.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return taken;
}

void EngineJournal::add_samples(const JournalEntry& entry, std::vector<LabeledSamples>& out) {
  const DecodedBatch& batch = *entry.decoded;
  const std::vector<std::size_t> order = rising_ticks(batch);
  for (Slot slot = 0; slot < batch.slots; ++slot) {
    if ((*entry.series)[slot] == SeriesId{}) continue;
    LabeledSamples samples;
    KnownSeries series;
    for (const std::size_t tick : order) {
      const std::size_t at = batch.at(slot, tick);
      if (batch.present[at] == 0) continue;
      if (!series.labels) series = known(entry.host, (*entry.series)[slot]);
      if (!series.labels) break;  // its host is gone: the store will say so
      const double value = to_double(series.type, series.scale, batch.values[at]);
      if (!samples.times_ms.empty() && samples.times_ms.back() == batch.times_ms[tick]) {
        samples.values.back() = value;
        continue;
      }
      samples.times_ms.push_back(batch.times_ms[tick]);
      samples.values.push_back(value);
    }
    if (samples.times_ms.empty()) continue;
    samples.labels = std::move(series.labels);
    out.push_back(std::move(samples));
  }
}

void EngineJournal::work() {
  while (true) {
    std::vector<JournalEntry> entries = take();
    if (entries.empty()) return;
    std::vector<LabeledSamples> samples;
    for (const JournalEntry& entry : entries) add_samples(entry, samples);
    const bool taken = deliver(samples);
    for (JournalEntry& entry : entries) {
      const auto done = entry.done;
      if (!taken || !parts_.local.append(std::move(entry))) done(CommitState::failed);
    }
  }
}

// Until the engine has taken or refused it; false: it is over.
bool EngineJournal::deliver(std::span<const LabeledSamples> samples) {
  SendBackoff backoff;
  while (!stopping_) {
    const EngineWrite outcome = parts_.engine.write(samples, &stopping_);
    if (outcome.state == EngineWrite::State::taken) {
      reachable_ = true;
      sent_ += points_of(samples) - outcome.refused;
      refused_ += outcome.refused;
      if (outcome.refused > 0) {
        complain("the engine behind refused samples, which are dropped", outcome.why);
      } else {
        complain("", "");
      }
      return true;
    }
    if (stopping_) break;
    ++failed_;
    reachable_ = false;
    complain("the engine behind does not take samples; agents keep them meanwhile", outcome.why);
    pause(std::max(outcome.retry_after, backoff.next(parts_.random())));
  }
  return false;
}

void EngineJournal::pause(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  const auto until = std::chrono::steady_clock::now() + wait;
  while (!stopping_ && std::chrono::steady_clock::now() < until) {
    wake_.wait_until(lock, until);
  }
}

void EngineJournal::complain(const std::string& what, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(complaint_, what) == what) return;
  }
  if (what.empty()) {
    log::info("the engine behind takes samples again", {});
  } else {
    log::warning(what, {{"why", why}});
  }
}

void EngineJournal::append_to(std::vector<MetricFamily>& families) const {
  const auto add = [&](MetricId id, double value, Labels labels = {}) {
    labels.emplace_back("target", "engine");
    std::sort(labels.begin(), labels.end());
    families.push_back(family(id));
    families.back().samples.push_back({std::move(labels), value});
  };
  std::size_t pending = 0;
  {
    const std::lock_guard lock(mutex_);
    pending = queued_points_;
  }
  add(metrics::forward_pending_samples, static_cast<double>(pending));
  add(metrics::forward_samples_total, static_cast<double>(sent_.load()), {{"outcome", "sent"}});
  add(metrics::forward_samples_total, static_cast<double>(refused_.load()),
      {{"outcome", "dropped"}});
  add(metrics::forward_failed_requests_total, static_cast<double>(failed_.load()));
}

WriteOutcome EngineSink::write(std::span<const LabeledSamples> series) {
  const EngineWrite written = engine_.write(series, nullptr);
  WriteOutcome outcome;
  outcome.why = written.why;
  if (written.state == EngineWrite::State::later) {
    outcome.state = WriteState::busy;
    return outcome;
  }
  outcome.refused = written.refused;
  outcome.written = points_of(series) - written.refused;
  return outcome;
}

// Labels that were sent before are not decoded and checked again.
WriteOutcome EngineSink::write_keyed(const KeyedSamples& samples) {
  LabelCache::Place place;
  KeyedSamples remembered = samples;
  remembered.labels = [&](std::string_view key) -> Result<std::shared_ptr<const Labels>> {
    if (auto known = labels_.find(key, place)) return known;
    auto labels = samples.labels(key);
    if (labels) labels_.put(key, labels.value(), place);
    return labels;
  };
  return SampleSink::write_keyed(remembered);
}

}  // namespace volta
