// What a scrape job is, and which targets come of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/scrape_targets.hpp"
#include "prom/http_credentials.hpp"
#include "prom/relabel.hpp"

namespace volta {

// Addresses that share labels: from the configuration or of a file.
struct TargetGroup {
  std::vector<std::string> addresses;  // host:port
  Labels labels;
};

// The defaults are Prometheus', but for the limit of the body, which is open there.
struct ScrapeJob {
  std::string name;  // the label `job`
  std::string scheme = "http";
  std::string metrics_path = "/metrics";
  std::vector<std::pair<std::string, std::string>> params;
  std::chrono::milliseconds interval{60'000};
  std::chrono::milliseconds timeout{10'000};
  bool honor_labels = false;     // a clash: the target's own label stays
  bool honor_timestamps = true;  // times that the target gives are taken
  std::vector<TargetGroup> static_groups;
  std::vector<std::string> file_sd;  // paths of JSON files; the last part may hold `*`
  HttpCredentials credentials;
  Relabeler target_relabel;  // over the labels of a target, `__address__` and such among them
  Relabeler metric_relabel;  // over the labels of each sample
  // 0: none. Beyond one of the two the whole scrape fails.
  std::size_t sample_limit = 0;  // after relabelling
  std::size_t label_limit = 0;   // labels of a series, those of the target among them
  std::size_t body_limit = 64U << 20U;
};

// An Error says what is missing or does not fit together.
Result<void> check_scrape_job(const ScrapeJob& job);

// One per address that relabelling keeps, each once: `__address__`, `__scheme__`,
// `__metrics_path__`, `__param_NAME` and `job` may be changed by it; labels that begin with `__`
// are gone after it; `instance` is the address unless it was set. Addresses that cannot be one
// (blanks, a path, user@) are left out, and said in `complaints`.
std::vector<ScrapeTarget> make_targets(const ScrapeJob& job, const std::vector<TargetGroup>& groups,
                                       std::vector<std::string>& complaints);

// The same target gives the same number in every run; targets are spread over their interval by it.
std::uint64_t target_hash(const ScrapeTarget& target);

}  // namespace volta
