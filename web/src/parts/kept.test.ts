import { expect, test } from "vitest";

import { formatAge, keptText } from "./kept";

test("says ages in whole units", () => {
  expect(formatAge(14 * 86_400)).toBe("14 days");
  expect(formatAge(5 * 365 * 86_400)).toBe("5 years");
  expect(formatAge(86_400)).toBe("1 day");
  expect(formatAge(36 * 3600)).toBe("36 hours");
  expect(formatAge(90)).toBe("90 seconds");
  expect(formatAge(null)).toBe("for ever");
});
test("tells each tier and the size", () => {
  const told = { engine: "volta", raw_s: 1_209_600, minute_s: 15_552_000, hour_s: 157_680_000, size_bytes: 2_000_000_000 };
  expect(keptText(told)).toBe("Kept: samples 14 days, 1 min windows 180 days, 1 h windows 5 years; at most 1.86 GiB");
  expect(keptText({ ...told, raw_s: null, size_bytes: null })).toBe("Kept: samples for ever, 1 min windows 180 days, 1 h windows 5 years");
});
test("leaves the answer to another engine, and says nothing of an older server", () => {
  expect(keptText({ engine: "prometheus" })).toBe("Kept by another engine, as long as that decides");
  expect(keptText(undefined)).toBe("");
});
