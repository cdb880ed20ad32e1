// The hosts, their vitals and today's energy, as signals that the pages read. One poll of the host
// list; vitals come live, only for hosts somebody looks at (watchHost), and end with the last looker.
import { computed, effect, signal, type Signal } from "@preact/signals";

import { getCapabilities, getEnergy, getHosts, getSeries, getVersion, loginNeeded, serverNow, type Host, type Problem, type Quality } from "../api";
import { liveLink } from "../live";
import { fittingRange, kFull_ms } from "./growth";
import { SlotSeries } from "./slots";
import { kHistoryNames, kTracks, kVitalNames, summarise, takeIn, trackValue, worstQuality, type Reading, type Track, type Vitals } from "./vitals";

const kPollHosts_ms = 5_000;
const kPollEnergy_ms = 15_000;
// Traces are kept on two grids: the whole quarter of an hour, and finely the first minutes of a young history.
const kCoarse = { range_ms: kFull_ms, step_ms: 5_000 };
const kFine = { range_ms: 120_000, step_ms: 1_000 };
type Grid = typeof kCoarse;
const kStale_ms = 20_000;
const kManyHosts = 4; // beyond it live numbers come every 5 s and only power has a past
const kMostEnergyHosts = 64;
// The server takes 32 subscriptions of one client; the host page needs one of them for its charts.
const kMostWatched = 28;

export const hosts = signal<Host[] | null>(null); // null: not heard yet
export const hostsProblem = signal<Problem | null>(null);
export const now = signal(Date.now());
export const serverVersion = signal("");
export const capabilities = signal<Record<string, unknown>>({});

type Traces = Record<Track, SlotSeries>;

export interface HostLive {
  vitals: Signal<Vitals | null>;
  heard_at: Signal<number>; // this machine's clock, 0: never
  traces: Traces;
  fine: Traces;
  since: Signal<number | null>; // first reading within the traces, as far as is known
  version: Signal<number>; // raised whenever a trace changed
  energy: Signal<{ joules: number; quality: Quality | null } | null>;
}

const lives = new Map<string, HostLive>();
const watchers = new Map<string, { count: number; end: () => void }>();

function makeTraces({ range_ms, step_ms }: Grid): Traces {
  const traces = {} as Traces;
  for (const track of kTracks) traces[track] = new SlotSeries(step_ms, range_ms / step_ms + 2);
  return traces;
}

export function hostLive(id: string): HostLive {
  let live = lives.get(id);
  if (!live) {
    live = { vitals: signal(null), heard_at: signal(0), traces: makeTraces(kCoarse), fine: makeTraces(kFine), since: signal(null), version: signal(0), energy: signal(null) };
    lives.set(id, live);
  }
  return live;
}

export function isFresh(live: HostLive): boolean {
  return now.value - live.heard_at.value < kStale_ms;
}

// Keeps a host's vitals coming until the returned function is called.
export function watchHost(id: string): () => void {
  const known = watchers.get(id);
  if (!known && watchers.size >= kMostWatched) return () => undefined;
  if (known) known.count += 1;
  else watchers.set(id, { count: 1, end: beginWatch(id) });
  let ended = false;
  return () => {
    const watcher = watchers.get(id);
    if (ended || !watcher) return;
    ended = true;
    watcher.count -= 1;
    if (watcher.count > 0) return;
    watchers.delete(id);
    watcher.end();
  };
}

function beginWatch(id: string): () => void {
  const live = hostLive(id);
  const many = (hosts.peek()?.length ?? 1) > kManyHosts;
  const held = new Map<number, Reading>();
  void fetchTraces(id, live, many);
  return liveLink().subscribe({
    host: id,
    names: kVitalNames,
    interval_ms: many ? 5_000 : 1_000,
    onGap: () => {
      held.clear();
      void fetchTraces(id, live, many);
    },
    onData: (ts, entries) => {
      takeIn(held, ts, entries);
      const vitals = summarise([...held.values()]);
      live.vitals.value = vitals;
      live.heard_at.value = Date.now();
      for (const track of kTracks) {
        const value = trackValue(vitals, track);
        live.traces[track].add(ts, value);
        live.fine[track].add(ts, value);
      }
      live.version.value += 1;
    },
  });
}

// The last quarter of an hour, and of a young host the first minutes finely.
async function fetchTraces(id: string, live: HostLive, powerOnly: boolean): Promise<void> {
  const asked_at = serverNow();
  const oldest = await fetchGrid(id, live.traces, kCoarse, powerOnly);
  if (oldest === "failed") return;
  const since = Math.min(oldest ?? asked_at, live.since.peek() ?? Infinity);
  live.since.value = since;
  live.version.value += 1;
  if (oldest === null || asked_at - since > kFine.range_ms) return;
  await fetchGrid(id, live.fine, kFine, powerOnly);
  live.version.value += 1;
}

// Each slot's readings make that slot's vitals. Answers the time of the oldest reading, null where there is none.
async function fetchGrid(id: string, traces: Traces, { range_ms, step_ms }: Grid, powerOnly: boolean): Promise<number | null | "failed"> {
  const end = serverNow();
  const names = powerOnly ? ["volta_power_watts"] : kHistoryNames;
  const answers = await Promise.all(
    names.map((name) => getSeries(id, name, end - range_ms, end, step_ms, name === "volta_power_watts" ? { zone: "host" } : {})),
  );
  if (!answers.some(({ ok }) => ok)) return "failed";
  const slots = new Map<number, Reading[]>();
  answers.forEach((answer, k) => {
    if (!answer.ok) return;
    answer.data.timestamps.forEach((ts, at) => {
      const readings = slots.get(ts) ?? [];
      for (const row of answer.data.series) {
        const value = row.values[at];
        if (typeof value === "number") readings.push({ name: names[k] ?? "", labels: row.labels, value });
      }
      if (readings.length > 0) slots.set(ts, readings);
    });
  });
  const newest = Math.floor(end / step_ms) * step_ms;
  const inOrder = [...slots].sort((a, b) => a[0] - b[0]);
  for (const [ts, readings] of inOrder) {
    if (ts >= newest) continue; // still filling: live readings own it
    const vitals = summarise(readings);
    for (const track of kTracks) traces[track].put(ts, trackValue(vitals, track));
  }
  return inOrder[0]?.[0] ?? null;
}

export async function refreshHosts(): Promise<void> {
  const answer = await getHosts();
  if (answer.ok) {
    hosts.value = answer.data;
    hostsProblem.value = null;
  } else {
    hostsProblem.value = answer.problem;
  }
}

async function refreshEnergy(): Promise<void> {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const wanted = (hosts.peek() ?? []).filter((host) => host.state !== "disabled").slice(0, kMostEnergyHosts);
  for (const host of wanted) {
    const answer = await getEnergy(host.id, midnight.getTime(), serverNow());
    if (answer.ok && typeof answer.data.joules === "number") {
      hostLive(host.id).energy.value = { joules: answer.data.joules, quality: answer.data.quality };
    }
  }
}

// The current power of a host: live if heard of lately, else as the host list has it.
export function hostPower(host: Host): { watts: number | null; quality: Quality | null; error: number | null } {
  const live = hostLive(host.id);
  const vitals = live.vitals.value;
  if (vitals && vitals.power_w !== null && isFresh(live)) {
    return { watts: vitals.power_w, quality: vitals.power_quality ?? host.power_quality, error: vitals.power_error };
  }
  if (host.state !== "live" && host.state !== "late") return { watts: null, quality: null, error: null };
  return { watts: host.power_watts, quality: host.power_quality, error: vitals?.power_error ?? null };
}

export interface FleetPower {
  watts: number | null;
  quality: Quality | null;
  error_w: number | null; // bound of the sum: the hosts' bounds added up
  estimated: number; // hosts whose power is an estimate
  counted: number;
}

export const fleetPower = computed<FleetPower>(() => {
  let watts = 0;
  let error = 0;
  let bounded = false;
  const qualities: (Quality | null)[] = [];
  for (const host of hosts.value ?? []) {
    const power = hostPower(host);
    if (power.watts === null) continue;
    watts += power.watts;
    qualities.push(power.quality);
    if (power.error !== null) {
      error += power.watts * power.error;
      bounded = true;
    }
  }
  return {
    watts: qualities.length > 0 ? watts : null,
    quality: worstQuality(qualities),
    error_w: bounded ? error : null,
    estimated: qualities.filter((quality) => quality === "estimated").length,
    counted: qualities.length,
  };
});

export const fleetEnergy = computed(() => {
  const known = (hosts.value ?? []).map((host) => hostLive(host.id).energy.value).filter((energy) => energy !== null);
  if (known.length === 0) return null;
  return { joules: known.reduce((sum, energy) => sum + energy.joules, 0), quality: worstQuality(known.map((energy) => energy.quality)) };
});

// How long a window shows what there is of these hosts' history. Grows with it while they live.
export function historyRange(list: readonly Host[]): number {
  void now.value; // time passes
  const starts = list.filter(({ state }) => state === "live").map((host) => hostLive(host.id).since.value ?? Date.parse(host.created ?? ""));
  if (starts.length === 0 || starts.some(Number.isNaN)) return kFull_ms;
  return fittingRange(serverNow() - Math.min(...starts));
}

export const fleetRange = computed(() => historyRange(hosts.value ?? []));

export interface Trace {
  values: Float64Array;
  step_ms: number;
  end_ms: number;
}

// All watched hosts together, over `range_ms` up to `end_ms`. A host that reports more slowly than the grid keeps its
// last value for as long as it counts as fresh.
export function fleetTrace(track: Track, end_ms: number, range_ms: number): Trace {
  const fine = range_ms <= kFine.range_ms;
  const { step_ms } = fine ? kFine : kCoarse;
  const last = Math.floor(end_ms / step_ms);
  const first = last - range_ms / step_ms + 1;
  const sum = new Float64Array(last - first + 1).fill(Number.NaN);
  const most = kStale_ms / step_ms;
  const weights = new Float64Array(sum.length);
  for (const host of hosts.value ?? []) {
    // A percentage of all cores: a host counts by how many it has.
    const weight = track === "cpu" ? Math.max(1, hostLive(host.id).vitals.peek()?.cpu_cores ?? 1) : 1;
    const live = hostLive(host.id);
    const values = (fine ? live.fine : live.traces)[track].read(first, last);
    let held = Number.NaN;
    let age = 0;
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] as number;
      age = Number.isNaN(value) ? age + 1 : 0;
      if (age === 0) held = value;
      if (Number.isNaN(held) || age > most || (age > 0 && i === values.length - 1)) continue;
      const old = sum[i] as number;
      sum[i] = Number.isNaN(old) ? held * weight : track === "temperature" ? Math.max(old, held) : old + held * weight;
      weights[i] = (weights[i] as number) + weight;
    }
  }
  const values = track === "cpu" ? sum.map((value, i) => value / (weights[i] as number)) : sum;
  return { values, step_ms, end_ms };
}

// Begins the polls; called once, by main. They rest while the page is hidden or waits for a login.
export function startFleet(): void {
  liveLink().start();
  const awake = (): boolean => document.visibilityState === "visible" && !loginNeeded.peek();
  window.setInterval(() => {
    now.value = Date.now();
  }, 1_000);
  // One that takes longer than its period is not begun a second time beside it.
  const poll = (refresh: () => Promise<void>, period_ms: number): void => {
    let busy = false;
    window.setInterval(() => {
      if (!awake() || busy) return;
      busy = true;
      void refresh().finally(() => {
        busy = false;
      });
    }, period_ms);
  };
  poll(refreshHosts, kPollHosts_ms);
  poll(refreshEnergy, kPollEnergy_ms);
  document.addEventListener("visibilitychange", () => {
    if (awake()) void refreshHosts();
  });
  // The poll would notice too, but seconds later.
  liveLink().state.subscribe((state) => {
    if (state.kind === "open" && hostsProblem.peek()) void refreshHosts();
  });
  effect(() => {
    if (loginNeeded.value) return;
    void refreshHosts().then(refreshEnergy);
    void getVersion().then((answer) => {
      if (answer.ok) serverVersion.value = answer.data.version ?? "";
    });
    void getCapabilities().then((answer) => {
      if (answer.ok) capabilities.value = answer.data;
    });
  });
}
