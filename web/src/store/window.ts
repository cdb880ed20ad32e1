// The readings of one host over one window of time, on one grid: history by request when a chart
// first wants a metric, live readings as they come. Every series is a ring of at most as many slots
// as the window has pixels.
import { signal } from "@preact/signals";

import { getSeries, serverNow, type Labels } from "../api";
import { liveLink, type SeriesInfo } from "../live";
import type { View } from "../router";
import { SlotSeries, stepFor } from "./slots";

export interface RawSeries {
  name: string;
  labels: Labels;
  values: Float64Array;
}

type Progress = "loading" | "ready" | "failed";

// A window may hold this many series of one metric; a host with more shows the first ones.
const kMostSeries = 512;
const kSilence_ms = 10_000;
const kTiers = ["raw", "1m", "1h"];
// Longer windows take single readings for nothing: they ask for their newest slots again, this often.
const kLongestLive_ms = 86_400_000;
const kRefresh_ms = 60_000;

function seriesKey(name: string, labels: Labels): string {
  return JSON.stringify([name, Object.entries(labels).sort((a, b) => (a[0] < b[0] ? -1 : 1))]);
}

// The names under which a window has a metric's least and largest readings.
export function extremesOf(name: string): [string, string] {
  return [`${name} min`, `${name} max`];
}

// The one that the charts of the page show; the host page keeps it.
export const shownWindow = signal<HostWindow | null>(null);

export class HostWindow {
  readonly step_ms: number;
  readonly live: boolean;
  readonly version = signal(0); // raised when anything changed
  readonly available = signal<ReadonlySet<string>>(new Set()); // metric names that the host has
  readonly end = signal(0); // where the window ends
  readonly tier = signal("raw"); // the coarsest that the server read for it
  readonly begins = signal<number | null>(null); // the first reading in it, once there is any
  private readonly capacity: number;
  private readonly series = new Map<string, Map<string, { labels: Labels; slots: SlotSeries }>>();
  private readonly progress = new Map<string, Progress>();
  private readonly stops: (() => void)[] = [];
  private closed = false;
  private shown_ms: number;

  // `frame_ms` is the longest live window this one can be asked to show().
  constructor(
    private readonly host: string,
    private readonly view: View,
    private readonly frame_ms: number,
    pixels: number,
    private readonly names: string[],
  ) {
    this.live = view.from === null;
    this.shown_ms = frame_ms;
    const range = this.range_ms();
    this.step_ms = stepFor(range, pixels);
    this.capacity = Math.ceil(range / this.step_ms) + 8;
    this.end.value = view.to ?? serverNow();
    if (!this.live) return;
    if (frame_ms > kLongestLive_ms) this.refreshAlong();
    else this.goLive();
  }

  range_ms(): number {
    return this.view.from !== null && this.view.to !== null ? this.view.to - this.view.from : this.shown_ms;
  }

  // A live window may be shorter than its frame, while there is not more history.
  show(range_ms: number): void {
    this.shown_ms = Math.min(range_ms, this.frame_ms);
  }

  private fetched_ms(): number {
    return this.live ? this.frame_ms : this.range_ms();
  }

  close(): void {
    this.closed = true;
    for (const stop of this.stops) stop();
  }

  state(names: readonly string[]): Progress {
    const states = names.map((name) => this.progress.get(name) ?? "loading");
    if (states.includes("ready")) return states.includes("loading") ? "loading" : "ready";
    return states.includes("loading") ? "loading" : "failed";
  }

  // Fetches what has not been asked for yet.
  ensure(names: readonly string[]): void {
    for (const name of names) {
      if (this.progress.has(name)) continue;
      this.progress.set(name, "loading");
      void this.fetch(name, this.end.peek() - this.fetched_ms(), this.end.peek());
    }
  }

  retry(names: readonly string[]): void {
    for (const name of names) if (this.progress.get(name) === "failed") this.progress.delete(name);
    this.ensure(names);
  }

  know(names: Iterable<string>): void {
    const all = new Set([...this.available.peek(), ...names]);
    if (all.size !== this.available.peek().size) this.available.value = all;
  }

  // Times of the window's slots, and its series on them.
  times(): number[] {
    const [first, last] = this.bounds();
    return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * this.step_ms);
  }

  // Whether a slot is so long that its least and largest reading say more than its mean: such series are
  // extremesOf() a name. Only of windows that ask the server for every slot.
  hasExtremes(): boolean {
    return this.step_ms >= 60_000 && !(this.live && this.frame_ms <= kLongestLive_ms);
  }

  read(names: readonly string[]): RawSeries[] {
    const [first, last] = this.bounds();
    return names.flatMap((name) =>
      Array.from(this.series.get(name)?.values() ?? [], ({ labels, slots }) => ({ name, labels, values: slots.read(first, last) })),
    );
  }

  private bounds(): [number, number] {
    const last = Math.floor(this.end.peek() / this.step_ms);
    return [Math.ceil((this.end.peek() - this.range_ms()) / this.step_ms), last];
  }

  private slots(name: string, labels: Labels): SlotSeries | null {
    let group = this.series.get(name);
    if (!group) {
      group = new Map<string, { labels: Labels; slots: SlotSeries }>();
      this.series.set(name, group);
    }
    const key = seriesKey(name, labels);
    let entry = group.get(key);
    if (!entry) {
      if (group.size >= kMostSeries) return null;
      entry = { labels, slots: new SlotSeries(this.step_ms, this.capacity) };
      group.set(key, entry);
    }
    return entry.slots;
  }

  private async fetch(name: string, start: number, end: number): Promise<void> {
    const [metric = "", agg] = name.split(" ");
    const answer = await getSeries(this.host, metric, Math.floor(start / this.step_ms) * this.step_ms, Math.ceil(end), this.step_ms, {}, agg);
    if (this.closed) return;
    this.progress.set(name, answer.ok ? "ready" : "failed");
    if (answer.ok) {
      const { timestamps, series } = answer.data;
      for (const row of series) {
        const slots = this.slots(name, row.labels);
        row.values.forEach((value, i) => slots?.put(timestamps[i] ?? 0, value));
        const first = timestamps[row.values.findIndex((value) => value !== null)];
        if (first !== undefined && first < (this.begins.peek() ?? Infinity)) this.begins.value = first;
      }
      if (kTiers.indexOf(answer.data.tier) > kTiers.indexOf(this.tier.peek())) this.tier.value = answer.data.tier;
      if (series.length > 0 && agg === undefined) this.know([name]);
    }
    this.version.value += 1;
  }

  private goLive(): void {
    const end = liveLink().subscribe({
      host: this.host,
      names: this.names,
      interval_ms: this.frame_ms > 900_000 ? 5_000 : 1_000,
      // Swap is left to the page, which knows whether there is any.
      onSeries: (series) => this.know(Array.from(series.values(), ({ name }) => name).filter((name) => !name.startsWith("volta_swap_"))),
      onData: (ts, entries) => this.append(ts, entries),
      onGap: (since) => this.fillGap(since),
    });
    const timer = window.setInterval(() => this.moveOn(), 1_000);
    this.stops.push(end, () => window.clearInterval(timer));
  }

  private refreshAlong(): void {
    const timer = window.setInterval(() => {
      const since = this.end.peek() - 2 * this.step_ms;
      this.end.value = serverNow();
      for (const name of this.progress.keys()) void this.fetch(name, since, this.end.peek());
    }, kRefresh_ms);
    this.stops.push(() => window.clearInterval(timer));
  }

  private append(ts: number, entries: readonly { info: SeriesInfo; value: number | null }[]): void {
    for (const { info, value } of entries) this.slots(info.name, info.labels)?.add(ts, value);
    if (ts > this.end.peek() || this.end.peek() - ts < kSilence_ms) this.end.value = ts;
    this.version.value += 1;
  }

  // A host that fell silent must be seen to have stopped: time goes on without it.
  private moveOn(): void {
    if (liveLink().state.peek().kind !== "open" || serverNow() - this.end.peek() < kSilence_ms) return;
    this.end.value = serverNow() - kSilence_ms / 2;
    this.version.value += 1;
  }

  private fillGap(since: number | null): void {
    const oldest = serverNow() - this.fetched_ms();
    for (const name of this.progress.keys()) void this.fetch(name, Math.max(oldest, (since ?? oldest) - this.step_ms), serverNow());
  }
}
