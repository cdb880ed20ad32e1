// From the configuration to whom volta scrapes, which files it reads and to whom it writes. Secrets
// are read from their files here, once.
#pragma once

#include <chrono>
#include <filesystem>
#include <vector>

#include "api/api_parts.hpp"
#include "app/settings.hpp"
#include "outbound/network_rules.hpp"
#include "prom/remote_sender.hpp"
#include "prom/scrape_job.hpp"

namespace volta {

struct PeerOptions {
  NetworkRules rules = NetworkRules::standard();
  std::vector<ScrapeJob> jobs;
  std::filesystem::path text_folder;  // "": none
  std::chrono::milliseconds text_interval{15'000};
  std::string host;  // this machine's name, the label `host` of the series from text files
  std::vector<WriteTarget> write_targets;

  [[nodiscard]] bool scrapes() const { return !jobs.empty() || !text_folder.empty(); }
};

// Throws StartFailure with what is wrong and where: rules that do not compile, names that stand
// twice, secrets that others may read. For local and server; the role sets `host`.
PeerOptions peer_options(const Settings& settings);

// `prefix`: what stands before the names of the fields, "store." of a section. Reads secrets from
// their files. Throws StartFailure as peer_options().
HttpCredentials http_credentials(const SettingValues& values, const std::string& prefix);
// [outbound] of a role. Throws StartFailure as peer_options().
NetworkRules network_rules(const Settings& settings);

// Throws nothing: the settings have checked the ranges.
QueryLimits query_limits(const Settings& settings);

}  // namespace volta
