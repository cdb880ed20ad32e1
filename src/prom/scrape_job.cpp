#include "prom/scrape_job.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/crypto.hpp"

namespace volta {
namespace {

constexpr std::chrono::hours kLongestInterval{24};
constexpr std::string_view kParamPrefix = "__param_";
constexpr std::array<std::string_view, 6> kScrapeHeaders = {
    "accept", "accept-encoding", "authorization",
    "host",   "user-agent",      "x-prometheus-scrape-timeout-seconds"};

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

void append_query_text(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    if (unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append({'%', kHex[byte >> 4U], kHex[byte & 15U]});
    }
  }
}

// A host with a port or without: nothing that would turn into another part of the URL.
bool address_ok(std::string_view address) {
  return !address.empty() && address.size() <= 300 &&
         std::all_of(address.begin(), address.end(),
                     [](char c) { return unreserved(c) || c == ':' || c == '[' || c == ']'; });
}

bool path_ok(std::string_view path) {
  return path.starts_with('/') && std::all_of(path.begin(), path.end(), [](char c) {
           return c > 0x20 && c != 0x7f && c != '#' && c != '?';
         });
}

Labels discovered_labels(const ScrapeJob& job, const TargetGroup& group,
                         const std::string& address) {
  std::map<std::string, std::string> labels;
  for (const auto& [name, value] : job.params)
    labels.emplace(std::string(kParamPrefix) + name, value);
  labels["__scheme__"] = job.scheme;
  labels["__metrics_path__"] = job.metrics_path;
  labels["job"] = job.name;
  for (const auto& [name, value] : group.labels) labels[name] = value;
  labels["__address__"] = address;
  std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
  return {labels.begin(), labels.end()};
}

// "" where relabelling made something of it that is no URL.
std::string target_url(const ScrapeJob& job, const Labels& labels) {
  const std::string_view scheme = label_value(labels, "__scheme__");
  const std::string_view path = label_value(labels, "__metrics_path__");
  const std::string_view address = label_value(labels, "__address__");
  if ((scheme != "http" && scheme != "https") || !path_ok(path) || !address_ok(address)) return "";
  std::string url(scheme);
  url.append("://").append(address).append(path);
  char separator = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    url += std::exchange(separator, '&');
    append_query_text(url, name);
    url += '=';
    append_query_text(url, value);
  };
  std::set<std::string_view> first;  // of a repeated parameter the first is a label
  for (const auto& [name, value] : job.params) {
    if (!first.insert(name).second) add(name, value);
  }
  for (const auto& [name, value] : labels) {
    if (name.starts_with(kParamPrefix))
      add(std::string_view(name).substr(kParamPrefix.size()), value);
  }
  return url;
}

}  // namespace

Result<void> check_scrape_job(const ScrapeJob& job) {
  const auto bad = [&](const std::string& what) {
    return Error{"scrape job '" + job.name + "': " + what};
  };
  if (job.name.empty()) return Error{"a scrape job has no name"};
  if (job.scheme != "http" && job.scheme != "https") return bad("the scheme is http or https");
  if (!path_ok(job.metrics_path)) {
    return bad("metrics_path begins with / and has no blanks and no query (that is params)");
  }
  if (job.interval < std::chrono::milliseconds(100) || job.interval > kLongestInterval) {
    return bad("the interval is at least 100ms and at most a day");
  }
  if (job.timeout.count() <= 0 || job.timeout > job.interval) {
    return bad("the timeout is longer than the interval, or nothing");
  }
  for (const std::string& path : job.file_sd) {
    if (!path.ends_with(".json")) return bad(path + ": file_sd files are JSON and named *.json");
  }
  if (const auto ok = check_credentials(job.credentials, kScrapeHeaders); !ok) {
    return bad(ok.error().text);
  }
  return {};
}

std::vector<ScrapeTarget> make_targets(const ScrapeJob& job, const std::vector<TargetGroup>& groups,
                                       std::vector<std::string>& complaints) {
  std::vector<ScrapeTarget> targets;
  std::set<std::pair<std::string, Labels>> seen;
  for (const TargetGroup& group : groups) {
    for (const std::string& address : group.addresses) {
      ScrapeTarget target;
      target.discovered = discovered_labels(job, group, address);
      Labels labels = target.discovered;
      if (!job.target_relabel.apply(labels)) continue;
      target.url = target_url(job, labels);
      if (target.url.empty()) {
        complaints.push_back("scrape job '" + job.name + "': '" + address +
                             "' is not an address such as host:9100");
        continue;
      }
      if (label_value(labels, "instance").empty()) {
        labels.emplace_back("instance", label_value(labels, "__address__"));
      }
      std::erase_if(labels, [](const auto& label) { return label.first.starts_with("__"); });
      std::sort(labels.begin(), labels.end());
      target.labels = std::move(labels);
      target.pool = job.name;
      target.interval_ms = job.interval.count();
      target.timeout_ms = job.timeout.count();
      if (seen.emplace(target.url, target.labels).second) targets.push_back(std::move(target));
    }
  }
  return targets;
}

std::uint64_t target_hash(const ScrapeTarget& target) {
  const Sha256 digest = sha256(target.pool + '\n' + target.url + '\n' + label_text(target.labels));
  std::uint64_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

}  // namespace volta
