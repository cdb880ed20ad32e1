// The live stream: one socket for the whole page, any number of subscriptions over it. Reconnects
// with back-off and full jitter; after a reconnect each subscriber hears where its gap began, so
// that it can fetch what it missed.
import { signal, type Signal } from "@preact/signals";

import type { Labels, Problem } from "./api";

export interface SeriesInfo {
  i: number;
  name: string;
  labels: Labels;
  unit: string;
  rate?: boolean;
}

export interface Subscription {
  host: string;
  names: string[];
  interval_ms: number;
  // Called with all series known so far whenever that list grows or changes.
  onSeries?: (series: ReadonlyMap<number, SeriesInfo>) => void;
  onData: (ts: number, entries: { info: SeriesInfo; value: number | null }[]) => void;
  // After a reconnect; `since` is the time of the last data before it, null if there was none.
  onGap?: (since: number | null) => void;
  onError?: (problem: Problem) => void;
}

export type LinkState =
  | { kind: "connecting" }
  | { kind: "open" }
  | { kind: "waiting"; retry_at: number; reason: string }
  | { kind: "login" };

interface Entry {
  spec: Subscription;
  series: Map<number, SeriesInfo>;
  last_ts: number | null;
}

// What the page needs from the browser; tests pass their own.
export interface Surroundings {
  open: (url: string, protocol: string) => WebSocket;
  now: () => number;
  random: () => number;
  later: (run: () => void, ms: number) => number;
  cancel: (timer: number) => void;
}

const kFirstPause_ms = 500;
const kLongestPause_ms = 30_000;
// A link that stayed open for so long was a good one, even if its host had nothing to say.
const kSettled_ms = 10_000;
const kProtocol = "volta.v1.json";
const kLoginNeeded = 4401;

// Full jitter over a doubling ceiling, but never so short that a failing server is hammered.
export function backOff(attempt: number, random: number): number {
  const ceiling = Math.min(kLongestPause_ms, kFirstPause_ms * 2 ** Math.min(attempt, 10));
  return Math.round(kFirstPause_ms / 2 + random * ceiling);
}

const reasons: Record<number, string> = {
  1001: "the server is shutting down",
  1008: "the server refused the connection",
  1009: "a message was too big",
  1013: "this page could not keep up",
};

export class LiveLink {
  readonly state: Signal<LinkState> = signal<LinkState>({ kind: "connecting" });
  private readonly entries = new Map<string, Entry>();
  private socket: WebSocket | null = null;
  private timer: number | null = null;
  private attempt = 0;
  private next_id = 1;
  private opened_before = false;
  private opened_at: number | null = null;

  constructor(
    private readonly url: string,
    private readonly around: Surroundings,
  ) {}

  // Opens the link before anybody subscribes, so that the handshake runs beside the page's first requests.
  start(): void {
    if (!this.socket && this.timer === null) this.connect();
  }

  // Returns the function that ends the subscription.
  subscribe(spec: Subscription): () => void {
    const id = `s${this.next_id}`;
    this.next_id += 1;
    this.entries.set(id, { spec, series: new Map(), last_ts: null });
    if (this.socket?.readyState === 1) this.announce(id, spec);
    else this.start();
    return () => {
      if (!this.entries.delete(id)) return;
      if (this.socket?.readyState === 1) this.say({ op: "unsubscribe", id });
    };
  }

  // Tries at once: the reader asked for it, logged in, or the network came back.
  retry(): void {
    if (this.socket) return;
    if (this.timer !== null) this.around.cancel(this.timer);
    this.attempt = 0;
    this.connect();
  }

  private connect(): void {
    this.timer = null;
    this.state.value = { kind: "connecting" };
    let socket: WebSocket;
    try {
      socket = this.around.open(this.url, kProtocol);
    } catch {
      this.wait("the connection could not be opened");
      return;
    }
    this.socket = socket;
    socket.onopen = () => this.opened();
    socket.onmessage = (event: MessageEvent) => this.heard(event.data);
    socket.onclose = (event: CloseEvent) => this.closed(socket, event.code, event.reason);
  }

  // Opening proves little: a server may take every socket and drop it at once. Only data, or having lasted, ends
  // the back-off.
  private opened(): void {
    this.opened_at = this.around.now();
    this.state.value = { kind: "open" };
    for (const [id, entry] of this.entries) {
      entry.series.clear();
      this.announce(id, entry.spec);
      if (this.opened_before) entry.spec.onGap?.(entry.last_ts);
    }
    this.opened_before = true;
  }

  private closed(socket: WebSocket, code: number, reason: string): void {
    if (this.socket !== socket) return;
    this.socket = null;
    if (this.opened_at !== null && this.around.now() - this.opened_at >= kSettled_ms) this.attempt = 0;
    this.opened_at = null;
    if (code === kLoginNeeded) {
      this.state.value = { kind: "login" };
      return;
    }
    this.wait(reasons[code] ?? (reason || "the connection broke"));
  }

  private wait(reason: string): void {
    const pause = backOff(this.attempt, this.around.random());
    this.attempt += 1;
    this.state.value = { kind: "waiting", retry_at: this.around.now() + pause, reason };
    this.timer = this.around.later(() => {
      this.timer = null;
      // Nobody listens any more (a login is asked for): the next subscription opens the link.
      if (this.entries.size > 0) this.connect();
      else this.state.value = { kind: "connecting" };
    }, pause);
  }

  private announce(id: string, spec: Subscription): void {
    this.say({ op: "subscribe", id, host: spec.host, names: spec.names, interval_ms: spec.interval_ms, rates: true });
  }

  private say(message: unknown): void {
    this.socket?.send(JSON.stringify(message));
  }

  private heard(text: unknown): void {
    let message: Record<string, unknown> | null;
    try {
      message = JSON.parse(String(text)) as Record<string, unknown> | null;
    } catch {
      return; // Not ours to mend; the next message may be whole.
    }
    if (typeof message !== "object" || message === null) return;
    const entry = this.entries.get(String(message["id"]));
    if (!entry) return;
    if (message["op"] === "series") this.learn(entry, message["index"]);
    else if (message["op"] === "data") this.deliver(entry, message);
    else if (message["op"] === "error") entry.spec.onError?.(message["problem"] as Problem);
  }

  private learn(entry: Entry, index: unknown): void {
    if (!Array.isArray(index)) return;
    for (const info of index as (Omit<SeriesInfo, "labels"> & { labels?: Labels })[]) entry.series.set(info.i, { ...info, labels: info.labels ?? {} });
    entry.spec.onSeries?.(entry.series);
  }

  private deliver(entry: Entry, message: Record<string, unknown>): void {
    const ts = message["ts"];
    const places = message["i"];
    const values = message["v"];
    if (typeof ts !== "number" || !Array.isArray(places) || !Array.isArray(values)) return;
    const entries: { info: SeriesInfo; value: number | null }[] = [];
    for (let k = 0; k < places.length; k += 1) {
      const info = entry.series.get(places[k] as number);
      const value: unknown = values[k];
      if (info) entries.push({ info, value: typeof value === "number" ? value : null });
    }
    this.attempt = 0;
    entry.last_ts = Math.max(ts, entry.last_ts ?? 0);
    entry.spec.onData(ts, entries);
  }
}

let shared: LiveLink | null = null;

// The page's one link; start() opens it.
export function liveLink(): LiveLink {
  if (shared) return shared;
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/ws`;
  shared = new LiveLink(url, {
    open: (to, protocol) => new WebSocket(to, protocol),
    now: () => Date.now(),
    random: () => Math.random(),
    later: (run, ms) => window.setTimeout(run, ms),
    cancel: (timer) => window.clearTimeout(timer),
  });
  const link = shared;
  window.addEventListener("online", () => link.retry());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && link.state.value.kind === "waiting") link.retry();
  });
  return shared;
}
