// One function per role and small command. The command line fills the options; each returns the
// exit code.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/settings.hpp"

namespace volta {

extern const char* const kVersion;   // "0.1.0"
extern const char* const kRevision;  // short commit, or "unknown"

// A role's settings from --config, environment and flags; logs warnings, sets up logging. Throws
// StartFailure.
Settings load_settings(const std::string& role, const std::optional<std::string>& config,
                       std::vector<SettingsSource::Flag> flags);

struct RoleOptions {
  std::optional<std::string> config;
  std::vector<SettingsSource::Flag> flags;  // --listen and the like, as settings
};
int run_local(const RoleOptions& options);
// What `volta server` prints instead of serving.
struct ServerShow {
  bool access_key = false;
  bool pin = false;
};
int run_server(const RoleOptions& options, const ServerShow& show);
int run_agent(const RoleOptions& options);

// volta agent --once | --samples N: readings on stdout, no server.
struct ReadingsOptions {
  RoleOptions role;
  long samples = 1;
  std::string interval = "1s";
  std::string format = "text";  // text, json, prometheus
};
int run_readings(const ReadingsOptions& options);

struct HostOptions {
  std::string action;  // add, list, disable, enable, remove, rotate, export
  std::string name;
  std::optional<std::string> data;
  std::string hosts_file;  // in place of a server; "": none
  bool json = false;
  bool token = false;  // print the token alone
};
int run_host(const HostOptions& options);
int run_hosts_file(const HostOptions& options);

// Whom a question goes to: a volta that serves, or a directory.
struct DoorChoice {
  std::string server = "http://127.0.0.1:8420";
  std::string data;      // a directory in place of the server; "": the server
  std::string key_file;  // with the access key; "": none is sent
  std::string pin;       // of the server's key; "": its certificate must be valid
  std::string ca_file;   // who may have signed that; "": the machine's authorities
};

struct QueryOptions {
  std::string expression;
  DoorChoice door;
  std::string time = "now";
  std::string range;  // duration; "": an instant query
  std::string step;   // duration; "": some 250 steps
  std::string format = "table";
};
int run_query(const QueryOptions& options);

struct ImportOptions {
  std::string data;
  std::string file;  // "-": standard input
  bool json = false;
};
int run_import(const ImportOptions& options);

struct ExportOptions {
  DoorChoice door;
  std::vector<std::string> match;    // selectors; none: all series
  std::string start, end;            // "": from the oldest, up to the newest
  std::string format = "jsonlines";  // openmetrics, jsonlines, csv
};
int run_export(const ExportOptions& options);

struct BenchOptions {
  std::string directory;  // "": the system's for temporary files
  unsigned hosts = 4;
  unsigned series = 500;    // of a host
  std::string span = "1h";  // of samples, one a second
  bool json = false;
};
int run_bench_store(const BenchOptions& options);

struct StoreCommandOptions {
  std::string action;  // stats, check, seal
  std::string data;
  bool json = false;
};
int run_store(const StoreCommandOptions& options);

struct ArchiveOptions {
  std::string data;
  std::string before;  // a time
  std::string output;
  bool json = false;
};
int run_archive(const ArchiveOptions& options);

struct BackupOptions {
  std::string data;
  std::string file;
  bool json = false;
};
int run_backup(const BackupOptions& options);
int run_restore(const BackupOptions& options);

struct ConfigOptions {
  std::string action;  // check, show, init
  std::string role = "local";
  std::optional<std::string> config;
};
int run_config(const ConfigOptions& options);

int run_metrics(bool json);
int run_version(bool json);

struct HealthOptions {
  std::string url = "http://127.0.0.1:8420";
  bool json = false;
};
int run_health(const HealthOptions& options);

}  // namespace volta
