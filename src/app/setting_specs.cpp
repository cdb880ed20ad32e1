// Every setting there is: keys of sections, and fields of tables in double brackets.
#include "app/settings.hpp"
#include "model/metric.hpp"

namespace volta {
namespace {

bool is_of_role(const std::string& roles, std::string_view role) {
  return (" " + roles + " ").find(" " + std::string(role) + " ") != std::string::npos;
}

// Prometheus' relabelling rules, under its names.
TableSpec relabel_rules(const std::string& name, const std::string& help,
                        const std::string& example) {
  using T = SettingType;
  return {name,
          "",
          help,
          {{"action", T::word, "replace", "", "What is done with what matches",
            "keep drop replace hashmod labelmap labeldrop labelkeep", "drop"},
           {"source_labels", T::text_list, "", "", "Labels whose values, joined, are looked at", "",
            example},
           {"separator", T::text, ";", "", "What joins them"},
           {"regex", T::text, "(.*)", "", "RE2, of the whole", "", "debug_.*"},
           {"target_label", T::text, "", "", "Of replace and hashmod: the label that is set"},
           {"replacement", T::text, "$1", "", "Its value; $1 is the first group of the regex"},
           {"modulus", T::count, "0", "", "Of hashmod"}}};
}

// How volta shows itself to another server.
void add_credentials(std::vector<SettingSpec>& fields) {
  using T = SettingType;
  const std::vector<SettingSpec> some = {
      {"username", T::text, "", "", "Of basic authentication", "", "", "user basic_auth"},
      {"password_file", T::path, "", "", "File with its password (mode 0600)", "", "",
       "password basic_auth_password_file"},
      {"bearer_token_file", T::path, "", "",
       "File with a bearer token (mode 0600), in place of a user", "", "",
       "credentials_file token_file bearer_token"},
      {"headers", T::text_map, "", "", "More headers, such as X-Scope-OrgID", "", "", "", false,
       true},
      {"ca_file", T::path, "", "", "Certificates to trust in place of the system's (PEM)"},
      {"insecure_skip_verify", T::boolean, "false", "",
       "Do not look at the other end's certificate: anybody may then be it"}};
  fields.insert(fields.end(), some.begin(), some.end());
}

TableSpec scrape_table() {
  using T = SettingType;
  TableSpec table{"scrape", "local server", "Exporters that volta asks, one table a job", {}};
  table.fields = {
      {"job", T::text, "", "", "The label `job`, unique", "", "node", "job_name name", true},
      {"targets", T::text_list, "", "", "HOST:PORT of each", "", "127.0.0.1:9100",
       "static_configs address"},
      {"file_sd", T::text_list, "", "",
       "JSON files with more targets, read every 30 s; * in their names stands for anything", "",
       "", "file_sd_configs files"},
      {"labels", T::text_map, "", "", "Labels of the targets in `targets`"},
      {"scheme", T::word, "http", "", "http or https", "http https"},
      {"metrics_path", T::text, "/metrics", "", "The path of the URL", "", "", "path"},
      {"params", T::text_lists, "", "", "Parameters of the URL", "", "", "", false, true},
      {"interval", T::duration, "1m", "", "How often", "100ms..1d", "", "scrape_interval"},
      {"timeout", T::duration, "10s", "", "When an answer is late; not above the interval",
       "10ms..1d", "", "scrape_timeout"},
      {"honor_labels", T::boolean, "false", "", "Where both have a label, the sample's stays"},
      {"honor_timestamps", T::boolean, "true", "", "Times that a target gives are taken"},
      {"sample_limit", T::count, "0", "", "More samples fail a scrape; 0: no limit"},
      {"label_limit", T::count, "0", "", "A series of more labels fails a scrape; 0: no limit"},
      {"body_size_limit", T::size, "64MiB", "", "A longer answer fails a scrape", "1KiB..1GiB", "",
       "body_limit"}};
  add_credentials(table.fields);
  table.inner = {
      relabel_rules("relabel_configs", "Rules over the labels of targets", "__address__"),
      relabel_rules("metric_relabel_configs", "Rules over the labels of samples", "__name__")};
  return table;
}

// What volta asks by itself, and what may be asked of it.
void add_question_settings(std::vector<SettingSpec>& specs) {
  using T = SettingType;
  const std::vector<SettingSpec> some = {
      {"textfile.folder", T::path, "", "local server",
       "Folder of *.prom files in which scripts leave metrics of this host; empty: none"},
      {"textfile.interval", T::duration, "15s", "local server", "How often it is read", "1s..1h"},
      {"outbound.allow", T::text_list, "loopback,private,public", "local server",
       "Networks in which targets are scraped and written to: these words, and networks such as "
       "10.0.0.0/8; link-local ones only by a network that lies among them"},
      {"outbound.deny", T::text_list, "", "local server", "Networks that are left out of these"},
      {"query.timeout", T::duration, "2m", "local server", "The longest that a query may run",
       "1s..1h"},
      {"query.lookback_delta", T::duration, "5m", "local server",
       "How old the last sample of a series may be to count as its value", "1s..1d", "",
       "lookback"},
      {"query.max_samples", T::count, "50000000", "local server", "Samples that one query may read",
       "1000..10000000000"},
      {"query.max_series", T::count, "200000", "local server", "Series that one query may select",
       "1..100000000"},
      {"query.max_memory", T::size, "1GiB", "local server",
       "Memory that the results of one query may take", "1MiB..1TiB"},
      {"query.max_concurrency", T::count, "4", "local server",
       "Queries that run at once; others wait", "1..64"}};
  specs.insert(specs.end(), some.begin(), some.end());
}

// Who keeps the samples.
void add_store_settings(std::vector<SettingSpec>& specs) {
  using T = SettingType;
  std::vector<SettingSpec> some = {
      {"engine", T::word, "volta", "",
       "Who keeps the samples: volta, or another engine that speaks Prometheus' protocols "
       "(Prometheus, VictoriaMetrics, Mimir, Thanos)",
       "volta prometheus"},
      {"write_url", T::url, "", "", "Of the other engine: where it takes remote write", "",
       "http://127.0.0.1:9090/api/v1/write"},
      {"query_url", T::url, "", "", "Of the other engine: what stands before /api/v1/query", "",
       "http://127.0.0.1:9090"}};
  add_credentials(some);
  for (SettingSpec& spec : some) {
    spec.key = "store." + spec.key;
    spec.roles = "local server";
  }
  specs.insert(specs.end(), some.begin(), some.end());
}

TableSpec remote_write_table() {
  using T = SettingType;
  TableSpec table{"remote_write",
                  "local server",
                  "Servers to which all samples are written as well, one table each",
                  {}};
  table.fields = {
      {"name", T::text, "", "", "Unique; under it is kept how far the server has all", "",
       "central", "", true},
      {"url", T::url, "", "", "Where its remote write receiver listens", "",
       "https://prometheus.example/api/v1/write", "", true},
      {"protocol", T::word, "auto", "", "auto tries 2.0 first, and goes over to 1.0 where it must",
       "auto 1.0 2.0", "", "version protobuf_message"},
      {"shards", T::count, "4", "", "Requests that are on their way at once", "1..64", "",
       "max_shards queue_config"},
      {"max_samples_per_send", T::count, "2000", "", "Samples of one request", "1..100000"},
      {"max_bytes_per_send", T::size, "4MiB", "", "Bytes of one request", "64KiB..64MiB"},
      {"batch_send_deadline", T::duration, "5s", "", "How long a sample waits for others", "0..10m",
       "", "deadline"},
      {"timeout", T::duration, "30s", "", "When an answer is late", "100ms..1h", "",
       "remote_timeout"}};
  add_credentials(table.fields);
  table.inner = {
      relabel_rules("write_relabel_configs", "Rules over the labels of what is sent", "__name__")};
  return table;
}

// Of the agent: its way to the server, and where it runs.
void add_agent_settings(std::vector<SettingSpec>& specs) {
  using T = SettingType;
  specs.insert(
      specs.end(),
      {
          {"agent.server", T::address, "", "agent", "The server's HOST:PORT"},
          {"agent.pin", T::text, "", "agent",
           "The key by which the server is known (volta server --show-pin); empty: by its "
           "certificate"},
          {"agent.ca_file", T::text, "", "agent",
           "Authorities who may have signed the server's certificate, PEM; empty: the machine's"},
          {"agent.token_file", T::text, "", "agent", "File with the host token (mode 0600)"},
          {"agent.flush", T::duration, "10s", "agent",
           "How long samples are gathered before they are sent"},
          {"agent.spool_size", T::size, "256MiB", "agent",
           "How much of what no server has taken is kept on disk, in spool/ of the data directory, "
           "the "
           "newest; at least 1MiB; 0: in memory alone, some minutes",
           "0..1TiB", "", "spool buffer queue storage.total_limit_size"},
          {"agent.cores", T::cores, "all", "local agent",
           "Cores on which the sampling thread may run"},
      });
}

std::vector<SettingSpec> every_setting() {
  using T = SettingType;
  std::vector<SettingSpec> specs = {
      {"http.listen", T::listen, "127.0.0.1:8420", "local server",
       "Where the page and the API answer"},
      {"http.tls", T::boolean, "false", "local server", "Serve HTTPS alone on loopback too"},
      {"http.certificate", T::text, "", "local server",
       "Certificate of the page with its chain, PEM, read again when it changes; empty: volta's "
       "own"},
      {"http.key", T::text, "", "local server", "The certificate's private key, PEM"},
      {"http.insecure", T::boolean, "false", "local server",
       "Serve plain HTTP beyond loopback too"},
      {"http.allowed_hosts", T::text_list, "", "local server",
       "Names by which the page is reached, besides the address itself and the machine's own name"},
      {"rpc.listen", T::listen, "127.0.0.1:8421", "server", "Where agents arrive"},
      {"rpc.tls", T::boolean, "false", "server agent", "Encrypt agents' links on loopback too"},
      {"rpc.insecure_plaintext", T::boolean, "false", "server agent",
       "Speak to the other end without encryption beyond loopback"},
      {"hosts.file", T::text, "", "server",
       "The hosts, in a file that several servers share (volta host --hosts-file); needs another "
       "engine; empty: they are this server's own"},
      {"metrics.disable", T::text_list, "", "local agent",
       "Metrics to leave out, by name; * stands for anything"},
      {"metrics.partitions", T::boolean, "false", "local agent", "Block devices: partitions too"},
      {"metrics.network_filesystems", T::boolean, "false", "local agent",
       "Filesystems of other machines too"},
      {"metrics.per_core", T::cores, "all", "local agent", "Cores that get series of their own"},
      {"retention.raw", T::duration, "14d", "local server",
       "How long samples are kept; 0: for ever"},
      {"retention.minute", T::duration, "180d", "local server",
       "How long windows of a minute are kept; 0: for ever"},
      {"retention.hour", T::duration, "5y", "local server",
       "How long windows of an hour are kept; 0: for ever"},
      {"retention.size", T::disk_size, "", "local server",
       "How large the data directory may grow: a size, or a share of its disk; 0: no limit"},
      {"paths.data", T::text, "", "local server agent", "Data directory"},
      {"paths.procfs", T::text, "/proc", "local agent", "Root of procfs"},
      {"paths.sysfs", T::text, "/sys", "local agent", "Root of sysfs"},
      {"paths.rootfs", T::text, "/", "local agent", "What mount points and /etc are relative to"},
      {"log.level", T::word, "info", "local server agent", "debug, info, warning or error",
       "debug info warning error"},
      {"log.format", T::word, "logfmt", "local server agent", "logfmt or json", "logfmt json"},
  };
  add_agent_settings(specs);
  add_store_settings(specs);
  add_question_settings(specs);
  for (const MetricGroup& group : metric_groups()) {
    if (group.period.count() == 0) continue;  // the server's own numbers are not sampled
    const std::string key = "groups." + std::string(group.name);
    // What energy is counted from needs more than one reading a minute: longer intervals may hide
    // a wrap of the counter, and energy/ withholds them.
    const bool counts_energy =
        group.name == "energy" || group.name == "battery" || group.name == "sensor";
    specs.push_back({key + ".enabled", T::boolean, "true", "local agent", std::string(group.help)});
    specs.push_back({key + ".period", T::duration, std::to_string(group.period.count()) + "ms",
                     "local agent", "How often", counts_energy ? "10ms..30s" : "10ms..1h"});
  }
  return specs;
}

}  // namespace

std::vector<SettingSpec> setting_specs(std::string_view role) {
  std::vector<SettingSpec> specs = every_setting();
  std::erase_if(specs, [&](const SettingSpec& spec) { return !is_of_role(spec.roles, role); });
  for (SettingSpec& spec : specs) {
    if (spec.key == "retention.size" && role == "local") spec.fallback = "2GB";
    if (spec.key == "retention.size" && role == "server") spec.fallback = "80%";
    if (spec.key == "paths.data") spec.fallback = default_data_dir(role).string();
  }
  return specs;
}

std::vector<std::string> every_setting_key() {
  const std::vector<SettingSpec> specs = every_setting();
  std::vector<std::string> keys;
  keys.reserve(specs.size());
  for (const SettingSpec& spec : specs) keys.push_back(spec.key);
  return keys;
}

std::vector<TableSpec> table_specs(std::string_view role) {
  std::vector<TableSpec> specs = {scrape_table(), remote_write_table()};
  std::erase_if(specs, [&](const TableSpec& spec) { return !is_of_role(spec.roles, role); });
  return specs;
}

}  // namespace volta
