import { expect, test } from "vitest";

import type { RawSeries } from "../store/window";
import { kPanels } from "./panels";

const raw = (name: string, labels: Record<string, string>, ...values: number[]): RawSeries => ({ name, labels, values: Float64Array.from(values) });

function check(id: string, series: RawSeries[], want: [string, number[]][]): void {
  const panel = kPanels.find((candidate) => candidate.id === id);
  const drawn = panel?.build(series) ?? [];
  expect(drawn.map(({ label, values }) => [label, Array.from(values)])).toEqual(want);
}

test("the whole machine comes first; devices are named where there are several", () => {
  const zone = (name: string, device: string): RawSeries => raw("volta_power_watts", { zone: name, device }, 1);
  check("power", [zone("dram", "package-0"), zone("package", "package-1"), zone("package", "package-0"), zone("host", "host")], [
    ["Whole machine", [1]],
    ["Package package-0", [1]],
    ["Package package-1", [1]],
    ["DRAM", [1]],
  ]);
});

test("processor modes in percent of all cores", () => {
  const mode = (name: string, value: number): RawSeries => raw("volta_cpu_seconds_total", { mode: name }, value);
  check("cpu", [mode("idle", 3), mode("system", 0.25), mode("user", 0.75), mode("steal", 0)], [
    ["User", [18.75]],
    ["System", [6.25]],
  ]);
});

test("cores are sorted as numbers", () => {
  const core = (cpu: string, mode: string, value: number): RawSeries => raw("volta_cpu_core_seconds_total", { cpu, mode }, value);
  check("cores", [core("10", "user", 0.5), core("10", "idle", 0.5), core("2", "user", 0.25), core("2", "idle", 0.75)], [
    ["Core 2", [25]],
    ["Core 10", [50]],
  ]);
});

test("memory parts do not go below nought", () => {
  const part = (what: string, value: number): RawSeries => raw(`volta_memory_${what}_bytes`, {}, value);
  check("memory", [part("total", 100), part("free", 40), part("cached", 30), part("buffers", 10), part("slab", 5)], [
    ["Programs", [15]],
    ["Kernel (slab)", [5]],
    ["Buffers", [10]],
    ["Page cache", [30]],
  ]);
  check("memory", [part("free", 40)], []);
});

test("every panel bears having nothing", () => {
  for (const panel of kPanels) expect(panel.build([]), panel.id).toEqual([]);
});
