import { expect, test } from "vitest";

import { fittingRange, kFull_ms, kSteps_ms } from "./growth";

test("the window fits the history", () => {
  const check = (age_ms: number | null, want: number): void => expect(fittingRange(age_ms)).toBe(want);
  check(0, 30_000);
  check(10_000, 30_000); // ten seconds after the first start a third of the chart is line
  check(30_000, 30_000);
  check(30_001, 60_000);
  check(90_000, 120_000);
  check(299_000, 300_000);
  check(301_000, 900_000);
  check(86_400_000, kFull_ms);
  check(null, kFull_ms);
  check(-5_000, 30_000); // a clock that is a little behind
});

test("a window is never less than a third full once it has grown, nor too short for its history", () => {
  const wrong: string[] = []; // one expectation for all: each has its price, and these are many
  for (let age_ms = 10_000; age_ms <= kFull_ms; age_ms += 500) {
    const range_ms = fittingRange(age_ms);
    if (range_ms < age_ms || age_ms / range_ms <= 0.33) wrong.push(`${age_ms} ms of history in ${range_ms} ms`);
  }
  expect(wrong).toEqual([]);
  expect([...kSteps_ms].sort((a, b) => a - b)).toEqual(kSteps_ms);
});
