#include "app/peer_settings.hpp"

#include <algorithm>
#include <map>
#include <span>

#include "app/process.hpp"
#include "app/secret_file.hpp"
#include "base/text.hpp"
#include "model/names.hpp"

namespace volta {
namespace {

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
  throw StartFailure(Exit::configuration, place + ": " + why);
}

template <typename T>
T accepted(Result<T> made, const std::string& place) {
  if (!made) refuse(place, made.error().text);
  return *std::move(made);
}

void require(const Result<void>& checked, const std::string& place) {
  if (!checked) refuse(place, checked.error().text);
}

Relabeler rules_of(const SettingTable& table, const std::string& name) {
  std::vector<RelabelRule> rules;
  for (const SettingTable& given : table.inner(name)) {
    RelabelRule rule;
    rule.action = *parse_relabel_action(given.text("action"));
    rule.source_labels = given.list("source_labels");
    rule.separator = given.text("separator");
    rule.regex = given.text("regex");
    rule.target_label = given.text("target_label");
    rule.replacement = given.text("replacement");
    rule.modulus = given.count("modulus");
    // Each alone first: the sentence then has the place of that rule.
    const Result<Relabeler> alone = Relabeler::make(std::span(&rule, 1));
    if (!alone) {
      const std::string& why = alone.error().text;  // "rule 1: ..."
      refuse(given.place(), name + ": " + why.substr(why.find(": ") + 2));
    }
    rules.push_back(std::move(rule));
  }
  return accepted(Relabeler::make(rules), table.place());
}

Labels labels_of(const SettingTable& table, const std::string& key) {
  Labels labels;
  const std::string place = table.value(key).origin + ": " + key;
  for (const auto& [name, text] : table.pairs(key)) {
    if (!is_label_name(name)) refuse(place, name + " is not the name of a label");
    if (!is_utf8(text)) refuse(place, "the text of " + name + " is not UTF-8");
    if (!text.empty()) labels.emplace_back(name, text);
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

void check_paths(const SettingTable& table, const std::string& key) {
  const std::string place = table.value(key).origin + ": " + key;
  for (const std::string& path : table.list(key)) {
    if (!path.starts_with('/')) refuse(place, "'" + path + "' is not an absolute path");
  }
}

ScrapeJob job_of(const SettingTable& table) {
  ScrapeJob job;
  job.name = table.text("job");
  job.scheme = table.text("scheme");
  job.metrics_path = table.text("metrics_path");
  job.params = table.pairs("params");
  job.interval = table.duration("interval");
  job.timeout = table.duration("timeout");
  // Whoever asks often need not say twice how long an answer may take.
  if (table.value("timeout").origin == "default") job.timeout = std::min(job.timeout, job.interval);
  job.honor_labels = table.boolean("honor_labels");
  job.honor_timestamps = table.boolean("honor_timestamps");
  check_paths(table, "file_sd");
  job.file_sd = table.list("file_sd");
  if (const auto targets = table.list("targets"); !targets.empty())
    job.static_groups.push_back({targets, labels_of(table, "labels")});
  if (job.static_groups.empty() && job.file_sd.empty())
    refuse(table.place(), "scrape job '" + job.name + "' has neither targets nor file_sd");
  if (job.static_groups.empty() && !table.pairs("labels").empty())
    refuse(table.value("labels").origin,
           "labels are of the job's targets, and it has none; those of file_sd stand in its files");
  job.credentials = http_credentials(table, "");
  job.target_relabel = rules_of(table, "relabel_configs");
  job.metric_relabel = rules_of(table, "metric_relabel_configs");
  job.sample_limit = table.count("sample_limit");
  job.label_limit = table.count("label_limit");
  job.body_limit = table.size("body_size_limit");
  require(check_scrape_job(job), table.place());
  // Addresses that are none are said now, and not only in the log.
  std::vector<std::string> complaints;
  make_targets(job, job.static_groups, complaints);
  if (!complaints.empty()) refuse(table.value("targets").origin, complaints.front());
  return job;
}

WriteTarget write_target_of(const SettingTable& table) {
  WriteTarget target;
  target.name = table.text("name");
  target.url = table.text("url");
  target.credentials = http_credentials(table, "");
  target.relabel = rules_of(table, "write_relabel_configs");
  target.version_1 = table.text("protocol") != "2.0";
  target.version_2 = table.text("protocol") != "1.0";
  target.shards = table.count("shards");
  target.limits.most_samples = table.count("max_samples_per_send");
  target.limits.most_bytes = table.size("max_bytes_per_send");
  target.limits.deadline = table.duration("batch_send_deadline");
  target.timeout = table.duration("timeout");
  require(check_write_target(target), table.place());
  return target;
}

// Names that have to be unique among the tables of a kind.
class Names {
 public:
  explicit Names(std::string what) : what_(std::move(what)) {}
  void add(const std::string& name, const std::string& place) {
    const auto [known, fresh] = places_.emplace(name, place);
    if (!fresh)
      refuse(place, what_ + " '" + printable(name) + "' stands at " + known->second + " already");
  }

 private:
  std::string what_;
  std::map<std::string, std::string> places_;
};

}  // namespace

HttpCredentials http_credentials(const SettingValues& values, const std::string& prefix) {
  HttpCredentials made;
  made.basic_user = values.text(prefix + "username");
  const SettingValue& password = values.value(prefix + "password_file");
  const SettingValue& token = values.value(prefix + "bearer_token_file");
  if (made.basic_user.empty() != password.text.empty())
    refuse(made.basic_user.empty() ? password.origin : values.value(prefix + "username").origin,
           "username and password_file belong together");
  const auto secret = [&](const char* key, const SettingValue& file) {
    try {
      return read_key_file(file.text);
    } catch (const StartFailure& failure) {
      refuse(file.origin, prefix + key + ": " + failure.what());
    }
  };
  if (!password.text.empty()) made.basic_password = secret("password_file", password);
  if (!token.text.empty()) made.bearer_token = secret("bearer_token_file", token);
  made.headers = values.pairs(prefix + "headers");
  made.ca_file = values.text(prefix + "ca_file");
  made.insecure_skip_verify = values.boolean(prefix + "insecure_skip_verify");
  return made;
}

NetworkRules network_rules(const Settings& settings) {
  const auto allow = settings.list("outbound.allow");
  const auto deny = settings.list("outbound.deny");
  // `allow` alone first, so that the sentence has the right place.
  accepted(NetworkRules::make(allow), settings.value("outbound.allow").origin + ": outbound.allow");
  return accepted(NetworkRules::make(allow, deny),
                  settings.value("outbound.deny").origin + ": outbound.deny");
}

PeerOptions peer_options(const Settings& settings) {
  PeerOptions options;
  options.rules = network_rules(settings);
  Names jobs("scrape job");
  for (const SettingTable& table : settings.tables("scrape")) {
    options.jobs.push_back(job_of(table));
    jobs.add(options.jobs.back().name, table.place());
  }
  Names targets("remote write target");
  for (const SettingTable& table : settings.tables("remote_write")) {
    options.write_targets.push_back(write_target_of(table));
    targets.add(options.write_targets.back().name, table.place());
  }
  options.text_folder = settings.text("textfile.folder");
  options.text_interval = settings.duration("textfile.interval");
  return options;
}

QueryLimits query_limits(const Settings& settings) {
  QueryLimits limits;
  limits.timeout = settings.duration("query.timeout");
  limits.lookback = settings.duration("query.lookback_delta");
  limits.most_samples = settings.count("query.max_samples");
  limits.most_series = settings.count("query.max_series");
  limits.most_bytes = settings.size("query.max_memory");
  return limits;
}

}  // namespace volta
