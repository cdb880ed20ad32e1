// How long a window to show while nobody has chosen one: as long as there is history, in steps, so that a chart is
// mostly line ten seconds after the first start, and does not change its scale with every reading.
export const kSteps_ms: readonly number[] = [30_000, 60_000, 120_000, 300_000, 900_000];
export const kFull_ms = 900_000;

// The shortest step that holds a history of `age_ms`; null: not known how old, which is taken as old.
export function fittingRange(age_ms: number | null): number {
  if (age_ms === null) return kFull_ms;
  return kSteps_ms.find((step) => step >= age_ms) ?? kFull_ms;
}
