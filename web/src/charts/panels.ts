// What each chart of the host page shows: which metrics, and how their readings become lines. Pure.
import type { Labels } from "../api";
import { isOuterInterface, isPhysicalDisk, sensorName } from "../store/vitals";
import type { RawSeries } from "../store/window";
import type { Unit } from "../units";

export interface Drawn {
  label: string;
  values: Float64Array;
  strong?: boolean; // drawn thicker, with an area below
  note?: string; // beside the label in the legend
}

export interface Panel {
  id: string;
  title: string;
  note?: string;
  unit: Unit;
  kind: "line" | "stack" | "heat";
  scale: "zero" | "percent" | "free"; // from 0; 0..100; around the values
  names: string[];
  optional?: boolean; // shown only on hosts that have it
  wide?: boolean;
  most: number; // lines at once
  hue?: number; // where its colours begin
  build: (series: RawSeries[]) => Drawn[];
  // The metric of whose series that `of` picks the stretch between least and largest is shaded, where windows are long.
  extremes?: { name: string; of: (labels: Labels) => boolean };
  ceiling?: (series: RawSeries[]) => number | null; // fixed top of the scale
}

function combine(parts: readonly RawSeries[], how: (values: number[]) => number): Float64Array {
  const out = new Float64Array(parts[0]?.values.length ?? 0);
  for (let i = 0; i < out.length; i += 1) out[i] = how(parts.map(({ values }) => values[i] as number));
  return out;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function scaled(values: Float64Array, factor: number): Float64Array {
  return values.map((value) => value * factor);
}

function named(series: readonly RawSeries[], name: string): RawSeries[] {
  return series.filter((one) => one.name === name);
}

function one(series: readonly RawSeries[], name: string): Float64Array | null {
  return named(series, name)[0]?.values ?? null;
}

// Lines are ordered by it, busiest first, so that the limit on lines cuts the quiet ones.
function mean(values: Float64Array): number {
  let total = 0;
  let count = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    total += value;
    count += 1;
  }
  return count === 0 ? Number.NaN : total / count;
}

const zoneOrder = ["host", "platform", "psu", "psys", "battery", "package", "core", "uncore", "dram", "gpu", "npu", "rail"];
const zoneNames: Record<string, string> = { host: "Whole machine", package: "Package", core: "Cores", uncore: "Uncore", dram: "DRAM", psys: "Platform (psys)", gpu: "GPU", npu: "NPU", platform: "Platform", battery: "Battery", psu: "Power supply", rail: "Rail" };

function zoneLabel(labels: Labels, crowded: boolean): string {
  const zone = labels["zone"] ?? "";
  const name = zoneNames[zone] ?? zone;
  return zone === "host" || !crowded || !labels["device"] ? name : `${name} ${labels["device"]}`;
}

function power(series: RawSeries[]): Drawn[] {
  const count = new Map<string, number>();
  for (const { labels } of series) count.set(labels["zone"] ?? "", (count.get(labels["zone"] ?? "") ?? 0) + 1);
  const rank = ({ labels }: RawSeries): number => (zoneOrder.includes(labels["zone"] ?? "") ? zoneOrder.indexOf(labels["zone"] ?? "") : zoneOrder.length);
  return [...series]
    .sort((a, b) => rank(a) - rank(b) || ((a.labels["device"] ?? "") < (b.labels["device"] ?? "") ? -1 : 1))
    .map(({ labels, values }) => ({
      label: zoneLabel(labels, (count.get(labels["zone"] ?? "") ?? 0) > 1),
      values,
      strong: labels["zone"] === "host",
      ...(labels["quality"] ? { note: labels["quality"] } : {}),
    }));
}

// The kernel's modes, as many as a reader can tell apart in a stack.
const modeGroups: [string, string[]][] = [
  ["User", ["user"]],
  ["Nice", ["nice"]],
  ["System", ["system"]],
  ["Interrupts", ["irq", "softirq"]],
  ["Guests", ["guest", "guest_nice"]],
  ["Steal", ["steal"]],
  ["I/O wait", ["iowait"]],
];

function cpuModes(series: RawSeries[]): Drawn[] {
  const all = combine(series, (values) => sum(values.filter((value) => !Number.isNaN(value))));
  return modeGroups.flatMap(([label, modes]) => {
    const found = series.filter(({ labels }) => modes.includes(labels["mode"] ?? ""));
    if (found.length === 0) return [];
    const values = combine(found, sum).map((value, i) => ((all[i] as number) > 0 ? (100 * value) / (all[i] as number) : Number.NaN));
    // Guests and steal are for machines that have them.
    return label !== "User" && !values.some((value) => value > 0) ? [] : [{ label, values }];
  });
}

function cores(series: RawSeries[]): Drawn[] {
  const byCore = new Map<string, RawSeries[]>();
  for (const entry of series) {
    const cpu = entry.labels["cpu"] ?? "";
    byCore.set(cpu, [...(byCore.get(cpu) ?? []), entry]);
  }
  return [...byCore]
    .sort((a, b) => Number(a[0]) - Number(b[0]))
    .map(([cpu, parts]) => {
      const idle = parts.filter(({ labels }) => labels["mode"] === "idle" || labels["mode"] === "iowait");
      const all = combine(parts, sum);
      const rest = combine(idle, sum);
      return { label: `Core ${cpu}`, values: all.map((value, i) => (value > 0 ? Math.max(0, 100 * (1 - (rest[i] as number) / value)) : Number.NaN)) };
    });
}

function memory(series: RawSeries[]): Drawn[] {
  const part = (what: string): Float64Array | null => one(series, `volta_memory_${what}_bytes`);
  const total = part("total");
  const free = part("free");
  if (!total || !free) return [];
  const rest = ["cached", "buffers", "slab"].map((what) => ({ what, values: part(what) }));
  const programs = total.map((value, i) => Math.max(0, value - (free[i] as number) - sum(rest.map(({ values }) => values?.[i] ?? 0))));
  const labels: Record<string, string> = { cached: "Page cache", buffers: "Buffers", slab: "Kernel (slab)" };
  return [
    { label: "Programs", values: programs },
    ...["slab", "buffers", "cached"].flatMap((what) => {
      const values = rest.find((entry) => entry.what === what)?.values;
      return values ? [{ label: labels[what] ?? what, values }] : [];
    }),
  ];
}

function swap(series: RawSeries[]): Drawn[] {
  const total = one(series, "volta_swap_total_bytes");
  const free = one(series, "volta_swap_free_bytes");
  return total && free ? [{ label: "Used", values: total.map((value, i) => value - (free[i] as number)), strong: true }] : [];
}

function topOf(values: Float64Array | null): number | null {
  const known = values ? [...values].filter((value) => !Number.isNaN(value)) : [];
  return known.length > 0 ? Math.max(...known) : null;
}

// Two directions of each device: "nvme0n1 read", "nvme0n1 written".
function pairs(label: string, outer: (name: string) => boolean, directions: [string, string][]) {
  return (series: RawSeries[]): Drawn[] => {
    const real = series.filter(({ labels }) => outer(labels[label] ?? ""));
    const shown = real.length > 0 ? real : series;
    const devices = [...new Set(shown.map(({ labels }) => labels[label] ?? ""))];
    const load = (device: string): number => sum(shown.filter(({ labels }) => labels[label] === device).map(({ values }) => mean(values) || 0));
    const order = new Map(devices.map((device) => [device, load(device)]));
    devices.sort((a, b) => (order.get(b) ?? 0) - (order.get(a) ?? 0) || (a < b ? -1 : 1));
    return devices.flatMap((device) =>
      directions.flatMap(([name, word]) => {
        const found = shown.find((entry) => entry.name === name && entry.labels[label] === device);
        return found ? [{ label: `${device} ${word}`, values: found.values }] : [];
      }),
    );
  };
}

function each(label: (labels: Labels) => string, factor = 1, keep: (labels: Labels) => boolean = () => true) {
  return (series: RawSeries[]): Drawn[] =>
    series
      .filter(({ labels }) => keep(labels))
      .map(({ labels, values }) => ({ label: label(labels), values: factor === 1 ? values : scaled(values, factor) }))
      .sort((a, b) => (mean(b.values) || 0) - (mean(a.values) || 0) || (a.label < b.label ? -1 : 1));
}

const resourceNames: Record<string, string> = { cpu: "CPU", memory: "Memory", io: "I/O", irq: "Interrupts" };

function pressure(series: RawSeries[]): Drawn[] {
  const text = ({ resource, kind }: Labels): string => `${resourceNames[resource ?? ""] ?? resource ?? ""} ${kind ?? ""}`;
  // The kernel reports full CPU pressure of a whole machine as nought.
  return each(text, 100, ({ resource, kind }) => !(resource === "cpu" && kind === "full"))(series).sort((a, b) => (a.label < b.label ? -1 : 1));
}

function frequency(series: RawSeries[]): Drawn[] {
  if (series.length === 0) return [];
  const known = (values: number[]): number[] => values.filter((value) => !Number.isNaN(value));
  const over = (how: (values: number[]) => number): Float64Array => combine(series, (values) => (known(values).length > 0 ? how(known(values)) : Number.NaN));
  if (series.length === 1) return [{ label: "Clock", values: over((values) => Math.max(...values)) }];
  return [
    { label: "Fastest core", values: over((values) => Math.max(...values)) },
    { label: "Mean", values: over((values) => sum(values) / values.length), strong: true },
    { label: "Slowest core", values: over((values) => Math.min(...values)) },
  ];
}

// Of what users may fill, as df counts: what is kept for root is neither used nor available.
function filesystems(series: RawSeries[]): Drawn[] {
  return named(series, "volta_filesystem_available_bytes")
    .flatMap(({ labels, values: available }) => {
      const used = named(series, "volta_filesystem_used_bytes").find((entry) => entry.labels["mountpoint"] === labels["mountpoint"] && entry.labels["device"] === labels["device"]);
      const share = (value: number, i: number): number => (value + (available[i] as number) > 0 ? (100 * value) / (value + (available[i] as number)) : Number.NaN);
      return used ? [{ label: labels["mountpoint"] ?? "", values: used.values.map(share) }] : [];
    })
    .sort((a, b) => (mean(b.values) || 0) - (mean(a.values) || 0));
}

const loadNames: Record<string, string> = { volta_load1: "1 min", volta_load5: "5 min", volta_load15: "15 min" };

export const kPanels: Panel[] = [
  { id: "power", title: "Power by zone", note: "Zones overlap, so they do not add up", unit: "watts", kind: "line", scale: "zero", names: ["volta_power_watts"], wide: true, most: 12, build: power, extremes: { name: "volta_power_watts", of: ({ zone }) => zone === "host" } },
  { id: "cpu", hue: 1, title: "Processor by mode", unit: "percent", kind: "stack", scale: "percent", names: ["volta_cpu_seconds_total"], most: 12, build: cpuModes },
  { id: "cores", title: "Each core", unit: "percent", kind: "heat", scale: "percent", names: ["volta_cpu_core_seconds_total"], most: 256, build: cores },
  { id: "memory", hue: 3, title: "Memory", unit: "bytes", kind: "stack", scale: "zero", names: ["total", "free", "cached", "buffers", "slab"].map((what) => `volta_memory_${what}_bytes`), most: 6, build: memory, ceiling: (series) => topOf(one(series, "volta_memory_total_bytes")) },
  { id: "swap", hue: 3, title: "Swap", unit: "bytes", kind: "line", scale: "zero", names: ["volta_swap_total_bytes", "volta_swap_free_bytes"], optional: true, most: 2, build: swap, ceiling: (series) => topOf(one(series, "volta_swap_total_bytes")) },
  { id: "disk", hue: 2, title: "Disk traffic", unit: "bytes/s", kind: "line", scale: "zero", names: ["volta_disk_read_bytes_total", "volta_disk_written_bytes_total"], most: 12, build: pairs("device", isPhysicalDisk, [["volta_disk_read_bytes_total", "read"], ["volta_disk_written_bytes_total", "written"]]) },
  { id: "busy", hue: 2, title: "Disk busy", unit: "percent", kind: "line", scale: "zero", names: ["volta_disk_busy_seconds_total"], most: 8, build: each(({ device }) => device ?? "", 100, ({ device }) => isPhysicalDisk(device ?? "")) },
  { id: "network", hue: 6, title: "Network traffic", unit: "bytes/s", kind: "line", scale: "zero", names: ["volta_network_receive_bytes_total", "volta_network_transmit_bytes_total"], most: 12, build: pairs("interface", isOuterInterface, [["volta_network_receive_bytes_total", "received"], ["volta_network_transmit_bytes_total", "sent"]]) },
  { id: "pressure", hue: 4, title: "Pressure", note: "Share of time in which tasks had to wait", unit: "percent", kind: "line", scale: "zero", names: ["volta_pressure_seconds_total"], optional: true, most: 8, build: pressure },
  { id: "temperature", hue: 4, title: "Temperatures", unit: "celsius", kind: "line", scale: "free", names: ["volta_temperature_celsius"], optional: true, most: 12, build: each(sensorName) },
  { id: "fans", hue: 6, title: "Fans", unit: "rpm", kind: "line", scale: "zero", names: ["volta_fan_speed_rpm"], optional: true, most: 12, build: each(sensorName) },
  { id: "frequency", hue: 1, title: "Processor clock", unit: "hertz", kind: "line", scale: "zero", names: ["volta_cpu_frequency_hertz"], optional: true, most: 3, build: frequency },
  { id: "load", hue: 1, title: "Load average", unit: "count", kind: "line", scale: "zero", names: Object.keys(loadNames), most: 3, build: (series) => series.map(({ name, values }) => ({ label: loadNames[name] ?? name, values })) },
  { id: "filesystems", hue: 2, title: "Filesystems in use", unit: "percent", kind: "line", scale: "percent", names: ["volta_filesystem_available_bytes", "volta_filesystem_used_bytes"], optional: true, most: 8, build: filesystems },
  { id: "battery", hue: 5, title: "Battery charge", unit: "percent", kind: "line", scale: "percent", names: ["volta_battery_charge_ratio"], optional: true, most: 4, build: each(({ battery }) => battery ?? "", 100) },
];

export const kPanelNames = [...new Set([...kPanels.flatMap(({ names }) => names), "volta_uptime_seconds"])];

// Swap of a machine without swap is not worth a chart, and neither is a sensor that never spoke.
export function isWorthShowing(panel: Panel, available: ReadonlySet<string>): boolean {
  return !panel.optional || panel.names.some((name) => available.has(name));
}
