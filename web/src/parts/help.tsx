// Keys for those who have hands on the keyboard, and the dialog that lists them.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { goLive, kPresets, navigate, nextPreset, route, setView, shownRange, view, zoomBack } from "../router";

const open = signal(false);

export function toggleHelp(): void {
  open.value = !open.value;
}

// The moment at which the charts end; the host page keeps it, pause takes it.
export const viewEnd = signal<number | null>(null);

export function togglePause(): void {
  const shown = view.value;
  if (shown.from !== null) {
    goLive();
    return;
  }
  const to = viewEnd.value ?? Date.now();
  setView({ ...shown, from: to - shownRange.value, to, paused: true }, "push");
}

// What is drawn follows a choice a moment later: of two keys in a row the second must not go by it.
function chosenRange(): number {
  const { from, range_ms } = view.value;
  return from === null && range_ms !== null ? range_ms : shownRange.value;
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = event.target as Element | null;
  if (target?.closest("input, textarea, select, [contenteditable]")) return;
  if (event.key === "?") toggleHelp();
  else if (event.key === "g") navigate("/");
  else if (route.value.page !== "host") return;
  else if (event.key === " ") {
    // Space on a button presses that button.
    if (target?.closest("button, a, summary")) return;
    event.preventDefault();
    togglePause();
  } else if (event.key === "b") zoomBack();
  else if (event.key === "0") goLive(null);
  else if (event.key === "+" || event.key === "-") goLive(nextPreset(chosenRange(), event.key === "-"));
  else {
    const preset = kPresets.find(({ key }) => key === event.key);
    if (preset) goLive(preset.ms);
  }
}

export function startKeys(): void {
  document.addEventListener("keydown", onKey);
}

const keys: [string, string][] = [
  ["Space", "Pause, or live again"],
  ["b", "Back: undo the last zoom"],
  ["0", "As long as there is history, up to 15 min"],
  ["1 … 9", "Last 5 min, 15 min, 1 h, 3 h, 6 h, 12 h, 24 h, 2 d, 7 d"],
  ["m q y Y", "Last 30 d, 90 d, 1 y, 5 y"],
  ["− +", "The next longer window, the next shorter one"],
  ["Drag", "Zoom into a stretch of time, in any chart"],
  ["g", "Overview"],
  ["?", "This list"],
];

export function HelpDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open.value && !dialog.current?.open) dialog.current?.showModal();
    if (!open.value && dialog.current?.open) dialog.current.close();
  }, [open.value]);
  return (
    <dialog ref={dialog} aria-labelledby="help-title" onClose={() => (open.value = false)} onClick={(event) => event.target === dialog.current && (open.value = false)}>
      {open.value ? (
        <div class="dialog">
          <h2 id="help-title">Keyboard</h2>
          <dl>
            {keys.map(([key, text]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
          <button type="button" class="primary" onClick={() => (open.value = false)}>
            Close
          </button>
        </div>
      ) : null}
    </dialog>
  );
}
