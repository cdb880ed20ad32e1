// One chart: uPlot draws, the legend and the tooltip are ours. It fetches and draws only while it is
// on the screen, and all charts share one crosshair.
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { zoomTo } from "../router";
import { filledForStack, withGaps } from "../store/slots";
import { color, themeVersion } from "../store/theme";
import { extremesOf, type HostWindow } from "../store/window";
import { axisIncrements, format, formatMoment, formatTick } from "../units";
import { paintHeat } from "./heat";
import type { Drawn, Panel } from "./panels";

const kHeight = 190;
const kSync = uPlot.sync("volta");
const kTooltipRows = 10;
const kValueAxis = 70;

type Column = (number | null | undefined)[];
interface Shown {
  all: Drawn[]; // as the legend lists them
  lines: Drawn[]; // without the hidden ones
  more: number; // lines beyond the limit
  times: number[];
  ceiling: number | null;
  band: Band | null; // around the first line
}
interface Band {
  low: Float64Array;
  high: Float64Array;
}

// Panels begin at different colours, so that neighbours with one line each can be told apart.
function tint(panel: Panel, i: number): string {
  return color(`c${((i + (panel.hue ?? 0)) % 10) + 1}`);
}

function hasValues(drawn: Drawn): boolean {
  return drawn.values.some((value) => !Number.isNaN(value));
}

function prepare(panel: Panel, data: HostWindow, hidden: ReadonlySet<string>): Shown {
  const raw = data.read(panel.names);
  const built = panel.build(raw).filter(hasValues);
  const all = built.slice(0, panel.most);
  const ceiling = panel.ceiling?.(raw) ?? null;
  const lines = all.filter(({ label }) => !hidden.has(label));
  return { all, lines, more: built.length - all.length, times: data.times(), ceiling, band: lines[0]?.strong ? band(panel, data) : null };
}

// Where there are several such series nobody knows whose extremes belong together.
function band(panel: Panel, data: HostWindow): Band | null {
  if (!panel.extremes || !data.hasExtremes()) return null;
  const [low, high] = extremesOf(panel.extremes.name).map((name) => data.read([name]).filter(({ labels }) => panel.extremes?.of(labels)));
  return low?.[0] && high?.[0] && low.length === 1 && high.length === 1 ? { low: low[0].values, high: high[0].values } : null;
}

function columns(panel: Panel, shown: Shown): Column[] {
  if (shown.lines.length === 0) return [new Array<null>(shown.times.length).fill(null)];
  if (panel.kind === "heat") return [new Array<number>(shown.times.length).fill(0)];
  if (panel.kind === "line") return [...shown.lines.map(({ values }) => values), ...(shown.band ? [shown.band.high, shown.band.low] : [])].map(withGaps);
  const heights = new Array<number>(shown.times.length).fill(0);
  return shown.lines.map(({ values }) =>
    filledForStack(values).map((value, i) => {
      if (value === null) return null;
      return (heights[i] = (heights[i] ?? 0) + value);
    }),
  );
}

function yRange(panel: Panel, current: () => Shown): uPlot.Range.Function {
  // Both are null where the chart has no values; uPlot's types do not say so.
  return (_chart, low: number | null, high: number | null) => {
    const shown = current();
    if (panel.kind === "heat") return [0, Math.max(1, shown.lines.length)];
    if (panel.scale === "percent") return [0, 100];
    if (low === null || high === null || !Number.isFinite(high)) return [0, 1];
    if (panel.scale === "free") return [Math.floor(low - 4), Math.ceil(high + 4)];
    return [0, shown.ceiling ?? Math.max(high * 1.12, panel.unit === "percent" ? 1 : panel.unit === "bytes/s" ? 1024 : 0.1)];
  };
}

function series(panel: Panel, shown: Shown): uPlot.Series[] {
  if (panel.kind === "heat" || shown.lines.length === 0) return [{ paths: () => null, points: { show: false } }];
  const edges: uPlot.Series[] = shown.band ? [{ width: 0, points: { show: false } }, { width: 0, points: { show: false } }] : [];
  return [...shown.lines.map((line): uPlot.Series => {
    const stroke = tint(panel, shown.all.indexOf(line));
    const one: uPlot.Series = { stroke, width: line.strong ? 2.5 : panel.kind === "stack" ? 1 : 1.5, points: { show: false } };
    if (panel.kind === "stack") one.fill = `${stroke}8c`;
    else if (line.strong && !shown.band) one.fill = `${stroke}24`;
    return one;
  }), ...edges];
}

// A chart without lines still shows its stretch of time: the reader sees where the gap is and can zoom out of it.
function axes(panel: Panel, shown: Shown, span: () => [number, number]): uPlot.Axis[] {
  const empty = shown.lines.length === 0;
  const look = {
    stroke: () => color("muted"),
    grid: { stroke: () => color("grid"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  // A mark at the right edge has no room for a long text.
  const clock = (chart: uPlot, splits: number[], _axis: number, _space: number, increment: number): string[] => {
    const [from, to] = span();
    const width = chart.width - kValueAxis;
    return splits.map((at) => {
      const text = formatTick(at, increment);
      return (width * (to - at)) / (to - from) < 3 * text.length - 6 ? "" : text;
    });
  };
  const value = (_chart: uPlot, splits: number[]): string[] =>
    splits.map((at) => (empty ? "" : panel.kind === "heat" ? (shown.lines[Math.floor(at)]?.label ?? "") : at === 0 && panel.scale !== "free" ? "0" : format(at, panel.unit).replace(/\.0+(?= )/, "")));
  // Minutes are shorter than what has seconds or a day.
  const space = (_chart: uPlot, _axis: number, from: number, to: number, size: number): number => {
    const minute = (60_000 * size) / (to - from);
    return minute >= 48 && minute < 70 ? 48 : 70;
  };
  // A name stands beside the middle of its row.
  const rows = (_chart: uPlot, _axis: number, low: number, high: number, increment: number): number[] => {
    const middles = [];
    for (let row = low; row < high; row += Math.max(1, increment)) middles.push(row + 0.5);
    return middles;
  };
  const heat: Partial<uPlot.Axis> = { splits: rows, incrs: [1, 2, 4, 8, 16, 32, 64], grid: { show: false } };
  return [
    { ...look, values: clock, space, size: 22, gap: 4 },
    { ...look, values: value, size: kValueAxis, space: 34, ...(panel.kind === "heat" ? heat : { incrs: axisIncrements(panel.unit) }) },
  ];
}

interface Hooks {
  current: () => Shown;
  span: () => [number, number];
  moved: (index: number | null, left: number) => void;
}

function options(panel: Panel, width: number, hooks: Hooks): uPlot.Options {
  const shown = hooks.current();
  const chosen = (chart: uPlot): void => {
    if (chart.select.width < 6) return;
    const from = chart.posToVal(chart.select.left, "x");
    const to = chart.posToVal(chart.select.left + chart.select.width, "x");
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    zoomTo(from, to);
  };
  const made: uPlot.Options = {
    width,
    height: kHeight,
    ms: 1,
    legend: { show: false },
    padding: [8, 4, 0, 0],
    cursor: {
      sync: { key: kSync.key, filters: { pub: (type) => type === "mousemove" || type === "mouseleave", sub: () => true } },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7, show: panel.kind !== "heat" },
      y: false,
    },
    scales: { x: { range: () => hooks.span() }, y: { range: yRange(panel, hooks.current) } },
    axes: axes(panel, shown, hooks.span),
    series: [{}, ...series(panel, shown)],
    hooks: {
      setSelect: [chosen],
      setCursor: [(chart) => hooks.moved(chart.cursor.idx ?? null, chart.cursor.left ?? -1)],
      ...(panel.kind === "heat" ? { draw: [(chart: uPlot) => paintHeat(chart, hooks.current().lines)] } : {}),
    },
  };
  if (panel.kind === "stack") made.bands = shown.lines.slice(1).map((_line, i) => ({ series: [i + 2, i + 1] as [number, number] }));
  const count = shown.lines.length;
  if (shown.band) made.bands = [{ series: [count + 1, count + 2], fill: `${tint(panel, 0)}33` }];
  return made;
}

// The values under the crosshair, or the newest there are.
function valueAt(drawn: Drawn, index: number | null): number | null {
  if (index !== null) {
    // A slot inside a slow sensor's rhythm shows the reading before it.
    for (let i = index; i >= 0 && i > index - 12; i -= 1) {
      const value = drawn.values[i];
      if (value !== undefined && !Number.isNaN(value)) return value;
    }
    return null;
  }
  for (let i = drawn.values.length - 1; i >= 0; i -= 1) if (!Number.isNaN(drawn.values[i])) return drawn.values[i] ?? null;
  return null;
}

function useInView(box: { current: HTMLElement | null }) {
  const visible = useSignal(false);
  useEffect(() => {
    if (!box.current) return;
    const observer = new IntersectionObserver((seen) => (visible.value = seen.at(-1)?.isIntersecting ?? false), { rootMargin: "120px" });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return visible;
}

export function Chart({ panel, data }: { panel: Panel; data: HostWindow }) {
  const box = useRef<HTMLElement>(null);
  const plot = useRef<HTMLDivElement>(null);
  const chart = useRef<{ made: uPlot; key: string } | null>(null);
  const shown = useRef<Shown>({ all: [], lines: [], more: 0, times: [], ceiling: null, band: null });
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const pointer = useSignal<{ index: number; left: number } | null>(null);
  const hovered = useSignal(false);
  const visible = useInView(box);
  const latest = useRef(data);
  latest.current = data;

  if (visible.value) {
    void data.version.value; // what is drawn follows the data
    shown.current = prepare(panel, data, hidden.value);
  }
  const { all, lines, more } = shown.current;
  const state = data.state(panel.names);
  const empty = lines.length === 0;

  useEffect(() => {
    if (!visible.value) return;
    data.ensure(panel.names);
    if (panel.extremes && data.hasExtremes()) data.ensure(extremesOf(panel.extremes.name));
  }, [visible.value, data]);

  useLayoutEffect(() => {
    const target = plot.current;
    if (!target || !visible.value) return;
    const key = JSON.stringify([empty && state === "ready", lines.map(({ label }) => label), shown.current.band !== null, themeVersion.value]);
    const columnsNow = [shown.current.times, ...columns(panel, shown.current)] as uPlot.AlignedData;
    if (chart.current?.key === key) {
      chart.current.made.setData(columnsNow);
      return;
    }
    chart.current?.made.destroy();
    chart.current = null;
    if (empty && state !== "ready") return;
    const hooks: Hooks = {
      current: () => shown.current,
      span: () => [latest.current.end.peek() - latest.current.range_ms(), latest.current.end.peek()],
      moved: (index, left) => {
        const old = pointer.peek();
        if (index === null || left < 0) pointer.value = null;
        else if (old?.index !== index || old.left !== left) pointer.value = { index, left };
      },
    };
    chart.current = { made: new uPlot(options(panel, target.clientWidth, hooks), columnsNow, target), key };
  });

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry && entry.contentRect.width > 0) chart.current?.made.setSize({ width: entry.contentRect.width, height: kHeight });
    });
    if (plot.current) observer.observe(plot.current);
    return () => {
      observer.disconnect();
      chart.current?.made.destroy();
      chart.current = null;
    };
  }, []);

  const at = pointer.value;
  const toggle = (label: string): void => {
    const next = new Set(hidden.value);
    if (!next.delete(label)) next.add(label);
    hidden.value = next;
  };
  return (
    <section ref={box} class={`card chart ${panel.wide ? "wide" : ""}`} aria-label={panel.title} aria-busy={empty && state === "loading"} data-panel={panel.id}>
      <header>
        <h2>{panel.title}</h2>
        {panel.note ? <p>{panel.note}</p> : null}
        {at ? <time>{formatMoment(shown.current.times[at.index] ?? 0, data.step_ms)}</time> : null}
      </header>
      <div class="plot" ref={plot} role="img" aria-label={`${panel.title}: ${summary(panel, all)}`} onPointerEnter={() => (hovered.value = true)} onPointerLeave={() => (hovered.value = false)} />
      {empty && visible.value ? <Void state={state} hiddenAll={all.length > 0} retry={() => data.retry(panel.names)} /> : null}
      {at && hovered.value && !empty ? <Tooltip panel={panel} shown={shown.current} index={at.index} left={at.left} step_ms={data.step_ms} width={plot.current?.clientWidth ?? 0} /> : null}
      {panel.kind === "heat" ? <HeatLegend lines={lines} index={at?.index ?? null} /> : <Legend panel={panel} all={all} hidden={hidden.value} index={at?.index ?? null} toggle={toggle} />}
      {more > 0 ? <p class="muted more">{more} more not shown</p> : null}
    </section>
  );
}

function summary(panel: Panel, all: readonly Drawn[]): string {
  if (all.length === 0) return "no data";
  return all.slice(0, 4).map((drawn) => `${drawn.label} ${format(valueAt(drawn, null), panel.unit)}`).join(", ");
}

function Void({ state, hiddenAll, retry }: { state: "loading" | "ready" | "failed"; hiddenAll: boolean; retry: () => void }) {
  if (hiddenAll) return <p class="void over">All lines are hidden</p>;
  if (state === "loading") return <div class="void skeleton" aria-hidden="true" />;
  if (state === "ready") return <p class="void over">No data in this window</p>;
  return (
    <p class="void">
      Could not be loaded
      <button type="button" onClick={retry}>
        Try again
      </button>
    </p>
  );
}

function Legend({ panel, all, hidden, index, toggle }: { panel: Panel; all: readonly Drawn[]; hidden: ReadonlySet<string>; index: number | null; toggle: (label: string) => void }) {
  return (
    <ul class="legend">
      {all.map((drawn, i) => (
        <li key={drawn.label}>
          <button type="button" aria-pressed={!hidden.has(drawn.label)} onClick={() => toggle(drawn.label)}>
            <span class="swatch" style={{ background: tint(panel, i) }} />
            <span class="name">{drawn.label}</span>
            {drawn.note && drawn.note !== "measured" ? <span class={`badge ${drawn.note}`}>{drawn.note}</span> : null}
            <span class="value">{format(valueAt(drawn, index), panel.unit)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function HeatLegend({ lines, index }: { lines: readonly Drawn[]; index: number | null }) {
  const values = lines.map((drawn) => ({ label: drawn.label, value: valueAt(drawn, index) })).filter(({ value }) => value !== null) as { label: string; value: number }[];
  const top = values.reduce((a, b) => (b.value > a.value ? b : a), values[0] ?? { label: "", value: 0 });
  const all = values.reduce((total, { value }) => total + value, 0) / Math.max(1, values.length);
  return (
    <p class="legend heat-legend">
      <span class="ramp" aria-hidden="true" /> 0 to 100 %
      {values.length > 0 ? (
        <span>
          Mean {format(all, "percent")}, busiest {top.label.toLowerCase()} at {format(top.value, "percent")}
        </span>
      ) : null}
    </p>
  );
}

function between(band: Band, index: number, panel: Panel): string {
  const low = band.low[index] ?? Number.NaN;
  const high = band.high[index] ?? Number.NaN;
  return Number.isNaN(low) || Number.isNaN(high) ? "" : `${format(low, panel.unit)} to ${format(high, panel.unit)}`;
}

function Tooltip({ panel, shown, index, left, step_ms, width }: { panel: Panel; shown: Shown; index: number; left: number; step_ms: number; width: number }) {
  const rows = shown.lines
    .map((drawn) => ({ drawn, value: valueAt(drawn, index) }))
    .filter((row): row is { drawn: Drawn; value: number } => row.value !== null)
    .sort((a, b) => (panel.kind === "stack" ? 0 : b.value - a.value));
  const total = panel.kind === "stack" ? rows.reduce((sum, { value }) => sum + value, 0) : null;
  const ordered = panel.kind === "stack" ? [...rows].reverse() : rows;
  const x = left + 70;
  return (
    <div class={`tooltip ${x > width / 2 ? "flip" : ""}`} style={{ left: `${x}px` }} role="presentation">
      <strong>{formatMoment(shown.times[index] ?? 0, step_ms)}</strong>
      {ordered.slice(0, kTooltipRows).map(({ drawn, value }) => (
        <div key={drawn.label}>
          {panel.kind === "heat" ? null : <span class="swatch" style={{ background: tint(panel, shown.all.indexOf(drawn)) }} />}
          <span class="name">{drawn.label}</span>
          <span class="value">{format(value, panel.unit)}</span>
          {shown.band && drawn === shown.lines[0] ? <span class="muted extremes">{between(shown.band, index, panel)}</span> : null}
        </div>
      ))}
      {rows.length > kTooltipRows ? <em>{rows.length - kTooltipRows} more</em> : null}
      {rows.length === 0 ? <em>No data here</em> : null}
      {total !== null && rows.length > 1 ? (
        <div class="total">
          <span class="name">Together</span>
          <span class="value">{format(total, panel.unit)}</span>
        </div>
      ) : null}
    </div>
  );
}
