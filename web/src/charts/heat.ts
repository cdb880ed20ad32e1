// Cores as rows, time as columns: shows at a glance which cores work, where lines of 64 cores would be
// a tangle.
import type uPlot from "uplot";

import { color } from "../store/theme";
import type { Drawn } from "./panels";

const kShades = 33;

function channels(hex: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) || 0);
}

// Between the three colours of the style sheet: idle, busy, full.
function ramp(low: string, middle: string, high: string): string[] {
  const stops = [low, middle, high].map(channels);
  return Array.from({ length: kShades }, (_, i) => {
    const at = (2 * i) / (kShades - 1);
    const from = stops[Math.min(1, Math.floor(at))] ?? [];
    const to = stops[Math.min(2, Math.floor(at) + 1)] ?? [];
    const share = at === 2 ? 1 : at % 1;
    return `rgb(${from.map((value, k) => Math.round(value + ((to[k] ?? value) - value) * share)).join(" ")})`;
  });
}

export function paintHeat(chart: uPlot, lines: readonly Drawn[]): void {
  const context = chart.ctx;
  const times = chart.data[0];
  const step = (times[1] ?? 0) - (times[0] ?? 0);
  if (step <= 0 || lines.length === 0) return;
  const shades = ramp(color("heat-low"), color("heat-mid"), color("heat-high"));
  const edge = Math.max(1, chart.bbox.height / lines.length);
  const gap = edge > 6 ? 1 : 0;
  context.save();
  context.beginPath();
  context.rect(chart.bbox.left, chart.bbox.top, chart.bbox.width, chart.bbox.height);
  context.clip();
  const wide = Math.abs(chart.valToPos(step, "x", true) - chart.valToPos(0, "x", true));
  lines.forEach(({ values }, row) => {
    // Row 0 at the bottom, as the axis counts.
    const top = chart.bbox.top + chart.bbox.height - (row + 1) * edge;
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] as number;
      if (Number.isNaN(value)) continue;
      context.fillStyle = shades[Math.round((Math.min(100, Math.max(0, value)) / 100) * (kShades - 1))] ?? "";
      const left = chart.valToPos(times[i] as number, "x", true);
      context.fillRect(Math.floor(left), top, Math.ceil(wide) + 1, edge - gap);
    }
  });
  context.restore();
}
