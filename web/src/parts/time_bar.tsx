// Which window of time the charts show: presets, pause, a window of one's own, and the way back.
import { useSignal } from "@preact/signals";

import { depth, goLive, kPresets, setView, shownRange, view, zoomBack } from "../router";
import { shownWindow } from "../store/window";
import { formatDuration, formatMoment, formatTier } from "../units";
import { Icon } from "./bits";
import { togglePause } from "./help";

// What <input type="datetime-local"> takes: local time without a zone.
function localText(ms: number): string {
  const at = new Date(ms);
  return new Date(ms - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

type Preset = (typeof kPresets)[number];

function isShort({ ms }: Preset): boolean {
  return ms <= 86_400_000;
}

export function TimeBar() {
  const shown = view.value;
  const custom = useSignal(false);
  const live = shown.from === null;
  const step_ms = shownWindow.value?.step_ms ?? 0;
  const button = (preset: Preset) => (
    <button key={preset.name} type="button" aria-pressed={shown.range_ms === preset.ms && (live || shown.paused)} onClick={() => goLive(preset.ms)} title={`Key ${preset.key}`}>
      {preset.label}
    </button>
  );
  return (
    <div class="time-bar" role="toolbar" aria-label="Time">
      <button type="button" class={`live ${live ? "on" : ""}`} onClick={togglePause} aria-pressed={live} data-test="live">
        <Icon name={live ? "pause" : "play"} />
        {live ? "Live" : shown.paused ? "Paused" : "Go live"}
      </button>
      <div class="segments" role="group" aria-label="Window of minutes and hours">
        <button type="button" aria-pressed={shown.range_ms === null && (live || shown.paused)} onClick={() => goLive(null)} title="As long as there is history, up to 15 min (key 0)" data-test="auto">
          Auto
          {shown.range_ms === null ? <span class="minor"> ({formatDuration(shownRange.value / 1000)})</span> : null}
        </button>
        {kPresets.filter(isShort).map(button)}
      </div>
      <div class="segments" role="group" aria-label="Window of days and years">
        {kPresets.filter((preset) => !isShort(preset)).map(button)}
      </div>
      <button type="button" aria-expanded={custom.value} aria-controls="custom-range" onClick={() => (custom.value = !custom.value)} data-test="custom">
        <Icon name="calendar" />
        Custom
      </button>
      {!live && (depth.value > 0 || !shown.paused) ? (
        <button type="button" onClick={zoomBack} data-test="back">
          <Icon name="back" />
          Back
        </button>
      ) : null}
      {shown.from !== null && shown.to !== null ? (
        <span class="window" data-test="window">
          {formatMoment(shown.from, step_ms)} to {formatMoment(shown.to, step_ms)} ({formatDuration((shown.to - shown.from) / 1000)})
        </span>
      ) : null}
      <Source />
      {custom.value ? <Custom close={() => (custom.value = false)} /> : null}
    </div>
  );
}

// What the charts stand on: from when on there is anything, and what it was read from where that is not every reading.
function Source() {
  const data = shownWindow.value;
  if (!data) return null;
  const begins = data.begins.value;
  const missing_ms = begins === null ? 0 : begins - (data.end.value - data.range_ms());
  const late = missing_ms > Math.max(2 * data.step_ms, data.range_ms() / 50);
  const tier = formatTier(data.tier.value);
  if (!tier && !late) return null;
  return (
    <span class="source">
      {late && begins !== null ? <span data-test="begins">Data since {formatMoment(begins, Math.max(data.step_ms, 60_000))}</span> : null}
      {tier ? (
        <span class="tier" data-test="tier" title={`A point is ${formatDuration(data.step_ms / 1000)}, made of windows that the store keeps`}>
          {tier}
        </span>
      ) : null}
    </span>
  );
}

function Custom({ close }: { close: () => void }) {
  const shown = view.value;
  const to = shown.to ?? Date.now();
  const from = shown.from ?? to - shownRange.value;
  const fromText = useSignal(localText(from));
  const toText = useSignal(localText(to));
  const problem = useSignal("");
  const apply = (event: Event): void => {
    event.preventDefault();
    const start = new Date(fromText.value).getTime();
    const end = new Date(toText.value).getTime();
    if (!Number.isFinite(start) || !Number.isFinite(end)) problem.value = "Both times are needed.";
    else if (end - start < 10_000) problem.value = "The end must be at least 10 seconds after the start.";
    else {
      setView({ ...view.value, from: start, to: end, paused: false }, "zoom");
      close();
    }
  };
  return (
    <form id="custom-range" class="custom" onSubmit={apply}>
      <label>
        From
        <input type="datetime-local" step="1" value={fromText.value} onInput={(event) => (fromText.value = event.currentTarget.value)} />
      </label>
      <label>
        To
        <input type="datetime-local" step="1" value={toText.value} onInput={(event) => (toText.value = event.currentTarget.value)} />
      </label>
      <button type="submit" class="primary">
        Show
      </button>
      <p class="problem" role="alert">
        {problem.value}
      </p>
    </form>
  );
}
