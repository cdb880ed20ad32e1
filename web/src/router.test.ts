import { expect, test } from "vitest";

import { hostPath, kPresets, nextPreset, parseRoute, parseView, rangeName, viewQuery, type Route, type View } from "./router";

test("routes", () => {
  const check = (path: string, want: Route): void => expect(parseRoute(path)).toEqual(want);
  check("/", { page: "overview" });
  check("/index.html", { page: "overview" });
  check("/hosts/h-1", { page: "host", id: "h-1" });
  check("/hosts/h-1/", { page: "host", id: "h-1" });
  check("/hosts/a%2Fb%20c", { page: "host", id: "a/b c" });
  check("/hosts/%E0%A4%A", { page: "missing" }); // broken escape
  check("/hosts/", { page: "missing" });
  check("/hosts/a/b", { page: "missing" });
  check("/admin", { page: "missing" });
});

test("a host's path reads back", () => {
  for (const id of ["h-1", "a/b", "<img>", "ü?#%"]) expect(parseRoute(hostPath(id))).toEqual({ page: "host", id });
});

test("views", () => {
  const live = (range_ms: number | null): View => ({ range_ms, from: null, to: null, paused: false });
  const check = (query: string, want: View): void => expect(parseView(query)).toEqual(want);
  check("", live(null));
  check("?range=1h", live(3_600_000));
  check("?range=15m", live(900_000)); // chosen, so it does not shrink to the history
  check("?range=nonsense", live(null));
  check("?range=1h&from=1795226940000&to=1795227000000", { range_ms: 3_600_000, from: 1795226940000, to: 1795227000000, paused: false });
  check("?from=1795226940000&to=1795227000000&paused=1", { range_ms: null, from: 1795226940000, to: 1795227000000, paused: true });
  check("?from=2026-11-21T04:00:00Z&to=2026-11-21T05:00:00Z", { range_ms: null, from: Date.UTC(2026, 10, 21, 4), to: Date.UTC(2026, 10, 21, 5), paused: false });
  check("?from=1795227000000&to=1795226940000", live(null)); // ends before it starts
  check("?from=x&to=y", live(null));
  check("?from=1795226940000", live(null)); // half a window is none
});

test("the next preset", () => {
  const check = (range_ms: number, longer: boolean, want: string): void => expect(rangeName(nextPreset(range_ms, longer))).toBe(want);
  check(900_000, true, "1h");
  check(900_000, false, "5m");
  check(86_400_000, true, "2d");
  check(100_000, true, "5m");
  check(3 * 86_400_000, false, "2d");
  check(300_000, false, "5m");
  check(5 * 365 * 86_400_000, true, "5y");
});

test("a view reads back from its query", () => {
  const check = (view: View): void => expect(parseView(viewQuery(view))).toEqual(view);
  for (const { ms } of kPresets) check({ range_ms: ms, from: null, to: null, paused: false });
  check({ range_ms: null, from: null, to: null, paused: false });
  check({ range_ms: null, from: 1795226940000, to: 1795227000000, paused: true });
  check({ range_ms: 300_000, from: 1795226940000, to: 1795227000000, paused: true });
  check({ range_ms: 86_400_000, from: 1795226940000, to: 1795227000000, paused: false });
  expect(viewQuery({ range_ms: null, from: null, to: null, paused: false })).toBe("");
  expect(rangeName(7 * 60_000)).toBe("7m");
});
