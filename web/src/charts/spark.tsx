// A small area chart on a canvas: cheap enough for the first page, which does not load uPlot. With
// `axes` it also has a scale, times and a value under the pointer.
import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import type { Trace } from "../store/fleet";
import { color, themeVersion } from "../store/theme";
import { format, formatClock, type Unit } from "../units";
import { withGaps } from "../store/slots";

interface Props {
  read: () => Trace;
  version: ReadonlySignal<number>;
  range_ms: number; // how much `read` reads
  tint: string; // name of a CSS variable
  unit: Unit;
  label: string;
  axes?: boolean;
  most?: number; // fixed top of the scale
}

// A scale never ends below one watt, one percent, one byte per second.
const kSmallestTop = 1;

interface Plot {
  left: number;
  top: number;
  width: number;
  height: number;
  low: number;
  high: number;
}

// A round number at or above `value`: 1, 2, 2.5, 5 times a power of the base.
function roundUp(value: number, unit: Unit): number {
  const base = unit.startsWith("bytes") ? 1024 : 10;
  const power = base ** Math.floor(Math.log(Math.max(value, 1e-9)) / Math.log(base));
  const mantissas = base === 10 ? [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
  return (mantissas.find((mantissa) => mantissa * power >= value) ?? base) * power;
}

// Steps of the scale, such that each is a round number too: 15 is three times 5, 20 four times 5.
function steps(top: number, unit: Unit): number {
  if (unit.startsWith("bytes")) return 4;
  const isRound = (value: number): boolean => [1, 2, 5, 10].some((mantissa) => Math.abs(value / 10 ** Math.floor(Math.log10(value) + 1e-9) - mantissa) < 1e-9);
  return [4, 5, 3, 2].find((count) => isRound(top / count)) ?? 4;
}

function measure(values: Float64Array, props: Props, width: number, height: number): Plot {
  let high = 0;
  for (const value of values) if (value > high) high = value;
  const top = props.most ?? roundUp(Math.max(high * 1.1, kSmallestTop), props.unit);
  const inset = props.axes ? { left: 52, top: 8, bottom: 22 } : { left: 0, top: 2, bottom: 1 };
  return { left: inset.left, top: inset.top, width: width - inset.left, height: height - inset.top - inset.bottom, low: 0, high: top };
}

function paint(canvas: HTMLCanvasElement, props: Props, pointer: number | null): void {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = canvas.getContext("2d");
  if (!context || width === 0 || height === 0) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const trace = props.read();
  const { values } = trace;
  const plot = measure(values, props, width, height);
  if (props.axes) paintAxes(context, plot, props.unit, trace);
  paintLine(context, plot, values, color(props.tint), props.axes ? 2 : 1.5);
  if (pointer !== null) paintPointer(context, plot, values, pointer, color(props.tint));
}

function place(plot: Plot, i: number, value: number, count: number): [number, number] {
  const x = plot.left + (plot.width * i) / Math.max(1, count - 1);
  return [x, plot.top + plot.height * (1 - (value - plot.low) / (plot.high - plot.low))];
}

function paintLine(context: CanvasRenderingContext2D, plot: Plot, values: Float64Array, tint: string, width: number): void {
  const points = withGaps(values);
  const fill = context.createLinearGradient(0, plot.top, 0, plot.top + plot.height);
  fill.addColorStop(0, `${tint}59`);
  fill.addColorStop(1, `${tint}08`);
  const slot = plot.width / Math.max(1, values.length - 1);
  const flush = (run: [number, number][]): void => {
    const last = run[run.length - 1];
    if (!last) return;
    // A lone reading stands for its slot; as a mere point, the first one of all would not be seen.
    if (run.length === 1) run.unshift([Math.max(plot.left, last[0] - slot), last[1]]);
    const first = run[0] ?? last;
    const line = new Path2D();
    run.forEach(([x, y], k) => (k === 0 ? line.moveTo(x, y) : line.lineTo(x, y)));
    const area = new Path2D(line);
    area.lineTo(last[0], plot.top + plot.height);
    area.lineTo(first[0], plot.top + plot.height);
    context.fillStyle = fill;
    context.fill(area);
    context.strokeStyle = tint;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.stroke(line);
  };
  let run: [number, number][] = [];
  points.forEach((value, i) => {
    if (value === null) {
      flush(run);
      run = [];
    } else if (value !== undefined) {
      run.push(place(plot, i, value, values.length));
    }
  });
  flush(run);
}

const kTimeSteps_ms = [5_000, 10_000, 15_000, 30_000, 60_000, 180_000, 300_000];

function paintAxes(context: CanvasRenderingContext2D, plot: Plot, unit: Unit, { values, step_ms, end_ms }: Trace): void {
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = color("muted");
  context.strokeStyle = color("grid");
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  const count = steps(plot.high, unit);
  const labelled = plot.height / count < 26 ? count : 1;
  for (let k = 0; k <= count; k += 1) {
    const y = Math.round(plot.top + (plot.height * k) / count) + 0.5;
    context.beginPath();
    context.moveTo(plot.left, y);
    context.lineTo(plot.left + plot.width, y);
    context.stroke();
    if (k % labelled === 0) context.fillText(k === count ? "0" : format(plot.high * (1 - k / count), unit).replace(/\.0+(?= )/, ""), plot.left - 8, y);
  }
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  const range = (values.length - 1) * step_ms;
  const labels = plot.width < 420 ? 3 : 6;
  const every = kTimeSteps_ms.find((step) => range / step <= labels) ?? 300_000;
  const letters = every < 60_000 ? 8 : 5;
  for (let at = Math.ceil((end_ms - range) / every) * every; at < end_ms; at += every) {
    const x = plot.left + plot.width * (1 - (end_ms - at) / range);
    if (x > plot.left + 4 * letters && x < plot.left + plot.width - 4 * letters) context.fillText(formatClock(at).slice(0, letters), x, plot.top + plot.height + 17);
  }
}

function paintPointer(context: CanvasRenderingContext2D, plot: Plot, values: Float64Array, i: number, tint: string): void {
  const value = values[i] ?? Number.NaN;
  const [x, y] = place(plot, i, Number.isNaN(value) ? plot.low : value, values.length);
  context.strokeStyle = color("muted");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, plot.top);
  context.lineTo(x, plot.top + plot.height);
  context.stroke();
  if (Number.isNaN(value)) return;
  context.fillStyle = tint;
  context.beginPath();
  context.arc(x, y, 4, 0, 2 * Math.PI);
  context.fill();
}

export function Spark(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pointer = useSignal<number | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const draw = (): void => {
    if (canvas.current) paint(canvas.current, latest.current, pointer.peek());
  };
  useEffect(() => {
    const observer = new ResizeObserver(draw);
    if (canvas.current) observer.observe(canvas.current);
    return () => observer.disconnect();
  }, []);
  const watched = [props.version.value, props.range_ms, themeVersion.value, pointer.value];
  useEffect(draw, watched);
  const move = (event: PointerEvent): void => {
    if (!props.axes || !canvas.current) return;
    const { values } = props.read();
    const plot = measure(values, props, canvas.current.clientWidth, canvas.current.clientHeight);
    const share = (event.offsetX - plot.left) / plot.width;
    pointer.value = share < 0 || share > 1 ? null : Math.round(share * (values.length - 1));
  };
  return (
    <div class={props.axes ? "spark tall" : "spark"}>
      <canvas ref={canvas} role="img" aria-label={props.label} onPointerMove={move} onPointerLeave={() => (pointer.value = null)} />
      {pointer.value === null ? null : <Readout props={props} at={pointer.value} />}
    </div>
  );
}

function Readout({ props, at }: { props: Props; at: number }) {
  const { values, step_ms, end_ms } = props.read();
  const value = values[at];
  return (
    <div class="readout" role="presentation">
      {formatClock(end_ms - (values.length - 1 - at) * step_ms)} · {value === undefined || Number.isNaN(value) ? "no data" : format(value, props.unit)}
    </div>
  );
}
