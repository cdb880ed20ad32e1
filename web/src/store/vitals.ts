// The handful of numbers that the overview shows of a host, worked out of its readings. Pure: the
// same function makes the live numbers and, slot by slot, the history behind them.
import type { Labels, Quality } from "../api";
import type { SeriesInfo } from "../live";

export interface Reading {
  name: string;
  labels: Labels;
  value: number; // counters: rate per second
  at_ms?: number; // by the host's clock; without it all are of one time
}

// A series that has not moved for so long is gone (a disk, an interface), as it is for the server.
const kForgotten_ms = 300_000;

// Live frames say what is new: takes one into what is held of the host, by the numbers of its series.
export function takeIn(held: Map<number, Reading>, ts_ms: number, entries: readonly { info: SeriesInfo; value: number | null }[]): void {
  for (const { info, value } of entries) {
    if (value === null) held.delete(info.i);
    else held.set(info.i, { name: info.name, labels: info.labels, value, at_ms: ts_ms });
  }
  for (const [i, { at_ms }] of held) if (ts_ms - (at_ms ?? ts_ms) > kForgotten_ms) held.delete(i);
}

export interface Vitals {
  power_w: number | null;
  power_quality: Quality | null;
  power_error: number | null; // relative bound
  cpu_percent: number | null;
  cpu_cores: number;
  memory_used: number | null;
  memory_total: number | null;
  disk_read: number | null; // bytes/s
  disk_written: number | null;
  received: number | null; // bytes/s
  sent: number | null;
  temperature: number | null;
  temperature_name: string;
  root_size: number | null;
  root_used: number | null; // share of what users may fill, as df has it
  unreadable: { zone: string; source: string }[]; // sensors that exist but may not be read
}

export const kVitalNames = [
  "volta_power_watts",
  "volta_energy_error_ratio",
  "volta_energy_readable",
  "volta_cpu_seconds_total",
  "volta_memory_total_bytes",
  "volta_memory_available_bytes",
  "volta_disk_read_bytes_total",
  "volta_disk_written_bytes_total",
  "volta_network_receive_bytes_total",
  "volta_network_transmit_bytes_total",
  "volta_temperature_celsius",
  "volta_filesystem_size_bytes",
  "volta_filesystem_used_bytes",
  "volta_filesystem_available_bytes",
];

// What of these has a line on the overview, so that its past is worth fetching.
export const kHistoryNames = kVitalNames.filter((name) => !/error_ratio|readable|filesystem/.test(name));

// Devices whose traffic is another device's traffic seen again. If a host has nothing else, they count.
const kStackedDisk = /^(dm-|md|loop|ram|zram|sr|fd|nbd)/;
const kInnerInterface = /^(lo|veth|docker|br-|virbr|cni|flannel|cali|vxlan|tun|tap|wg|dummy|ifb)/;
// Sensors that stand for the processor, best first.
const kProcessorSensors = [/package/i, /tctl|tdie/i, /coretemp|k10temp|zenpower|x86_pkg|cpu/i, /soc|acpitz/i];

export function isPhysicalDisk(device: string): boolean {
  return !kStackedDisk.test(device);
}
export function isOuterInterface(name: string): boolean {
  return !kInnerInterface.test(name);
}

function sumBy(readings: readonly Reading[], label: string, outer: (value: string) => boolean): number | null {
  const physical = readings.filter((reading) => outer(reading.labels[label] ?? ""));
  const counted = physical.length > 0 ? physical : readings;
  return counted.length === 0 ? null : counted.reduce((sum, reading) => sum + reading.value, 0);
}

function processor(readings: readonly Reading[]): { percent: number | null; cores: number } {
  let all = 0;
  let busy = 0;
  for (const { labels, value } of readings) {
    all += value;
    if (!["idle", "iowait", "steal"].includes(labels["mode"] ?? "")) busy += value;
  }
  if (all <= 0) return { percent: null, cores: 0 };
  return { percent: Math.min(100, (100 * busy) / all), cores: Math.max(1, Math.round(all)) };
}

export function sensorName(labels: Labels): string {
  return [labels["chip"], labels["sensor"]].filter(Boolean).join(" · ");
}

function hottest(readings: readonly Reading[]): Reading | null {
  for (const pattern of kProcessorSensors) {
    const matching = readings.filter((reading) => pattern.test(sensorName(reading.labels)));
    if (matching.length > 0) return matching.reduce((a, b) => (b.value > a.value ? b : a));
  }
  return readings.length === 0 ? null : readings.reduce((a, b) => (b.value > a.value ? b : a));
}

const kQualities: readonly string[] = ["measured", "derived", "estimated"];

function asQuality(text: string | undefined): Quality | null {
  return text !== undefined && kQualities.includes(text) ? (text as Quality) : null;
}

// Of several, the one that promises least.
export function worstQuality(qualities: readonly (Quality | null)[]): Quality | null {
  const known = qualities.filter((quality): quality is Quality => quality !== null);
  if (known.length === 0) return null;
  return known.reduce((a, b) => (kQualities.indexOf(b) > kQualities.indexOf(a) ? b : a));
}

function rank(reading: Reading): number {
  const quality = asQuality(reading.labels["quality"]);
  return quality === null ? kQualities.length : kQualities.indexOf(quality);
}

// What the machine is known by changes: a sensor becomes readable, a laptop is plugged in. The newest counts, of several
// as new the best founded, as in the server's list of hosts.
function machinePower(readings: readonly Reading[]): Reading | null {
  const better = (a: Reading, b: Reading): boolean => ((a.at_ms ?? 0) === (b.at_ms ?? 0) ? rank(a) < rank(b) : (a.at_ms ?? 0) > (b.at_ms ?? 0));
  return readings.filter(isMachine).reduce<Reading | null>((best, one) => (best === null || better(one, best) ? one : best), null);
}

function isMachine(reading: Reading): boolean {
  return reading.labels["zone"] === "host";
}

function shareUsed(used: number | null | undefined, available: number | null | undefined): number | null {
  return used !== null && used !== undefined && available !== null && available !== undefined && used + available > 0 ? used / (used + available) : null;
}

export function summarise(readings: readonly Reading[]): Vitals {
  const byName = new Map<string, Reading[]>();
  for (const reading of readings) {
    const group = byName.get(reading.name);
    if (group) group.push(reading);
    else byName.set(reading.name, [reading]);
  }
  const of = (name: string): Reading[] => byName.get(name) ?? [];
  const only = (name: string): number | null => of(name)[0]?.value ?? null;
  const power = machinePower(of("volta_power_watts"));
  // The other sources' bounds go on beside the one in force.
  const isBound = ({ labels }: Reading): boolean => power !== null && Object.entries(labels).every(([key, value]) => power.labels[key] === value);
  const cpu = processor(of("volta_cpu_seconds_total"));
  const total = only("volta_memory_total_bytes");
  const available = only("volta_memory_available_bytes");
  const heat = hottest(of("volta_temperature_celsius"));
  const isRoot = (reading: Reading): boolean => reading.labels["mountpoint"] === "/";
  return {
    power_w: power?.value ?? null,
    power_quality: asQuality(power?.labels["quality"]),
    power_error: of("volta_energy_error_ratio").find(isBound)?.value ?? null,
    cpu_percent: cpu.percent,
    cpu_cores: cpu.cores,
    memory_used: total !== null && available !== null ? total - available : null,
    memory_total: total,
    disk_read: sumBy(of("volta_disk_read_bytes_total"), "device", isPhysicalDisk),
    disk_written: sumBy(of("volta_disk_written_bytes_total"), "device", isPhysicalDisk),
    received: sumBy(of("volta_network_receive_bytes_total"), "interface", isOuterInterface),
    sent: sumBy(of("volta_network_transmit_bytes_total"), "interface", isOuterInterface),
    temperature: heat?.value ?? null,
    temperature_name: heat ? sensorName(heat.labels) : "",
    root_size: of("volta_filesystem_size_bytes").find(isRoot)?.value ?? null,
    root_used: shareUsed(of("volta_filesystem_used_bytes").find(isRoot)?.value, of("volta_filesystem_available_bytes").find(isRoot)?.value),
    unreadable: of("volta_energy_readable")
      .filter((reading) => reading.value === 0)
      .map(({ labels }) => ({ zone: labels["zone"] ?? "", source: labels["source"] ?? "" })),
  };
}

export type Track = "power" | "cpu" | "memory" | "disk" | "network" | "temperature";
export const kTracks: readonly Track[] = ["power", "cpu", "memory", "disk", "network", "temperature"];

// One number of the vitals, as its little chart draws it.
export function trackValue(vitals: Vitals, track: Track): number | null {
  const sum = (a: number | null, b: number | null): number | null => (a === null && b === null ? null : (a ?? 0) + (b ?? 0));
  switch (track) {
    case "power":
      return vitals.power_w;
    case "cpu":
      return vitals.cpu_percent;
    case "memory":
      return vitals.memory_used;
    case "disk":
      return sum(vitals.disk_read, vitals.disk_written);
    case "network":
      return sum(vitals.received, vitals.sent);
    case "temperature":
      return vitals.temperature;
  }
}
