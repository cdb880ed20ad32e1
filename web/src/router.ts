// Where the page is: path, time window, pause and zoom all live in the URL, so that a link shows the
// same thing to somebody else and the browser's own back works.
import { computed, signal } from "@preact/signals";

import { kFull_ms } from "./store/growth";
import { parseRange } from "./units";

export type Route = { page: "overview" } | { page: "host"; id: string } | { page: "missing" };

// What the charts show. Live: the last `range_ms`, moving. Else from..to stands still; `paused` says
// that the reader stopped the clock rather than chose a window.
export interface View {
  range_ms: number | null; // null: nobody chose, so it is as long as there is history
  from: number | null;
  to: number | null;
  paused: boolean;
}

const kDay_ms = 86_400_000;

export const kPresets = [
  { key: "1", name: "5m", label: "5 min", ms: 300_000 },
  { key: "2", name: "15m", label: "15 min", ms: 900_000 },
  { key: "3", name: "1h", label: "1 h", ms: 3_600_000 },
  { key: "4", name: "3h", label: "3 h", ms: 10_800_000 },
  { key: "5", name: "6h", label: "6 h", ms: 21_600_000 },
  { key: "6", name: "12h", label: "12 h", ms: 43_200_000 },
  { key: "7", name: "24h", label: "24 h", ms: kDay_ms },
  { key: "8", name: "2d", label: "2 d", ms: 2 * kDay_ms },
  { key: "9", name: "7d", label: "7 d", ms: 7 * kDay_ms },
  { key: "m", name: "30d", label: "30 d", ms: 30 * kDay_ms },
  { key: "q", name: "90d", label: "90 d", ms: 90 * kDay_ms },
  { key: "y", name: "1y", label: "1 y", ms: 365 * kDay_ms },
  { key: "Y", name: "5y", label: "5 y", ms: 5 * 365 * kDay_ms },
] as const;

const kShortest_ms = 5_000;

export function parseRoute(path: string): Route {
  if (path === "/" || path === "/index.html") return { page: "overview" };
  const match = /^\/hosts\/([^/]+)\/?$/.exec(path);
  if (!match?.[1]) return { page: "missing" };
  try {
    return { page: "host", id: decodeURIComponent(match[1]) };
  } catch {
    return { page: "missing" };
  }
}

function parseTime(text: string | null): number | null {
  if (!text) return null;
  const value = /^\d{10,16}$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(value) ? value : null;
}

export function parseView(query: string): View {
  const parameters = new URLSearchParams(query);
  const view: View = { range_ms: parseRange(parameters.get("range")), from: null, to: null, paused: false };
  const from = parseTime(parameters.get("from"));
  const to = parseTime(parameters.get("to"));
  if (from === null || to === null || to - from < kShortest_ms) return view;
  return { ...view, from, to, paused: parameters.get("paused") === "1" };
}

// The preset next to a window of this length: the one that is longer, or shorter; at the end of the list that end.
export function nextPreset(range_ms: number, longer: boolean): number {
  const all: number[] = kPresets.map(({ ms }) => ms);
  return longer ? (all.find((ms) => ms > range_ms) ?? Math.max(...all)) : (all.reverse().find((ms) => ms < range_ms) ?? Math.min(...all));
}

export function rangeName(ms: number): string {
  const preset = kPresets.find((candidate) => candidate.ms === ms);
  return preset ? preset.name : `${Math.max(1, Math.round(ms / 60_000))}m`;
}

export function viewQuery(view: View): string {
  const parameters = new URLSearchParams();
  if (view.range_ms !== null) parameters.set("range", rangeName(view.range_ms));
  if (view.from !== null && view.to !== null) {
    parameters.set("from", String(Math.round(view.from)));
    parameters.set("to", String(Math.round(view.to)));
    if (view.paused) parameters.set("paused", "1");
  }
  return parameters.size > 0 ? `?${parameters.toString()}` : "";
}

export function hostPath(id: string): string {
  return `/hosts/${encodeURIComponent(id)}`;
}

// --- the browser's side; the functions above are pure ---

const inBrowser = typeof window !== "undefined";
const current = signal({ path: inBrowser ? location.pathname : "/", query: inBrowser ? location.search : "" });
function storedDepth(): number {
  return (history.state as { depth?: number } | null)?.depth ?? 0;
}

// How many zooms deep the reader is in this visit of the page; kept in the history entry.
export const depth = signal(inBrowser ? storedDepth() : 0);

export const route = computed(() => parseRoute(current.value.path));
export const view = computed(() => parseView(current.value.query));
// How long a window the charts show, chosen or not; the host page keeps it.
export const shownRange = signal(kFull_ms);

function adopt(): void {
  depth.value = storedDepth();
  current.value = { path: location.pathname, query: location.search };
}

if (inBrowser) window.addEventListener("popstate", adopt);

export function navigate(url: string): void {
  history.pushState({ depth: 0 }, "", url);
  adopt();
  window.scrollTo(0, 0);
}

// Shows another window. A zoom can be undone with zoomBack; anything else starts afresh.
export function setView(next: View, how: "zoom" | "push" | "replace"): void {
  const url = `${current.value.path}${viewQuery(next)}`;
  if (how === "replace") history.replaceState({ depth: depth.value }, "", url);
  else history.pushState({ depth: how === "zoom" ? depth.value + 1 : 0 }, "", url);
  adopt();
}

export function zoomTo(from: number, to: number): void {
  const middle = (from + to) / 2;
  const half = Math.max(to - from, kShortest_ms) / 2;
  setView({ ...view.value, from: middle - half, to: middle + half, paused: false }, "zoom");
}

// One step out; from a shared link there is no step, so back means live again.
export function zoomBack(): void {
  if (depth.value > 0) history.back();
  else if (view.value.from !== null) goLive();
}

export function goLive(range_ms: number | null = view.value.range_ms): void {
  setView({ range_ms, from: null, to: null, paused: false }, "push");
}
