// What the reader has to know before believing the page: the link is gone, a sensor is locked, the
// wire is open to others.
import { computed } from "@preact/signals";

import { loginNeeded, type Host } from "../api";
import { liveLink } from "../live";
import { capabilities, hostLive, hosts, hostsProblem, now } from "../store/fleet";
import { Banner, Command } from "./bits";

// Short breaks are healed before anybody could read the banner.
export const linkLost = computed(() => {
  const state = liveLink().state.value;
  return state.kind === "waiting" ? state : null;
});

export function LinkBanner() {
  const lost = linkLost.value;
  if (loginNeeded.value || (!lost && !(hosts.value && hostsProblem.value?.status === 0))) return null;
  const seconds = lost ? Math.max(0, Math.ceil((lost.retry_at - now.value) / 1000)) : 0;
  return (
    <Banner kind="bad" icon="plug" title="Disconnected: what you see is no longer live">
      <span data-test="countdown">{lost ? `${lost.reason}; trying again ${seconds > 0 ? `in ${seconds} s` : "now"}` : "The server does not answer"}</span>
      <button type="button" onClick={() => liveLink().retry()}>
        Try now
      </button>
    </Banner>
  );
}

// The command is chosen here by the kind of sensor and never taken from what a host says about
// itself: a host must not be able to put words into its reader's shell.
const remedies: Record<string, string> = {
  rapl: "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
  "rapl-mmio": "sudo chmod a+r /sys/class/powercap/intel-rapl*/energy_uj",
  hwmon: "sudo chmod a+r /sys/class/hwmon/hwmon*/power*_input /sys/class/hwmon/hwmon*/energy*_input",
  perf: "sudo sysctl kernel.perf_event_paranoid=0",
};

export function unreadableSources(host: Host): string[] {
  const found = new Set<string>();
  for (const sensor of hostLive(host.id).vitals.value?.unreadable ?? []) found.add(sensor.source || "rapl");
  const facts = host.facts?.["power_sources"];
  for (const source of Array.isArray(facts) ? (facts as unknown[]) : []) {
    if (typeof source !== "object" || source === null) continue;
    const { readable, source: kind } = source as { readable?: unknown; source?: unknown };
    if (readable === false) found.add(typeof kind === "string" ? kind : "rapl");
  }
  // Seen as readable by now: the facts are from the agent's start, the metric is newer. Watts of RAPL's zones are derived.
  const vitals = hostLive(host.id).vitals.value;
  const sensed = vitals?.power_quality === "measured" || vitals?.power_quality === "derived";
  return vitals?.unreadable.length === 0 && sensed ? [] : [...found];
}

// A battery that discharges, or another meter, gives watts all the same.
export function wattsMeanwhile(locked: Host[]): string {
  return locked.every((host) => host.power_quality === "estimated") ? "Watts are estimated until it is." : "Until it is, watts come from another source or are estimated.";
}

export function SensorBanner({ shown }: { shown: Host[] }) {
  const locked = shown.map((host) => ({ host, sources: unreadableSources(host) })).filter(({ sources }) => sources.length > 0);
  const first = locked[0];
  if (!first) return null;
  const where = locked.length === 1 ? first.host.name : `${locked.length} hosts`;
  const commands = new Set(locked.flatMap(({ sources }) => sources.map((source) => remedies[source] ?? remedies["rapl"] ?? "")));
  return (
    <Banner kind="warn" icon="lock" title={`A power sensor on ${where} exists but may not be read`}>
      {wattsMeanwhile(locked.map(({ host }) => host))} Run this on {locked.length === 1 ? "that machine" : "those machines"} to read it (until the next boot):
      {[...commands].map((command) => (
        <Command key={command} text={command} />
      ))}
    </Banner>
  );
}

function says(flag: string): boolean {
  return capabilities.value[flag] === true;
}

// Behind a proxy that speaks TLS the server does not know; what the browser speaks is what counts.
function isOpenWire(): boolean {
  return location.protocol === "http:" && !/^(localhost|127\.|\[::1\])/.test(location.hostname);
}

export function WireBanner() {
  const http = says("insecure_http") || isOpenWire();
  const plain = says("insecure_plaintext");
  const hostNames = (hosts.value ?? []).filter((host) => host.plaintext === true).map((host) => host.name);
  if (!http && !plain && hostNames.length === 0) return null;
  const who = hostNames.length === 0 ? "agents" : hostNames.length > 3 ? `${hostNames.length} hosts` : hostNames.join(", ");
  return (
    <Banner kind="warn" icon="warn" title="Not encrypted">
      {http ? "This page is served without TLS beyond this machine: anybody on the way can read it and take over the session. " : ""}
      {plain || hostNames.length > 0 ? `Readings from ${who} come in plain text.` : ""}
    </Banner>
  );
}
