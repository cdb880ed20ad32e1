#include "prom/scrape_pool.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/threads.hpp"
#include "model/metric_ids.hpp"
#include "prom/scraper.hpp"

namespace volta {
namespace {

// A wait ends early when something changes, so this is only a bound.
constexpr std::chrono::nanoseconds kLongestPoolWait = std::chrono::seconds(30);
constexpr std::chrono::hours kTroubleToldEvery{1};
constexpr int kWellScrapes = 3;

void retire_source(ScrapeSource& source, std::int64_t time_ms) {
  try {
    source.retire(time_ms);
  } catch (const Failure& failure) {
    log::warning("the end of a target's series could not be written", {{"why", failure.what()}});
  }
}

}  // namespace

ScrapePool::ScrapePool(std::vector<ScrapeJob> jobs, HttpClient& client, SampleSink& sink,
                       const Clock& clock, ScrapePoolOptions options)
    : client_(client), sink_(sink), clock_(clock), options_(options) {
  for (ScrapeJob& job : jobs) {
    auto shared = std::make_shared<const ScrapeJob>(std::move(job));
    FileTargets files(shared->file_sd);
    jobs_.push_back({std::move(shared), std::move(files)});
  }
  refresh_at_ = clock_.monotonic();
}

void ScrapePool::add(std::unique_ptr<ScrapeSource> source, const std::string& name,
                     std::chrono::milliseconds interval) {
  Item item;
  item.target.pool = name;
  item.target.url = name;
  item.target.interval_ms = interval.count();
  item.hash = target_hash(item.target);
  item.source = std::move(source);
  const std::lock_guard lock(mutex_);
  schedule(std::move(item));
}

void ScrapePool::schedule(Item item) {
  const Id id = next_id_++;
  schedule_.add(id, std::chrono::milliseconds(item.target.interval_ms), item.hash, clock_.wall_ms(),
                clock_.monotonic());
  items_.emplace(id, std::move(item));
}

void ScrapePool::start() {
  const std::lock_guard lock(mutex_);
  add_worker();
}

void ScrapePool::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

void ScrapePool::add_worker() {
  threads_.push_back(start_thread("scrape", [this] { work(); }));
}

void ScrapePool::add_helper() {
  try {
    add_worker();
  } catch (const SystemFailure& failure) {
    if (std::exchange(lacks_threads_, true)) return;
    log::warning("the system has no more threads; those that scrape have to do",
                 {{"threads", threads_.size()}, {"error", std::string_view(failure.what())}});
  }
}

void ScrapePool::work() {
  Lock lock(mutex_);
  while (!stopping_) {
    if (turn(lock)) continue;
    ++idle_;
    changed_.wait_for(lock, until_next());
    --idle_;
  }
}

bool ScrapePool::turn() {
  Lock lock(mutex_);
  return turn(lock);
}

bool ScrapePool::slow_allowed() const {
  return schedule_.slow_running() < std::max<std::size_t>(1, options_.most_workers / 2);
}

std::chrono::nanoseconds ScrapePool::until_next() const {
  const auto now = clock_.monotonic();
  auto wait = kLongestPoolWait;
  if (!refreshing_) wait = std::min(wait, refresh_at_ - now);
  if (const auto next = schedule_.next(slow_allowed())) wait = std::min(wait, *next - now);
  return std::max(wait, std::chrono::nanoseconds(0));
}

bool ScrapePool::turn(Lock& lock) {
  const auto now = clock_.monotonic();
  if (!refreshing_ && now >= refresh_at_) {
    refresh(lock);
    return true;
  }
  const auto id = schedule_.take(now, slow_allowed());
  if (!id) return false;
  // Somebody must be there for whoever is due next.
  if (idle_ == 0 && !threads_.empty() && !stopping_ && threads_.size() < options_.most_workers) {
    add_helper();
  } else {
    changed_.notify_one();
  }
  scrape(lock, *id);
  return true;
}

void ScrapePool::refresh(Lock& lock) {
  refreshing_ = true;
  refresh_at_ = clock_.monotonic() + options_.refresh;
  lock.unlock();
  std::vector<std::string> complaints;
  std::vector<std::vector<ScrapeTarget>> wanted;
  for (Job& job : jobs_) {
    job.files.refresh();
    complaints.insert(complaints.end(), job.files.complaints().begin(),
                      job.files.complaints().end());
    std::vector<TargetGroup> groups = job.job->static_groups;
    for (TargetGroup& group : job.files.groups()) groups.push_back(std::move(group));
    wanted.push_back(make_targets(*job.job, groups, complaints));
  }
  lock.lock();
  std::vector<std::shared_ptr<ScrapeSource>> ended;
  for (std::size_t i = 0; i < jobs_.size(); ++i) apply(i, std::move(wanted[i]), ended);
  const bool news = complaints != std::exchange(complaints_, complaints);
  lock.unlock();
  if (news) {
    for (const std::string& complaint : complaints) {
      log::warning("scrape targets left out", {{"why", complaint}});
    }
  }
  for (const auto& source : ended) retire_source(*source, clock_.wall_ms());
  lock.lock();
  refreshing_ = false;
  changed_.notify_all();
}

void ScrapePool::apply(std::size_t job, std::vector<ScrapeTarget> wanted,
                       std::vector<std::shared_ptr<ScrapeSource>>& ended) {
  const auto identity = [](const ScrapeTarget& target) {
    return std::pair(target.url, target.labels);
  };
  std::set<std::pair<std::string, Labels>> wanted_names, known_names;
  for (const ScrapeTarget& target : wanted) wanted_names.insert(identity(target));
  for (auto it = items_.begin(); it != items_.end();) {
    const auto current = it++;
    const Item& item = current->second;
    if (item.job != job) continue;
    if (wanted_names.contains(identity(item.target))) {
      known_names.insert(identity(item.target));
      schedule_.keep(current->first);  // it may have been unwanted a moment ago
    } else if (schedule_.remove(current->first)) {
      ended.push_back(item.source);
      items_.erase(current);
    }
  }
  for (ScrapeTarget& target : wanted) {
    if (known_names.contains(identity(target))) continue;
    Item item;
    item.hash = target_hash(target);
    item.job = job;
    item.source = std::make_shared<Scraper>(jobs_[job].job, target, client_, sink_, clock_);
    item.target = std::move(target);
    schedule(std::move(item));
  }
}

void ScrapePool::scrape(Lock& lock, Id id) {
  const Item& item = items_.at(id);
  const std::shared_ptr<ScrapeSource> source = item.source;
  const std::uint64_t hash = item.hash;
  const std::chrono::milliseconds interval(item.target.interval_ms);
  lock.unlock();
  const auto began = clock_.monotonic();
  const std::int64_t time_ms = grid_time_ms(clock_.wall_ms(), interval, hash);
  ScrapeOutcome outcome;
  try {
    outcome = source->scrape(time_ms, stopping_);
  } catch (const Failure& failure) {
    outcome.why = failure.what();
  }
  lock.lock();
  const auto now = clock_.monotonic();
  if (stopping_) return;
  if (schedule_.done(id, now, now - began)) {
    record(items_.at(id), outcome, time_ms);
    return;
  }
  items_.erase(id);
  lock.unlock();
  retire_source(*source, clock_.wall_ms());
  lock.lock();
}

// When trouble begins, when it becomes another (up or not), when it has ended, and once an hour
// while it lasts. Not whenever its text changes: that has milliseconds and bytes in it. One good
// scrape between bad ones does not end it.
void ScrapePool::tell(Item& item, const ScrapeOutcome& outcome) const {
  const ScrapeTarget& target = item.target;
  const auto now = clock_.monotonic();
  const std::string where = target.url.substr(0, target.url.find('?'));
  const auto health = outcome.up ? ScrapeTarget::Health::up : ScrapeTarget::Health::down;
  auto& trouble = item.trouble;
  if (outcome.why.empty()) {
    if (!trouble || ++trouble->well < kWellScrapes) return;
    log::info("a scrape target is well again", {{"target", where}});
    trouble.reset();
    return;
  }
  if (trouble && health == trouble->health && now - trouble->told_at < kTroubleToldEvery) {
    trouble->well = 0;
    return;
  }
  log::warning("a scrape went wrong", {{"target", where}, {"why", outcome.why}});
  trouble = Trouble{now, health, 0};
}

void ScrapePool::record(Item& item, const ScrapeOutcome& outcome, std::int64_t time_ms) {
  ScrapeTarget& target = item.target;
  tell(item, outcome);
  target.health = outcome.up ? ScrapeTarget::Health::up : ScrapeTarget::Health::down;
  target.last_error = outcome.why;
  target.last_scrape_ms = time_ms;
  target.last_duration_s = outcome.duration_s;
  samples_ += outcome.samples;
  ++outcomes_.at(outcome.up ? 1 : 0);
}

std::vector<ScrapeTarget> ScrapePool::targets() const {
  std::vector<ScrapeTarget> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, item] : items_) {
      if (item.job) all.push_back(item.target);
    }
  }
  std::sort(all.begin(), all.end(), [](const ScrapeTarget& a, const ScrapeTarget& b) {
    return std::tie(a.pool, a.url) < std::tie(b.pool, b.url);
  });
  return all;
}

void ScrapePool::append_to(std::vector<MetricFamily>& families) const {
  std::array<std::size_t, 3> by_health{};
  const std::lock_guard lock(mutex_);
  for (const auto& [id, item] : items_) {
    if (item.job) ++by_health.at(static_cast<std::size_t>(item.target.health));
  }
  families.push_back(family(metrics::scrape_targets));
  constexpr std::array<const char*, 3> kHealth = {"unknown", "up", "down"};
  for (std::size_t i = 0; i < kHealth.size(); ++i) {
    families.back().samples.push_back(
        {{{"health", kHealth.at(i)}}, static_cast<double>(by_health.at(i))});
  }
  families.push_back(family(metrics::scrapes_total));
  families.back().samples.push_back({{{"outcome", "down"}}, static_cast<double>(outcomes_[0])});
  families.back().samples.push_back({{{"outcome", "up"}}, static_cast<double>(outcomes_[1])});
  families.push_back(family(metrics::scrapes_missed_total));
  families.back().samples.push_back({{}, static_cast<double>(schedule_.missed())});
  families.push_back(family(metrics::scrape_samples_total));
  families.back().samples.push_back({{}, static_cast<double>(samples_)});
}

}  // namespace volta
