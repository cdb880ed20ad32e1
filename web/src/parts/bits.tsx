// The small pieces that every page uses. Names of hosts and labels are other people's text: they are
// only ever children, never markup.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

import type { HostState, Quality } from "../api";
import { navigate } from "../router";
import { format, quantity, type Unit } from "../units";

const icons = {
  bolt: "M13 2 4 14h7l-1 8 9-12h-7z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2m0 16v2M4.9 4.9l1.4 1.4m11.4 11.4 1.4 1.4M2 12h2m16 0h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  moon: "M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5z",
  pause: "M8 5v14M16 5v14",
  play: "M7 4v16l13-8z",
  back: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  warn: "M12 3 2 20h20zM12 10v4m0 3v.01",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "m4 12 5 5L20 6",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  server: "M4 4h16v7H4zM4 13h16v7H4zM8 7.5v.01M8 16.5v.01",
  plug: "M9 3v5m6-5v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4",
  calendar: "M4 6h16v14H4zM4 10h16M8 3v4m8-4v4",
  keyboard: "M3 6h18v12H3zM7 10v.01M11 10v.01M15 10v.01M8 14h8",
  exit: "M14 4H5v16h9M10 12h11m-4-4 4 4-4 4",
} as const;
export type IconName = keyof typeof icons;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={icons[name]} />
    </svg>
  );
}

export function Link({ href, children, ...rest }: { href: string; children: ComponentChildren; class?: string; "aria-current"?: "page" }) {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href);
  };
  return (
    <a href={href} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

const qualityHelp: Record<Quality, string> = {
  measured: "Read from a sensor",
  derived: "Worked out of measured values",
  estimated: "No sensor: worked out of a model of this machine's load",
};

export function QualityBadge({ quality, error }: { quality: Quality | null; error?: string | null }) {
  if (!quality || !(quality in qualityHelp)) return null;
  return (
    <span class={`badge ${quality}`} title={qualityHelp[quality]}>
      {quality}
      {error ? ` ${error}` : ""}
    </span>
  );
}

// "± 12 %" of a relative bound.
export function errorText(ratio: number | null): string | null {
  return ratio === null || !Number.isFinite(ratio) || ratio <= 0 ? null : `±${Math.max(1, Math.round(ratio * 100))} %`;
}

const stateText: Record<string, string> = { live: "Live", late: "Late", offline: "Offline", disabled: "Disabled" };

export function StateMark({ state }: { state: HostState }) {
  return (
    <span class={`state ${state in stateText ? state : "offline"}`}>
      <span class="dot" />
      {stateText[state] ?? state}
    </span>
  );
}

export function Value({ value, unit }: { value: number | null | undefined; unit: Unit }) {
  if (value === null || value === undefined || !Number.isFinite(value)) return <span class="none">–</span>;
  const shown = quantity(value, unit);
  return (
    <>
      {shown.text}
      {shown.unit ? <small> {shown.unit}</small> : null}
    </>
  );
}

export function Command({ text }: { text: string }) {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // No clipboard without a secure context; the text can be selected by hand.
    }
    copied.value = true;
    window.setTimeout(() => (copied.value = false), 2_000);
  };
  return (
    <span class="command">
      <code tabIndex={0}>{text}</code>
      <button type="button" class="ghost" onClick={() => void copy()} aria-label={copied.value ? "Copied" : "Copy the command"}>
        <Icon name={copied.value ? "check" : "copy"} />
      </button>
    </span>
  );
}

export function Banner({ kind, icon, title, children }: { kind: "info" | "warn" | "bad"; icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class={`banner ${kind}`} role={kind === "bad" ? "alert" : "status"}>
      <Icon name={icon} />
      <div>
        <strong>{title}</strong>
        {children ? <div class="more">{children}</div> : null}
      </div>
    </div>
  );
}

export function Meter({ share, label }: { share: number | null; label: string }) {
  const percent = share === null ? 0 : Math.max(0, Math.min(100, share * 100));
  const level = percent >= 90 ? "high" : percent >= 75 ? "raised" : "";
  return (
    <span class={`meter ${level}`} role="img" aria-label={`${label} ${format(percent, "percent")}`}>
      <span style={{ width: `${percent}%` }} />
    </span>
  );
}

// What stands where something will be: grey shapes for the eye, one word for the ear.
export function Loading({ children }: { children?: ComponentChildren }) {
  return (
    <div role="status" aria-busy="true">
      <span class="visually-hidden">Loading</span>
      {children ?? <div class="card skeleton block" />}
    </div>
  );
}

export function Notice({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <section class="notice">
      <span class="round">
        <Icon name={icon} />
      </span>
      <h1>{title}</h1>
      {children}
    </section>
  );
}
