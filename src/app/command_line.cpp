#include "app/command_line.hpp"

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/commands.hpp"
#include "app/process.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "store/store_error.hpp"

namespace volta {
namespace {

using Run = std::function<int()>;

// What is common to the three roles.
struct RoleFlags {
  std::string config, data, log_level, log_format;
  std::vector<std::pair<CLI::Option*, SettingsSource::Flag>> bound;
  std::vector<std::unique_ptr<std::string>> texts;

  void bind(CLI::App* command, const std::string& flag, const std::string& key,
            const std::string& help, const std::string& type) {
    texts.push_back(std::make_unique<std::string>());
    CLI::Option* option = command->add_option(flag, *texts.back(), help)->type_name(type);
    bound.emplace_back(option, SettingsSource::Flag{key, "", flag});
  }
  CLI::Option* bind_switch(CLI::App* command, const std::string& flag, const std::string& key,
                           const std::string& help) {
    CLI::Option* option = command->add_flag(flag, help);
    bound_too(option, flag, key);
    return option;
  }
  // One switch for another setting more.
  void bound_too(CLI::Option* option, const std::string& flag, const std::string& key) {
    texts.push_back(std::make_unique<std::string>("true"));
    bound.emplace_back(option, SettingsSource::Flag{key, "", flag});
  }
  void common(CLI::App* command) {
    command->add_option("--config", config, "Configuration file (TOML)")->type_name("FILE");
    bind(command, "--data", "paths.data", "Data directory", "DIR");
    bind(command, "--log-level", "log.level", "debug, info, warning or error", "LEVEL");
    bind(command, "--log-format", "log.format", "logfmt or json", "FORMAT");
  }
  void roots(CLI::App* command) {
    bind(command, "--procfs", "paths.procfs", "Root of procfs", "DIR");
    bind(command, "--sysfs", "paths.sysfs", "Root of sysfs", "DIR");
    bind(command, "--rootfs", "paths.rootfs", "What mount points and /etc are relative to", "DIR");
  }
  [[nodiscard]] RoleOptions options() const {
    RoleOptions out;
    if (!config.empty()) out.config = config;
    for (std::size_t i = 0; i < bound.size(); ++i) {
      if (bound[i].first->count() == 0) continue;
      SettingsSource::Flag flag = bound[i].second;
      flag.text = *texts[i];
      out.flags.push_back(std::move(flag));
    }
    return out;
  }
};

void add_local(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("local", "Agent, server and dashboard of this machine in one process");
  auto flags = std::make_shared<RoleFlags>();
  flags->bind(command, "--listen", "http.listen", "Where the page answers [127.0.0.1:8420]",
              "ADDR:PORT");
  flags->bind_switch(command, "--tls", "http.tls", "Serve HTTPS alone on loopback too");
  flags->bind_switch(command, "--insecure-http", "http.insecure",
                     "Serve plain HTTP beyond loopback too");
  flags->common(command);
  flags->roots(command);
  command->footer(
      "Examples:\n  volta local\n  volta local --listen 127.0.0.1:9000 --data ~/volta-data");
  command->callback([&run, flags] { run = [flags] { return run_local(flags->options()); }; });
}

void add_server(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("server", "The centre of many hosts: ingest, store, API, dashboard");
  auto flags = std::make_shared<RoleFlags>();
  auto show = std::make_shared<ServerShow>();
  flags->bind(command, "--listen", "http.listen",
              "Where the page and the API answer [127.0.0.1:8420]", "ADDR:PORT");
  flags->bind(command, "--rpc-listen", "rpc.listen", "Where agents arrive [127.0.0.1:8421]",
              "ADDR:PORT");
  flags->bind_switch(command, "--insecure-http", "http.insecure",
                     "Serve plain HTTP beyond loopback too");
  CLI::Option* tls = flags->bind_switch(command, "--tls", "rpc.tls",
                                        "Encrypt agents' links and the page on loopback too");
  flags->bound_too(tls, "--tls", "http.tls");
  flags->bind_switch(command, "--insecure-plaintext", "rpc.insecure_plaintext",
                     "Accept unencrypted agents beyond loopback");
  flags->bind(command, "--hosts-file", "hosts.file", "The hosts, shared with other servers",
              "FILE");
  command->add_flag("--show-access-key", show->access_key, "Print the page's access key and exit");
  command->add_flag("--show-pin", show->pin, "Print what agents know this server by and exit");
  flags->common(command);
  command->footer(
      "Examples:\n  volta server\n  volta server --listen 0.0.0.0:8420 --rpc-listen 0.0.0.0:8421 "
      "\n"
      "  volta server --show-access-key");
  command->callback(
      [&run, flags, show] { run = [flags, show] { return run_server(flags->options(), *show); }; });
}

void add_agent(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("agent", "Measures this machine and sends it to a server, or to stdout");
  auto flags = std::make_shared<RoleFlags>();
  auto readings = std::make_shared<ReadingsOptions>();
  auto once = std::make_shared<bool>(false);
  flags->bind(command, "--server", "agent.server", "The server", "HOST:PORT");
  flags->bind(command, "--pin", "agent.pin", "The server's key, as volta server --show-pin has it",
              "PIN");
  flags->bind(command, "--ca-file", "agent.ca_file",
              "Who may have signed the server's certificate, PEM", "FILE");
  flags->bind(command, "--token-file", "agent.token_file", "File with the host token, mode 0600",
              "FILE");
  flags->bind(command, "--flush", "agent.flush",
              "How long samples are gathered before they are sent [10s]", "DURATION");
  flags->bind_switch(command, "--tls", "rpc.tls", "Encrypt on loopback too");
  flags->bind_switch(command, "--insecure-plaintext", "rpc.insecure_plaintext",
                     "Speak unencrypted beyond loopback");
  flags->common(command);
  flags->roots(command);
  command->add_flag("--once", *once, "Print one sample of every metric to stdout and exit");
  CLI::Option* samples =
      command->add_option("--samples", readings->samples, "Print N samples to stdout and exit")
          ->check(CLI::Range(1L, 1000000000L))
          ->type_name("N");
  command->add_option("--interval", readings->interval, "Between samples on stdout [1s]")
      ->type_name("DURATION");
  command->add_option("--format", readings->format, "text, json or prometheus [text]")
      ->check(CLI::IsMember({"text", "json", "prometheus"}))
      ->type_name("FORMAT");
  command->footer(
      "Examples:\n  volta agent --server host.example:8421 --token-file /etc/volta/token\n  volta "
      "agent --once --format prometheus\n"
      "  volta agent --samples 10 --interval 500ms --format json");
  command->callback([&run, flags, readings, once, samples] {
    const bool to_stdout = *once || samples->count() > 0;
    run = [flags, readings, to_stdout] {
      if (!to_stdout) return run_agent(flags->options());
      readings->role = flags->options();
      return run_readings(*readings);
    };
  });
}

void add_host(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("host", "The hosts of a server, also while it runs");
  auto options = std::make_shared<HostOptions>();
  auto data = std::make_shared<std::string>();
  const auto add = [&](const std::string& name, const std::string& help, bool needs_name) {
    CLI::App* action = command->add_subcommand(name, help);
    if (needs_name) action->add_option("NAME", options->name, "The host's name")->required();
    CLI::Option* where =
        action->add_option("--data", *data, "The server's data directory")->type_name("DIR");
    if (name != "export") {
      action->add_option("--hosts-file", options->hosts_file, "A file that several servers share")
          ->type_name("FILE")
          ->excludes(where);
      action->add_flag("--json", options->json, "JSON on stdout");
    }
    if (name == "add" || name == "rotate")
      action->add_flag("--token", options->token, "Print the token alone");
    action->callback([&run, options, data, name] {
      options->action = name;
      if (!data->empty()) options->data = *data;
      run = [options] { return run_host(*options); };
    });
  };
  add("add", "Makes a host and prints its token, this once", true);
  add("list", "All hosts with their state", false);
  add("disable", "Refuses the host's agent until enabled", true);
  add("enable", "Lets the host's agent in again", true);
  add("remove", "Removes the host with all its data", true);
  add("rotate", "Makes a new token; the old one is void", true);
  add("export", "The hosts as a file for several servers, on stdout; without their tokens", false);
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  volta host add web-1 --token > token && chmod 600 token\n  volta host list "
      "--json\n  volta host disable web-1\n  volta host add web-2 --hosts-file "
      "/etc/volta/hosts.json "
      "--token > token");
}

void add_door(CLI::App* command, DoorChoice& door) {
  CLI::Option* server =
      command->add_option("--server", door.server, "Whom to ask [http://127.0.0.1:8420]")
          ->type_name("URL");
  command->add_option("--data", door.data, "Ask this data directory, served or not")
      ->type_name("DIR")
      ->excludes(server);
  command->add_option("--key-file", door.key_file, "File with the access key, mode 0600")
      ->type_name("FILE");
  command
      ->add_option("--pin", door.pin,
                   "The key of an https server, as volta server --show-pin has it")
      ->type_name("PIN");
  command->add_option("--ca-file", door.ca_file, "Who may have signed its certificate, PEM")
      ->type_name("FILE");
}

void add_query(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("query", "Asks PromQL of a running volta or of a data directory");
  auto options = std::make_shared<QueryOptions>();
  command->add_option("EXPR", options->expression, "A PromQL expression")->required();
  add_door(command, options->door);
  command->add_option("--time", options->time, "When: RFC 3339, unix seconds, now-1h [now]")
      ->type_name("TIME");
  command->add_option("--range", options->range, "Evaluate over this long before the time")
      ->type_name("DURATION");
  command->add_option("--step", options->step, "Between the points of a range [range / 250]")
      ->type_name("DURATION");
  command->add_option("--format", options->format, "table, csv or json [table]")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->type_name("FORMAT");
  command->footer(
      "Examples:\n  volta query 'volta_power_watts{zone=\"host\"}'\n  volta query 'sum by (mode) "
      "(rate(volta_cpu_seconds_total[1m]))' --range 1h --step 1m --format csv\n"
      "  volta query 'topk(3, volta_power_watts)' --server https://volta.example --key-file key");
  command->callback([&run, options] { run = [options] { return run_query(*options); }; });
}

void add_import(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("import", "Samples from a file into a store, also while it is served");
  auto options = std::make_shared<ImportOptions>();
  command
      ->add_option("FILE", options->file,
                   "OpenMetrics or JSON lines, plain or zstd; - for standard input")
      ->required();
  command->add_option("--data", options->data, "The data directory")->required()->type_name("DIR");
  command->add_flag("--json", options->json, "JSON on stdout");
  command->footer(
      "Examples:\n  volta import --data /var/lib/volta/server node.jsonl.zst\n  volta import "
      "--data DIR metrics.om");
  command->callback([&run, options] { run = [options] { return run_import(*options); }; });
}

void add_export(CLI::App& app, Run& run) {
  CLI::App* group = app.add_subcommand("export", "What a store holds, as text on stdout");
  CLI::App* command = group->add_subcommand("metrics", "Samples with all their labels");
  auto options = std::make_shared<ExportOptions>();
  add_door(command, options->door);
  command->add_option("--match", options->match, "A PromQL selector; several are joined [all]")
      ->type_name("SELECTOR")
      ->allow_extra_args(false);
  command->add_option("--start", options->start, "RFC 3339, a date, unix seconds, now-1h [oldest]")
      ->type_name("TIME");
  command->add_option("--end", options->end, "As --start, and belongs to it [newest]")
      ->type_name("TIME");
  command->add_option("--format", options->format, "jsonlines, openmetrics or csv [jsonlines]")
      ->check(CLI::IsMember({"jsonlines", "openmetrics", "csv"}))
      ->type_name("FORMAT");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  volta export metrics --data /var/lib/volta/server | zstd > all.jsonl.zst\n"
      "  volta export metrics --match 'volta_power_watts' --start now-24h --format csv");
  command->callback([&run, options] { run = [options] { return run_export(*options); }; });
}

void add_store(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("store", "What a data directory holds, also while it is served");
  auto options = std::make_shared<StoreCommandOptions>();
  struct StoreAction {
    const char* name;
    const char* help;
    const char* example;
  };
  for (const auto& [name, help, example] :
       {StoreAction{"stats", "Samples, series and bytes; where the series are",
                    "Examples:\n  volta store stats --data DIR\n"
                    "  volta store stats --data DIR --json"},
        StoreAction{"check", "Reads the database and both journals, says what is damaged",
                    "Example:\n  volta store check --data DIR"},
        StoreAction{"seal", "Compresses all there is at once, and frees what that saves",
                    "Example:\n  volta store seal --data DIR"}}) {
    CLI::App* action = command->add_subcommand(name, help)->footer(example);
    action->add_option("--data", options->data, "The data directory")->required()->type_name("DIR");
    action->add_flag("--json", options->json, "JSON on stdout");
    action->callback([&run, options, action_name = std::string(name)] {
      options->action = action_name;
      run = [options] { return run_store(*options); };
    });
  }
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  volta store stats --data DIR --json\n  volta store check --data DIR\n"
      "  volta store seal --data DIR");

  auto files = std::make_shared<BackupOptions>();
  const auto add = [&](const char* name, const char* help, const char* file,
                       int (*act)(const BackupOptions&)) {
    CLI::App* action = app.add_subcommand(name, help);
    action->add_option("FILE", files->file, file)->required();
    action->add_option("--data", files->data, "The data directory")->required()->type_name("DIR");
    action->add_flag("--json", files->json, "JSON on stdout");
    action->callback([&run, files, act] { run = [files, act] { return act(*files); }; });
    return action;
  };
  add("backup", "Copies a store into one file, also while it is served", "The new file", run_backup)
      ->footer("Example:\n  volta backup --data /var/lib/volta/server volta-2026-11-22.db");
  add("restore", "Makes a backup the store of a directory that has none", "The backup", run_restore)
      ->footer("Example:\n  volta restore --data /var/lib/volta/server volta-2026-11-22.db");
}

void add_archive(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "archive", "Sealed samples into a file, and then out of a store that nobody serves");
  auto options = std::make_shared<ArchiveOptions>();
  command->add_option("--data", options->data, "The data directory")->required()->type_name("DIR");
  command->add_option("--before", options->before, "Hours that end by then: a date, RFC 3339")
      ->required()
      ->type_name("TIME");
  command->add_option("--output", options->output, "The new file: JSON lines, zstd")
      ->required()
      ->type_name("FILE");
  command->add_flag("--json", options->json, "JSON on stdout");
  command->footer(
      "The windows of minutes and hours stay in the store. volta import brings the file back, into "
      "another store or into the same: samples that come for archived hours are kept if they are "
      "no "
      "older than [retention] raw, and windows count none of them twice.\n"
      "Example:\n  volta archive --data /var/lib/volta/server --before 2026-10-01 --output "
      "2026-09.jsonl.zst");
  command->callback([&run, options] { run = [options] { return run_archive(*options); }; });
}

void add_bench(CLI::App& app, Run& run) {
  CLI::App* group = app.add_subcommand("bench", "What volta does on this machine");
  CLI::App* command = group->add_subcommand(
      "store", "Ingest, seal and query synthetic hosts in a directory that is removed afterwards");
  auto options = std::make_shared<BenchOptions>();
  command->add_option("--directory", options->directory, "Where it is made [$TMPDIR or /tmp]")
      ->type_name("DIR");
  command->add_option("--hosts", options->hosts, "How many hosts [4]")
      ->check(CLI::Range(1U, 1000U))
      ->type_name("N");
  command->add_option("--series", options->series, "Series of a host [500]")
      ->check(CLI::Range(8U, 5000U))
      ->type_name("N");
  command->add_option("--span", options->span, "Of samples, one a second [1h]")
      ->type_name("DURATION");
  command->add_flag("--json", options->json, "JSON on stdout");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  volta bench store\n  volta bench store --directory /var/lib --hosts 20 "
      "--json");
  command->callback([&run, options] { run = [options] { return run_bench_store(*options); }; });
}

void add_small(CLI::App& app, Run& run) {
  CLI::App* metrics = app.add_subcommand("metrics", "The metric catalogue: names, units, meaning");
  auto json = std::make_shared<bool>(false);
  metrics->add_flag("--json", *json, "JSON on stdout");
  metrics->footer("Examples:\n  volta metrics\n  volta metrics --json");
  metrics->callback([&run, json] { run = [json] { return run_metrics(*json); }; });

  CLI::App* version = app.add_subcommand("version", "Version and build");
  version->add_flag("--json", *json, "JSON on stdout");
  version->footer("Examples:\n  volta version\n  volta version --json");
  version->callback([&run, json] { run = [json] { return run_version(*json); }; });

  CLI::App* health = app.add_subcommand("health", "Asks a running volta whether it is ready");
  auto asked = std::make_shared<HealthOptions>();
  health->add_option("--url", asked->url, "Its address [http://127.0.0.1:8420]")->type_name("URL");
  health->add_flag("--json", asked->json, "Print the components as JSON");
  health->footer("Examples:\n  volta health\n  volta health --url http://127.0.0.1:9000 --json");
  health->callback([&run, asked] { run = [asked] { return run_health(*asked); }; });

  CLI::App* config = app.add_subcommand("config", "Checks, shows or writes a configuration");
  auto options = std::make_shared<ConfigOptions>();
  auto file = std::make_shared<std::string>();
  for (const auto& [name, help] :
       {std::pair("check", "Says what is wrong with a configuration"),
        std::pair("show", "Every setting in force and where it comes from"),
        std::pair("init", "A complete file with every default, to stdout")}) {
    CLI::App* action = config->add_subcommand(name, help);
    action->add_option("--role", options->role, "local, server or agent [local]")
        ->check(CLI::IsMember({"local", "server", "agent"}))
        ->type_name("ROLE");
    if (std::string(name) != "init")
      action->add_option("--config", *file, "Configuration file (TOML)")->type_name("FILE");
    action->callback([&run, options, file, action_name = std::string(name)] {
      options->action = action_name;
      if (!file->empty()) options->config = *file;
      run = [options] { return run_config(*options); };
    });
  }
  config->require_subcommand(1);
  config->footer(
      "Examples:\n  volta config init --role agent > agent.toml\n  volta config check --role agent "
      "--config agent.toml\n  volta config show --role server\n\n"
      "The environment wins over the file: VOLTA_<SECTION>_<KEY>, lists with commas between, for "
      "example\n  VOLTA_METRICS_DISABLE='volta_load1,volta_disk_*' volta config show");
}

// The command that the words lead to, as far as they do.
const CLI::App* innermost(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? &app : innermost(*parsed.front());
}

// "did you mean ...?" for the first word that no command or flag is.
std::string suggestion(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  std::vector<std::string_view> candidates(names.begin(), names.end());
  const auto near = nearest(word.substr(0, word.find('=')), candidates);
  return near ? "; did you mean " + std::string(*near) + "?" : "";
}

int explain(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = innermost(app);
  std::string path = command->get_name();
  for (const CLI::App* at = command->get_parent(); at != nullptr; at = at->get_parent())
    path.insert(0, at->get_name() + " ");
  std::string text = error.what();
  // A word too many is the better explanation, whatever else is missing because of it.
  const auto extras = app.remaining(true);
  if (!extras.empty()) {
    const std::string& word = extras.front();
    text = (word.starts_with("-") ? "unknown flag " : "unknown command ") + word +
           suggestion(*command, word);
  }
  std::cerr << path << ": " << text << "\nRun '" << path << " --help' for what there is.\n";
  return code(Exit::usage);
}

int run_guarded(const Run& run) {
  try {
    const int status = run();
    // A full disk or a closed pipe: what was asked for did not arrive.
    if (status == code(Exit::done) && !std::cout.flush())
      throw StartFailure(Exit::failed, "standard output takes no more");
    return status;
  } catch (const StartFailure& failure) {
    std::cerr << "volta: " << printable(failure.what()) << '\n';
    return code(failure.exit());
  } catch (const StoreError& failure) {
    // As a role's start ends there.
    const bool incomplete = failure.kind() == StoreError::Kind::incomplete;
    std::cerr << "volta: " << printable(failure.what()) << '\n';
    return code(incomplete ? Exit::data_directory : Exit::failed);
  } catch (const std::exception& failure) {
    std::cerr << "volta: " << printable(failure.what()) << '\n';
    return code(Exit::failed);
  }
}

// The examples of a group such as `volta host` stand with each of its commands too that has none
// of its own, but the program's footer, which the library gave it.
void share_examples(CLI::App& app) {
  const auto all = [](CLI::App*) { return true; };
  for (CLI::App* group : app.get_subcommands(all)) {
    for (CLI::App* command : group->get_subcommands(all)) {
      if (command->get_footer() == app.get_footer()) command->footer(group->get_footer());
    }
  }
}

}  // namespace

int run_command_line(int argc, char** argv) {
  open_standard_streams();
  CLI::App app("See where a computer's energy goes.", "volta");
  app.set_version_flag("--version", std::string("volta ") + kVersion + " (" + kRevision + ")");
  app.footer("Start with: volta local\nHelp on a command: volta COMMAND --help");
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(34);
  Run run;
  add_local(app, run);
  add_server(app, run);
  add_agent(app, run);
  add_host(app, run);
  add_query(app, run);
  add_import(app, run);
  add_export(app, run);
  add_store(app, run);
  add_archive(app, run);
  add_bench(app, run);
  add_small(app, run);
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "help") {  // `volta help query`: as many people ask
    std::rotate(words.begin(), words.begin() + 1, words.end());
    words.back() = "--help";
  }
  std::reverse(words.begin(), words.end());  // as the library wants them
  share_examples(app);
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help and version
    return explain(app, error);
  }
  if (!run) {
    std::cerr << app.help();
    return code(Exit::usage);
  }
  use_builtin_name_services();
  return run_guarded(run);
}

}  // namespace volta
