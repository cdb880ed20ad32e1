// Numbers as people read them. Units come from the catalogue ("bytes", "watts", "seconds" ...);
// memory and traffic use binary prefixes, energy is in kWh.

export type Unit = "watts" | "percent" | "bytes" | "bytes/s" | "celsius" | "rpm" | "hertz" | "volts" | "seconds" | "count" | "count/s";

const binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
const decimal = ["", "k", "M", "G", "T"];

export interface Quantity {
  text: string; // the number alone
  unit: string;
}

// Three significant digits, no exponent, no trailing zeros beyond what the size asks for.
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  const places = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const text = value.toFixed(places);
  return Number(text) === 0 ? "0" : text;
}

function prefixed(value: number, base: number, prefixes: readonly string[], unit: string): Quantity {
  let scaled = value;
  let step = 0;
  while (Math.abs(scaled) >= base * 0.99995 && step < prefixes.length - 1) {
    scaled /= base;
    step += 1;
  }
  const whole = step === 0 && base === 1024;
  return { text: whole ? digits(Math.round(scaled)) : digits(scaled), unit: `${prefixes[step] ?? ""}${unit}` };
}

export function quantity(value: number, unit: Unit): Quantity {
  switch (unit) {
    case "watts":
      if (Math.abs(value) > 0 && Math.abs(value) < 0.9995) return { text: digits(value * 1000), unit: "mW" };
      return Math.abs(value) >= 10_000 ? prefixed(value, 1000, decimal, "W") : { text: wattDigits(value), unit: "W" };
    case "percent":
      return { text: Math.abs(value) >= 99.95 ? value.toFixed(0) : value.toFixed(1), unit: "%" };
    case "bytes":
      return prefixed(value, 1024, binary, "B");
    case "bytes/s":
      return prefixed(value, 1024, binary, "B/s");
    case "celsius":
      return { text: value.toFixed(1), unit: "°C" };
    case "rpm":
      return { text: Math.round(value).toString(), unit: "rpm" };
    case "hertz":
      return prefixed(value, 1000, decimal, "Hz");
    case "volts":
      return { text: digits(value), unit: "V" };
    case "seconds":
      return Math.abs(value) < 1 ? { text: digits(value * 1000), unit: "ms" } : { text: digits(value), unit: "s" };
    case "count":
      return { ...prefixed(value, 1000, decimal, "") };
    case "count/s": {
      const scaled = prefixed(value, 1000, decimal, "");
      return { text: scaled.text, unit: `${scaled.unit}/s` };
    }
  }
}

// Watts keep one decimal up to a kilowatt: people compare neighbouring readings.
function wattDigits(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toString() : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}

export function format(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const { text, unit: name } = quantity(value, unit);
  return name === "" ? text : `${text} ${name}`;
}

export function formatEnergy(joules: number | null | undefined): Quantity {
  if (joules === null || joules === undefined || !Number.isFinite(joules)) return { text: "–", unit: "kWh" };
  const kwh = joules / 3_600_000;
  if (kwh >= 1000) return { text: digits(kwh / 1000), unit: "MWh" };
  if (kwh >= 0.1) return { text: kwh.toFixed(kwh >= 100 ? 0 : kwh >= 10 ? 1 : 2), unit: "kWh" };
  return { text: digits(kwh * 1000), unit: "Wh" };
}

export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor((whole % 86_400) / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (days > 0) return hours > 0 && days < 60 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${whole} s`;
}

// "Last 30 seconds", "Last 15 minutes", for windows of whole seconds or minutes.
export function formatLast(range_ms: number): string {
  const seconds = Math.round(range_ms / 1000);
  const [count, unit] = seconds < 60 || seconds % 60 !== 0 ? [seconds, "second"] : [seconds / 60, "minute"];
  return count === 1 ? `Last ${unit}` : `Last ${count} ${unit}s`;
}

export function formatAgo(then_ms: number, now_ms: number): string {
  const seconds = Math.round((now_ms - then_ms) / 1000);
  if (!Number.isFinite(seconds)) return "never";
  return seconds < 3 ? "now" : `${formatDuration(seconds)} ago`;
}

const kLongest_s = 10 * 366 * 86_400; // as far as the server answers

// "15m", "6h", "30d", "1y" to milliseconds; null when it is none of these. A year has 365 days.
export function parseRange(text: string | null | undefined): number | null {
  const match = /^(\d{1,7})([smhdy])$/.exec(text ?? "");
  if (!match) return null;
  const factor = { s: 1, m: 60, h: 3600, d: 86_400, y: 365 * 86_400 }[match[2] as "s" | "m" | "h" | "d" | "y"];
  const seconds = Number(match[1]) * factor;
  return seconds >= 60 && seconds <= kLongest_s ? seconds * 1000 : null;
}

// Chart axes: steps that divide well in the unit's own base, so that ticks read 512 MiB, not 477.
export function axisIncrements(unit: Unit): number[] {
  const base = unit.startsWith("bytes") ? 1024 : 1000;
  const mantissas = base === 1024 ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] : [1, 2, 5, 10, 20, 50, 100, 200, 500];
  const increments: number[] = [];
  for (let power = base === 1024 ? 0 : -2; power <= 5; power += 1) {
    for (const mantissa of mantissas) increments.push(mantissa * base ** power);
  }
  return increments;
}

const kDay_ms = 86_400_000;
const kMonth_ms = 28 * kDay_ms;
const hourMinuteSecond = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayTime = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayMinute = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const yearDay = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const dayOnly = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const monthYear = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short" });
const monthOnly = new Intl.DateTimeFormat(undefined, { month: "short" });

export function formatClock(ms: number): string {
  return hourMinuteSecond.format(ms);
}

// As exactly as a grid of `step_ms` tells it.
export function formatMoment(ms: number, step_ms = 0): string {
  if (!Number.isFinite(ms)) return "–";
  return (step_ms >= kDay_ms ? yearDay : step_ms >= 60_000 ? dayMinute : dayTime).format(ms);
}

// Of a time axis with marks `increment_ms` apart: the clock, at midnight the day; days; months, in January the year; where
// January may have no mark, months with their years.
export function formatTick(ms: number, increment_ms: number): string {
  const at = new Date(ms);
  if (increment_ms >= 12 * kMonth_ms) return String(at.getFullYear());
  if (increment_ms > 31 * kDay_ms) return monthYear.format(ms);
  if (increment_ms >= kMonth_ms) return at.getMonth() === 0 ? String(at.getFullYear()) : monthOnly.format(ms);
  if (increment_ms >= kDay_ms) return dayOnly.format(ms);
  if (increment_ms < 60_000) return formatClock(ms);
  return at.getHours() === 0 && at.getMinutes() === 0 ? dayOnly.format(ms) : formatClock(ms).slice(0, 5);
}

// "1m" as the server names what it read, for people; "" for readings as they came.
export function formatTier(tier: string): string {
  return { "1m": "1 min windows", "1h": "1 h windows" }[tier] ?? "";
}
