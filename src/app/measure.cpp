#include "app/measure.hpp"

#include <filesystem>
#include <system_error>

#include "app/commands.hpp"
#include "app/process.hpp"
#include "base/log.hpp"
#include "collect/self.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

SamplerOptions sampler_options(const Settings& settings) {
  SamplerOptions options;
  options.roots = host_roots(settings);
  options.collect.cores = settings.cores("metrics.per_core");
  options.collect.partitions = settings.boolean("metrics.partitions");
  options.collect.network_filesystems = settings.boolean("metrics.network_filesystems");
  options.collect.per_core = settings.boolean("groups.cpu_core.enabled");
  for (const MetricGroup& group : metric_groups()) {
    if (group.period.count() == 0) continue;  // the server's own numbers
    const std::string key = "groups." + std::string(group.name);
    options.periods[std::string(group.name)] = settings.duration(key + ".period");
    if (!settings.boolean(key + ".enabled"))
      options.disabled_groups.insert(std::string(group.name));
  }
  options.disabled_metrics = settings.list("metrics.disable");
  options.labels.assign(settings.labels().begin(), settings.labels().end());
  options.cores = settings.cores("agent.cores");
  return options;
}

}  // namespace

HostRoots host_roots(const Settings& settings) {
  for (const std::string key : {"paths.procfs", "paths.sysfs", "paths.rootfs"}) {
    const SettingValue& value = settings.all().at(key);
    std::error_code ignored;
    if (value.origin != "default" && !std::filesystem::is_directory(value.text, ignored))
      throw StartFailure(Exit::configuration,
                         value.origin + ": " + key + ": " + value.text + " is not a folder");
  }
  return {settings.text("paths.procfs"), settings.text("paths.sysfs"),
          settings.text("paths.rootfs")};
}

Measure::Measure(const Settings& settings, const Clock& clock, TickSink& sink,
                 std::function<UplinkCounters()> uplink)
    : roots_(host_roots(settings)),
      facts_(read_facts(roots_)),
      energy_(settings.boolean("groups.energy.enabled")),
      self_period_(settings.duration("groups.self.period")),
      uplink_(std::move(uplink)),
      account_(clock, {facts_.tdp.watts}),
      sampler_(sampler_options(settings), collectors(), clock, sink,
               [this](Tick& tick) { run_stage(tick); }) {}

void Measure::run_stage(Tick& tick) {
  fill_self_load(roots_, tick);
  if (energy_) account_.run(tick);
  if (uplink_) show_uplink(tick);
}

void Measure::show_uplink(Tick& tick) {
  const std::int64_t now = tick.wall_ms();
  if (uplink_shown_ms_ && now >= *uplink_shown_ms_ &&
      now - *uplink_shown_ms_ < self_period_.count())
    return;
  uplink_shown_ms_ = now;
  const UplinkCounters counters = uplink_();
  const auto show = [&](std::optional<Slot>& slot, MetricId metric, std::uint64_t value) {
    if (!slot) slot = tick.define(metric, {});
    tick.set_unsigned(*slot, value);
  };
  show(buffered_slot_, metrics::agent_buffered_batches, counters.buffered_batches);
  show(dropped_slot_, metrics::agent_dropped_batches_total, counters.dropped_batches);
  show(sent_slot_, metrics::self_sent_bytes_total, counters.sent_bytes);
}

void Measure::warn_of_what_cannot_be_read() const {
  std::error_code unknown;
  if (!std::filesystem::exists(roots_.proc / "stat", unknown)) {
    log::warning("next to nothing of this machine can be read",
                 {{"reason", "there is no " + roots_.proc.string() +
                                 "/stat; is it mounted, and not hidden?"}});
  }
  if (facts_.energy_command.empty()) return;
  log::warning(
      "energy sensors exist but may not be read by this user; until they may, the power shown does "
      "without them and may be an estimate",
      {{"mend_with", facts_.energy_command}});
}

AgentIdentity agent_identity(std::function<HostToken()> token, const HostRoots& roots,
                             const std::string& host_name) {
  AgentIdentity identity;
  identity.token = std::move(token);
  identity.host_name = host_name;
  identity.agent_version = kVersion;
  // Read anew at each hello: a reboot or a new kernel shows after the next connection.
  identity.facts_json = [roots] { return to_json(read_facts(roots)); };
  return identity;
}

}  // namespace volta
