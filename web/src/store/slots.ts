// One series on a fixed time grid: slot k stands for [k * step, (k + 1) * step); where the step is whole minutes its
// last moment belongs to it and its first does not, as the server has it. A ring of typed arrays, so its memory is
// bounded however long the page stays open. NaN: nothing was sampled there.
export class SlotSeries {
  readonly step_ms: number;
  readonly capacity: number;
  private readonly values: Float64Array;
  private readonly counts: Uint16Array; // readings averaged in a slot
  private newest = -1; // absolute number of the newest slot, -1: empty

  constructor(step_ms: number, capacity: number) {
    this.step_ms = step_ms;
    this.capacity = Math.max(2, Math.floor(capacity));
    this.values = new Float64Array(this.capacity).fill(Number.NaN);
    this.counts = new Uint16Array(this.capacity);
  }

  // A live reading: averaged with what the slot already holds. Too old for the ring: ignored.
  add(ts_ms: number, value: number | null): void {
    if (value === null || !Number.isFinite(value)) return;
    const at = this.place(this.step_ms % 60_000 === 0 ? ts_ms - 1 : ts_ms);
    if (at === null) return;
    const count = this.counts[at] ?? 0;
    const old = this.values[at] ?? Number.NaN;
    this.values[at] = count === 0 || Number.isNaN(old) ? value : old + (value - old) / (count + 1);
    this.counts[at] = Math.min(count + 1, 60_000);
  }

  // A slot as the server has it, which knows all readings: replaces what is there.
  put(ts_ms: number, value: number | null): void {
    if (value === null || !Number.isFinite(value)) return;
    const at = this.place(ts_ms);
    if (at === null) return;
    this.values[at] = value;
    this.counts[at] = 1;
  }

  latest(): { ts_ms: number; value: number } | null {
    for (let slot = this.newest; slot >= 0 && slot > this.newest - this.capacity; slot -= 1) {
      const value = this.values[slot % this.capacity] ?? Number.NaN;
      if (!Number.isNaN(value)) return { ts_ms: slot * this.step_ms, value };
    }
    return null;
  }

  at(slot: number): number {
    if (slot < 0 || slot > this.newest || slot <= this.newest - this.capacity) return Number.NaN;
    return this.values[slot % this.capacity] ?? Number.NaN;
  }

  // Slots first..last, NaN where there is nothing.
  read(first: number, last: number): Float64Array {
    const out = new Float64Array(Math.max(0, last - first + 1));
    for (let i = 0; i < out.length; i += 1) out[i] = this.at(first + i);
    return out;
  }

  // Where a time goes in the ring; moves the ring on when it is newer than all before.
  private place(ts_ms: number): number | null {
    const slot = Math.floor(ts_ms / this.step_ms);
    if (slot < 0 || (this.newest >= 0 && slot <= this.newest - this.capacity)) return null;
    if (slot > this.newest) {
      const from = this.newest < 0 ? slot : Math.max(this.newest + 1, slot - this.capacity + 1);
      for (let clear = from; clear <= slot; clear += 1) {
        this.values[clear % this.capacity] = Number.NaN;
        this.counts[clear % this.capacity] = 0;
      }
      if (this.newest < 0) this.values.fill(Number.NaN);
      this.newest = slot;
    }
    return slot % this.capacity;
  }
}

// Which holes are part of the rhythm (a sensor read every 10 s on a 1 s grid) and which are gaps
// that the line must show. A hole is joined while it is shorter than 2.5 times the usual distance.
// The result is for uPlot: undefined is joined over, null breaks the line.
export function withGaps(values: ArrayLike<number>): (number | null | undefined)[] {
  const out = new Array<number | null | undefined>(values.length).fill(null);
  const filled: number[] = [];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    out[i] = value;
    filled.push(i);
  }
  const most = 2.5 * usualDistance(filled);
  for (let k = 1; k < filled.length; k += 1) {
    const left = filled[k - 1] as number;
    const right = filled[k] as number;
    if (right - left < most) out.fill(undefined, left + 1, right);
  }
  return out;
}

function usualDistance(filled: readonly number[]): number {
  if (filled.length < 3) return 1;
  const distances = filled.slice(1).map((at, i) => at - (filled[i] as number));
  distances.sort((a, b) => a - b);
  return distances[Math.floor(distances.length / 2)] ?? 1;
}

// For stacked areas, where a joined hole must have a height: holes within the rhythm take the value
// before them, gaps stay null.
export function filledForStack(values: ArrayLike<number>): (number | null)[] {
  const marked = withGaps(values);
  let last: number | null = null;
  return marked.map((value) => {
    if (value === undefined) return last;
    last = value;
    return value;
  });
}

const kSteps_s = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 172_800, 345_600, 604_800, 1_209_600];

// The finest round step that gives at most `pixels` points.
export function stepFor(range_ms: number, pixels: number): number {
  const least = range_ms / Math.max(60, pixels) / 1000;
  return (kSteps_s.find((step) => step >= least) ?? 2_592_000) * 1000;
}
