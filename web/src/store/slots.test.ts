import { expect, test } from "vitest";

import { filledForStack, SlotSeries, stepFor, withGaps } from "./slots";

const NaN_ = Number.NaN;

test("live readings of a slot are averaged, history replaces them", () => {
  const series = new SlotSeries(1000, 10);
  series.add(5000, 2);
  series.add(5400, 4);
  expect(series.at(5)).toBe(3);
  series.put(5000, 7);
  expect(series.at(5)).toBe(7);
  series.add(5900, 9);
  expect(series.at(5)).toBe(8);
});

test("a slot of whole minutes ends with its last moment", () => {
  const series = new SlotSeries(60_000, 10);
  series.add(120_000, 1);
  series.add(120_001, 2);
  expect(Array.from(series.read(1, 2))).toEqual([1, 2]);
  series.put(120_000, 3); // the server's times are those of slots
  expect(Array.from(series.read(1, 2))).toEqual([1, 3]);
});

test("the ring forgets the oldest and refuses what is older still", () => {
  const series = new SlotSeries(1000, 4);
  for (let slot = 10; slot < 16; slot += 1) series.add(slot * 1000, slot);
  expect(Array.from(series.read(10, 16))).toEqual([NaN_, NaN_, 12, 13, 14, 15, NaN_]);
  series.add(11_000, 99);
  expect(series.at(15)).toBe(15);
  expect(series.at(11)).toBeNaN();
});

test("a jump ahead leaves no old values behind", () => {
  const series = new SlotSeries(1000, 4);
  for (let slot = 0; slot < 4; slot += 1) series.add(slot * 1000, slot);
  series.add(1_000_000, 5);
  expect(Array.from(series.read(996, 1000))).toEqual([NaN_, NaN_, NaN_, NaN_, 5]);
  expect(series.latest()).toEqual({ ts_ms: 1_000_000, value: 5 });
});

test("late readings fill earlier slots", () => {
  const series = new SlotSeries(1000, 10);
  series.add(9000, 9);
  series.add(6000, 6);
  expect(Array.from(series.read(5, 9))).toEqual([NaN_, 6, NaN_, NaN_, 9]);
});

test("nothing comes of null, not-a-number and infinity", () => {
  const series = new SlotSeries(1000, 4);
  for (const value of [null, NaN_, Infinity]) series.add(1000, value);
  expect(series.latest()).toBeNull();
});

test("random order gives what a map gives", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  let state = seed;
  const next = (): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31);
  const series = new SlotSeries(1000, 50);
  const model = new Map<number, number>();
  let newest = -1;
  for (let i = 0; i < 2000; i += 1) {
    const slot = Math.max(0, Math.floor(i / 4) + (next() % 40) - 20);
    if (newest < 0 || slot > newest - 50) model.set(slot, i);
    newest = Math.max(newest, slot);
    series.put(slot * 1000, i);
  }
  for (let slot = newest - 49; slot <= newest; slot += 1) {
    expect(series.at(slot), `seed ${seed}, slot ${slot}`).toEqual(model.get(slot) ?? NaN_);
  }
});

test("gaps and rhythm", () => {
  const check = (values: number[], want: (number | null | undefined)[]): void => expect(withGaps(values)).toEqual(want);
  check([], []);
  check([1, 2, 3], [1, 2, 3]);
  check([1, 2, NaN_, 4, 5], [1, 2, undefined, 4, 5]); // one late tick
  check([1, 2, NaN_, NaN_, 5, 6], [1, 2, null, null, 5, 6]); // a gap
  check([NaN_, 1, 2, 3, NaN_], [null, 1, 2, 3, null]);
  // Read every fifth slot: those holes are its rhythm; twenty slots are not.
  const slow = new Array<number>(60).fill(NaN_);
  for (const at of [0, 5, 10, 15, 20, 40, 45, 50, 55]) slow[at] = at;
  const joined = withGaps(slow);
  expect(joined[3]).toBeUndefined();
  expect(joined[30]).toBeNull();
});

test("stacks keep a height over joined holes only", () => {
  expect(filledForStack([1, 1, 2, NaN_, 3, 4, NaN_, NaN_, NaN_, 8])).toEqual([1, 1, 2, 2, 3, 4, null, null, null, 8]);
});

test("steps are round and give at most a point a pixel", () => {
  const check = (range_ms: number, pixels: number, want: number): void => expect(stepFor(range_ms, pixels)).toBe(want);
  check(300_000, 800, 1_000);
  check(900_000, 800, 2_000);
  check(86_400_000, 800, 120_000);
  check(86_400_000, 0, 1_800_000);
});
