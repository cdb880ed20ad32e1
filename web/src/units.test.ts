import { expect, test } from "vitest";

import { axisIncrements, digits, format, formatAgo, formatDuration, formatEnergy, formatLast, formatMoment, formatTick, parseRange, type Unit } from "./units";

test("format", () => {
  const check = (value: number | null | undefined, unit: Unit, want: string): void => expect(format(value, unit)).toBe(want);
  check(0, "watts", "0.00 W");
  check(12.345, "watts", "12.3 W");
  check(0.25, "watts", "250 mW");
  check(1234.5, "watts", "1235 W");
  check(12_345, "watts", "12.3 kW");
  check(-3.5, "watts", "-3.50 W");
  check(5, "percent", "5.0 %");
  check(99.97, "percent", "100 %");
  check(1023, "bytes", "1023 B");
  check(1024, "bytes", "1.00 KiB");
  check(1024 ** 2 - 1, "bytes", "1.00 MiB");
  check(3.5 * 1024 ** 3, "bytes", "3.50 GiB");
  check(120 * 1024 ** 2, "bytes/s", "120 MiB/s");
  check(48.26, "celsius", "48.3 °C");
  check(2_400_000_000, "hertz", "2.40 GHz");
  check(1.5, "count", "1.50");
  check(15_300, "count/s", "15.3 k/s");
  check(0.004, "seconds", "4.00 ms");
  check(null, "watts", "–");
  check(undefined, "bytes", "–");
  check(Number.NaN, "percent", "–");
  check(Infinity, "watts", "–");
});

test("digits never says minus nought or an exponent", () => {
  expect(digits(-0.001)).toBe("0");
  expect(digits(1e-9)).toBe("0");
  expect(digits(123456)).toBe("123456");
});

test("energy", () => {
  const check = (joules: number | null, want: string): void => {
    const { text, unit } = formatEnergy(joules);
    expect(`${text} ${unit}`).toBe(want);
  };
  check(null, "– kWh");
  check(0, "0 Wh");
  check(3600, "1.00 Wh");
  check(1_800_000, "0.50 kWh");
  check(3_600_000 * 42, "42.0 kWh");
  check(3_600_000 * 2500, "2.50 MWh");
});

test("durations and ages", () => {
  expect(formatDuration(5)).toBe("5 s");
  expect(formatDuration(3725)).toBe("1 h 2 min");
  expect(formatDuration(200_000)).toBe("2 d 7 h");
  expect(formatDuration(-4)).toBe("0 s");
  expect(formatDuration(7 * 86_400)).toBe("7 d");
  expect(formatDuration(365 * 86_400 + 3600)).toBe("365 d");
  expect(formatAgo(1000, 2500)).toBe("now");
  expect(formatAgo(0, 65_000)).toBe("1 min ago");
  expect(formatAgo(Number.NaN, 0)).toBe("never");
});

test("axis marks tell what changes between them", () => {
  const check = (at: Date, increment_ms: number, want: RegExp): void => expect(formatTick(at.getTime(), increment_ms)).toMatch(want);
  const day = 86_400_000;
  check(new Date(2026, 10, 20, 14, 30, 5), 1000, /^14:30:05$/);
  check(new Date(2026, 10, 20, 14, 30), 300_000, /^14:30$/);
  check(new Date(2026, 10, 20), 3_600_000, /^(?=.*20)(?!.*:)/);
  check(new Date(2026, 10, 20, 12), 43_200_000, /^12:00$/);
  check(new Date(2026, 10, 20), 2 * day, /^(?=.*20)(?!.*:)/);
  check(new Date(2026, 10, 1), 30 * day, /^Nov/);
  check(new Date(2027, 0, 1), 30 * day, /^2027$/);
  check(new Date(2026, 10, 1), 180 * day, /^(?=.*Nov)(?=.*2026)/);
  check(new Date(2026, 0, 1), 365 * day, /^2026$/);
});

test("a moment is told as exactly as the grid knows it", () => {
  const at = new Date(2026, 10, 20, 14, 30, 5).getTime();
  expect(formatMoment(at)).toMatch(/14:30:05/);
  expect(formatMoment(at, 60_000)).toMatch(/14:30$/);
  expect(formatMoment(at, 86_400_000)).toMatch(/2026/);
  expect(formatMoment(Number.NaN)).toBe("–");
});

test("ranges", () => {
  const check = (text: string | null, want: number | null): void => expect(parseRange(text)).toBe(want);
  check("5m", 300_000);
  check("24h", 86_400_000);
  check("30s", null); // shorter than a minute
  check("30d", 2_592_000_000);
  check("1y", 365 * 86_400_000);
  check("5y", 5 * 365 * 86_400_000);
  check("11y", null);
  check("9999999d", null);
  check("-5m", null);
  check("5", null);
  check("5m; drop", null);
  check(null, null);
});

test("axis steps of bytes are powers of two", () => {
  expect(axisIncrements("bytes").every((step) => Number.isInteger(Math.log2(step)))).toBe(true);
  expect(axisIncrements("watts")).toContain(500);
});

test("windows in words", () => {
  const check = (range_ms: number, want: string): void => expect(formatLast(range_ms)).toBe(want);
  check(30_000, "Last 30 seconds");
  check(60_000, "Last minute");
  check(90_000, "Last 90 seconds");
  check(900_000, "Last 15 minutes");
});
