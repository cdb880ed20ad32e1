// All scrape jobs of a process: whom to ask, when, and the threads that do it. A target holds a
// worker while it is asked, so workers are added while all are busy, up to a bound; targets that
// proved slow have at most half of that bound, and so never delay the others.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "model/exposition.hpp"
#include "model/http.hpp"
#include "model/sample_sink.hpp"
#include "model/scrape_targets.hpp"
#include "prom/file_sd.hpp"
#include "prom/scrape_job.hpp"
#include "prom/scrape_schedule.hpp"
#include "prom/scrape_source.hpp"

namespace volta {

struct ScrapePoolOptions {
  std::size_t most_workers = 32;
  std::chrono::milliseconds refresh{30'000};  // how often files of targets are read
};

// Thread-safe, but for start() and stop().
class ScrapePool final : public ScrapeTargets, public SelfMetrics {
 public:
  // Jobs must pass check_scrape_job(). References must live longer.
  ScrapePool(std::vector<ScrapeJob> jobs, HttpClient& client, SampleSink& sink, const Clock& clock,
             ScrapePoolOptions options = {});
  ~ScrapePool() override { stop(); }
  ScrapePool(const ScrapePool&) = delete;
  ScrapePool& operator=(const ScrapePool&) = delete;

  // Something else that is read by the same threads (a folder of text files). Not in targets().
  void add(std::unique_ptr<ScrapeSource> source, const std::string& name,
           std::chrono::milliseconds interval);

  void start();
  // Ends what is being asked (nothing of it is written) and joins. Series do not end by this: the
  // next start goes on with them. Again: nothing.
  void stop();

  // What a worker does when it has nothing else to do: reads the files of targets if that is due,
  // asks one target that is due. False: nothing was. For tests without threads.
  bool turn();

  [[nodiscard]] std::vector<ScrapeTarget> targets() const override;
  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  struct Job {
    std::shared_ptr<const ScrapeJob> job;
    FileTargets files;  // of the one thread that refreshes
  };
  // What was last logged, until the target has been well for a while.
  struct Trouble {
    std::chrono::nanoseconds told_at{};
    ScrapeTarget::Health health{};
    int well = 0;  // scrapes since the last that went wrong
  };
  struct Item {
    ScrapeTarget target;  // of a source added by add() only pool and interval
    std::uint64_t hash = 0;
    std::optional<std::size_t> job;  // place in jobs_; empty: came by add(), and is not shown
    std::shared_ptr<ScrapeSource> source;
    std::optional<Trouble> trouble{};
  };
  using Id = ScrapeSchedule::Id;
  using Lock = std::unique_lock<std::mutex>;

  void work();
  bool turn(Lock& lock);
  void refresh(Lock& lock);
  void apply(std::size_t job, std::vector<ScrapeTarget> wanted,
             std::vector<std::shared_ptr<ScrapeSource>>& ended);
  void schedule(Item item);
  void scrape(Lock& lock, Id id);
  void record(Item& item, const ScrapeOutcome& outcome, std::int64_t time_ms);
  void tell(Item& item, const ScrapeOutcome& outcome) const;
  void add_worker();
  void add_helper();  // unless the system has no more threads
  [[nodiscard]] bool slow_allowed() const;
  [[nodiscard]] std::chrono::nanoseconds until_next() const;

  HttpClient& client_;
  SampleSink& sink_;
  const Clock& clock_;
  const ScrapePoolOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Behind mutex_.
  std::vector<Job> jobs_;
  std::vector<std::string> complaints_;  // what was logged last of files and addresses
  std::map<Id, Item> items_;
  ScrapeSchedule schedule_;
  Id next_id_ = 1;
  std::chrono::nanoseconds refresh_at_{};
  bool refreshing_ = false;
  std::size_t idle_ = 0;
  std::uint64_t samples_ = 0;
  std::array<std::uint64_t, 2> outcomes_{};  // down, up
  std::vector<std::thread> threads_;
  bool lacks_threads_ = false;  // that was said
  std::atomic<bool> stopping_{false};
};

}  // namespace volta
