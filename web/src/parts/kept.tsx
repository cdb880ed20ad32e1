// How long the server keeps what it stores: one line at the foot of every page.
import { capabilities } from "../store/fleet";
import { format } from "../units";

interface Retention {
  engine?: string;
  raw_s?: number | null;
  minute_s?: number | null;
  hour_s?: number | null;
  size_bytes?: number | null;
}

const units: [number, string][] = [
  [365 * 86_400, "year"],
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
];

// In the largest unit that divides it, for 730 days are two years and 180 days no six months.
export function formatAge(seconds: number | null | undefined): string {
  if (!seconds) return "for ever";
  const [size, unit] = units.find(([length]) => seconds % length === 0) ?? [1, "second"];
  const count = seconds / size;
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

export function keptText(told: unknown): string {
  if (typeof told !== "object" || told === null) return "";
  const { engine, raw_s, minute_s, hour_s, size_bytes } = told as Retention;
  if (engine !== "volta") return "Kept by another engine, as long as that decides";
  const most = size_bytes ? `; at most ${format(size_bytes, "bytes")}` : "";
  return `Kept: samples ${formatAge(raw_s)}, 1 min windows ${formatAge(minute_s)}, 1 h windows ${formatAge(hour_s)}${most}`;
}

export function Kept() {
  const text = keptText(capabilities.value["retention"]);
  return text === "" ? null : (
    <span class="kept" data-test="kept">
      {text}
    </span>
  );
}
