import { expect, test } from "vitest";

import { backOff, LiveLink, type Subscription } from "./live";

// A socket that the test opens, closes and speaks through.
class FakeSocket {
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }
  break(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

function rig() {
  const clock = { now: 1_000_000 };
  const sockets: FakeSocket[] = [];
  const timers: { run: () => void; ms: number; cancelled: boolean }[] = [];
  const link = new LiveLink("ws://x/api/v1/ws", {
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    now: () => clock.now,
    random: () => 0.5,
    later: (run, ms) => timers.push({ run, ms, cancelled: false }) - 1,
    cancel: (timer) => {
      const found = timers[timer];
      if (found) found.cancelled = true;
    },
  });
  const last = (): FakeSocket => sockets.at(-1) as FakeSocket;
  return { link, sockets, timers, last, clock };
}

function listener(extra: Partial<Subscription> = {}): Subscription & { got: unknown[] } {
  const got: unknown[] = [];
  return { host: "h", names: ["volta_*"], interval_ms: 1000, onData: (ts, entries) => got.push([ts, entries.map(({ info, value }) => [info.name, value])]), got, ...extra };
}

test("opens with the first subscription and announces it", () => {
  const { link, sockets, last } = rig();
  expect(sockets.length).toBe(0);
  link.subscribe(listener());
  last().open();
  expect(last().sent).toEqual([{ op: "subscribe", id: "s1", host: "h", names: ["volta_*"], interval_ms: 1000, rates: true }]);
  const end = link.subscribe(listener());
  expect(last().sent.at(-1)).toMatchObject({ op: "subscribe", id: "s2" });
  end();
  end();
  expect(last().sent.slice(2)).toEqual([{ op: "unsubscribe", id: "s2" }]);
});

test("a link may be opened ahead of its first subscription, which waits for the handshake", () => {
  const { link, sockets, last } = rig();
  link.start();
  link.start();
  link.subscribe(listener());
  expect(sockets.length).toBe(1);
  expect(last().sent).toEqual([]);
  last().open();
  expect(last().sent).toMatchObject([{ op: "subscribe", id: "s1" }]);
});

test("data is joined with the index, which may grow", () => {
  const { link, last } = rig();
  const spec = listener();
  link.subscribe(spec);
  last().open();
  last().say({ op: "series", id: "s1", index: [{ i: 0, name: "a", labels: {}, unit: "" }] });
  last().say({ op: "data", id: "s1", ts: 5, i: [0, 1], v: [1.5, 2] });
  last().say({ op: "series", id: "s1", index: [{ i: 1, name: "b", labels: {}, unit: "" }] });
  last().say({ op: "data", id: "s1", ts: 6, i: [0, 1], v: [null, 2] });
  expect(spec.got).toEqual([
    [5, [["a", 1.5]]],
    [6, [["a", null], ["b", 2]]],
  ]);
});

test("nonsense is passed over", () => {
  const { link, last } = rig();
  const spec = listener();
  link.subscribe(spec);
  last().open();
  for (const message of ["{", "null", { op: "data", id: "s1" }, { op: "data", id: "other", ts: 1, i: [0], v: [1] }, { op: "series", id: "s1", index: "x" }, { op: "data", id: "s1", ts: "1", i: [0], v: [1] }, []]) last().say(message);
  expect(spec.got).toEqual([]);
  expect(link.state.value.kind).toBe("open");
});

test("after a break it waits, comes back, subscribes again and tells of the gap", () => {
  const { link, sockets, timers, last } = rig();
  const gaps: (number | null)[] = [];
  link.subscribe(listener({ onGap: (since) => gaps.push(since) }));
  last().open();
  expect(gaps).toEqual([]);
  last().say({ op: "series", id: "s1", index: [{ i: 0, name: "a", labels: {}, unit: "" }] });
  last().say({ op: "data", id: "s1", ts: 42_000, i: [0], v: [1] });
  last().break(1006);
  expect(link.state.value).toEqual({ kind: "waiting", retry_at: 1_000_000 + 500, reason: "the connection broke" });
  timers[0]?.run();
  expect(sockets.length).toBe(2);
  last().open();
  expect(last().sent).toMatchObject([{ op: "subscribe", id: "s1" }]);
  expect(gaps).toEqual([42_000]);
});

test("the pause grows, is bounded, and starts afresh after data", () => {
  const { link, timers, last } = rig();
  link.subscribe(listener());
  for (let i = 0; i < 4; i += 1) {
    last().break(1006);
    timers[i]?.run();
  }
  expect(timers.map(({ ms }) => ms)).toEqual([500, 750, 1250, 2250]);
  last().open();
  last().say({ op: "data", id: "s1", ts: 5, i: [], v: [] });
  last().break(1001);
  expect(timers.at(-1)?.ms).toBe(500);
  expect(backOff(1000, 1)).toBeLessThanOrEqual(30_250);
  expect(backOff(0, 0)).toBeGreaterThan(0);
});

test("a socket that opens and breaks at once does not end the back-off; one that lasted does", () => {
  const { link, timers, last, clock } = rig();
  link.subscribe(listener());
  for (let i = 0; i < 4; i += 1) {
    last().open();
    clock.now += 9_000;
    last().break(1006);
    timers[i]?.run();
  }
  expect(timers.map(({ ms }) => ms)).toEqual([500, 750, 1250, 2250]);
  // Not the time between the sockets counts, only the time for which one was open.
  clock.now += 60_000;
  last().break(1006);
  expect(timers.at(-1)?.ms).toBe(4250);
  timers.at(-1)?.run();
  last().open();
  clock.now += 10_000;
  last().break(1006);
  expect(timers.at(-1)?.ms).toBe(500);
});

test("a login is waited for, not hammered", () => {
  const { link, sockets, timers, last } = rig();
  link.subscribe(listener());
  last().break(4401);
  expect(link.state.value).toEqual({ kind: "login" });
  expect(timers.length).toBe(0);
  link.retry();
  expect(sockets.length).toBe(2);
});

test("without listeners it does not come back by itself", () => {
  const { link, sockets, timers, last } = rig();
  const end = link.subscribe(listener());
  last().open();
  end();
  last().break(1006);
  timers[0]?.run();
  expect(sockets.length).toBe(1);
  link.subscribe(listener());
  expect(sockets.length).toBe(2);
});

test("trying now cancels the wait", () => {
  const { link, sockets, timers, last } = rig();
  link.subscribe(listener());
  last().break(1006);
  link.retry();
  expect(timers[0]?.cancelled).toBe(true);
  expect(sockets.length).toBe(2);
  link.retry();
  expect(sockets.length).toBe(2); // one is on its way
});
