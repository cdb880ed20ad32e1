// One host: what it draws now, its charts over the chosen window, and what machine it is.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { getLatest, type Host, type Problem } from "../api";
import { Chart } from "../charts/chart";
import { isWorthShowing, kPanelNames, kPanels } from "../charts/panels";
import { linkLost, SensorBanner, WireBanner } from "../parts/banners";
import { Banner, errorText, Link, Loading, Notice, QualityBadge, StateMark, Value } from "../parts/bits";
import { FactPanel } from "../parts/facts";
import { viewEnd } from "../parts/help";
import { TimeBar } from "../parts/time_bar";
import { setView, shownRange, view } from "../router";
import { historyRange, hostLive, hostPower, hosts, hostsProblem, now, watchHost } from "../store/fleet";
import { HostWindow, shownWindow } from "../store/window";
import { format, formatAgo, formatEnergy } from "../units";

// Two columns of charts from this width on, as the style sheet has it.
const kTwoColumns = 1080;
// A window that nobody chose grows to here without asking for its past again.
const kGrown_ms = 300_000;

export function HostPage({ id }: { id: string }) {
  const list = hosts.value;
  const host = list?.find((candidate) => candidate.id === id);
  useEffect(() => {
    document.title = `${host?.name ?? "Host"} · volta`;
  }, [host?.name]);
  if (host) return <Known host={host} />;
  if (list === null && !hostsProblem.value) return <Loading />;
  if (list === null) {
    return (
      <Notice icon="plug" title={hostsProblem.value?.title ?? "The server does not answer"}>
        <p>{hostsProblem.value?.detail || "This page tries again by itself."}</p>
      </Notice>
    );
  }
  return (
    <Notice icon="server" title="Unknown host">
      <p>
        No host here has the ID <code>{id}</code>. It may have been removed.
      </p>
      <p>
        <Link href="/">All hosts</Link>
      </p>
    </Notice>
  );
}

function Known({ host }: { host: Host }) {
  useEffect(() => watchHost(host.id), [host.id]);
  return (
    <>
      <WireBanner />
      <SensorBanner shown={[host]} />
      <StateBanner host={host} />
      <Head host={host} />
      <TimeBar />
      <Charts host={host} />
    </>
  );
}

function StateBanner({ host }: { host: Host }) {
  const seen = host.last_seen ? Date.parse(host.last_seen) : Number.NaN;
  const ago = Number.isNaN(seen) ? "never" : formatAgo(seen, Math.max(seen, now.value));
  if (host.state === "late") {
    return (
      <Banner kind="warn" icon="warn" title="This host is late">
        Its last readings came {ago}. What is shown may be old.
      </Banner>
    );
  }
  if (host.state === "offline") {
    return (
      <Banner kind="info" icon="plug" title={ago === "never" ? "This host has not reported yet" : `Offline: last heard of ${ago}`}>
        {ago === "never" ? "Start its agent, and the charts fill by themselves." : null}
        {Number.isNaN(seen) ? null : (
          <button type="button" onClick={() => setView({ ...view.value, from: seen - shownRange.value, to: seen, paused: false }, "zoom")}>
            Show what came before
          </button>
        )}
      </Banner>
    );
  }
  if (host.state === "disabled") {
    return (
      <Banner kind="info" icon="lock" title="This host is disabled">
        Its agent is turned away until somebody enables it again.
      </Banner>
    );
  }
  return null;
}

function Head({ host }: { host: Host }) {
  const live = hostLive(host.id);
  const vitals = live.vitals.value;
  const power = hostPower(host);
  const today = formatEnergy(live.energy.value?.joules);
  const share = vitals?.memory_total && vitals.memory_used !== null ? (100 * vitals.memory_used) / vitals.memory_total : null;
  return (
    <section class={`card head ${linkLost.value ? "stale" : ""}`} aria-label="Now">
      <div class="who">
        <h1>{host.name}</h1>
        <StateMark state={host.state} />
      </div>
      <dl class="now">
        <div class="main">
          <dt>Power</dt>
          <dd data-test="watts">
            <Value value={power.watts} unit="watts" /> <QualityBadge quality={power.quality} error={errorText(power.error)} />
          </dd>
        </div>
        <div>
          <dt>Today</dt>
          <dd>
            {today.text}
            <small> {today.unit}</small> <QualityBadge quality={live.energy.value?.quality ?? null} />
          </dd>
        </div>
        <div>
          <dt>Processor</dt>
          <dd>{format(vitals?.cpu_percent, "percent")}</dd>
        </div>
        <div>
          <dt>Memory</dt>
          <dd>{format(share, "percent")}</dd>
        </div>
        {vitals?.temperature == null ? null : (
          <div>
            <dt>Temperature</dt>
            <dd>{format(vitals.temperature, "celsius")}</dd>
          </div>
        )}
      </dl>
    </section>
  );
}

function chartPixels(): number {
  const width = document.getElementById("main")?.clientWidth ?? 800;
  return Math.round((width >= kTwoColumns ? width / 2 : width) - 120);
}

function Charts({ host }: { host: Host }) {
  const shown = view.value;
  const fitting = useComputed(() => historyRange((hosts.value ?? []).filter(({ id }) => id === host.id)));
  const range_ms = shown.range_ms ?? fitting.value;
  const frame_ms = shown.range_ms ?? Math.max(range_ms, kGrown_ms);
  const data = useMemo(() => new HostWindow(host.id, shown, frame_ms, chartPixels(), kPanelNames), [host.id, frame_ms, shown.from, shown.to]);
  data.show(range_ms);
  useEffect(() => {
    shownRange.value = range_ms;
  }, [range_ms]);
  const before = useRef<HostWindow | null>(null);
  const problem = useSignal<Problem | null>(null);
  const uptime = useSignal<number | null>(null);
  const known = useRef<string[]>([]);
  useEffect(() => {
    if (before.current && before.current !== data) before.current.close();
    before.current = data;
    data.know(known.current);
    shownWindow.value = data;
    const stop = data.end.subscribe((end) => (viewEnd.value = end));
    return () => {
      stop();
      viewEnd.value = null;
      shownWindow.value = null;
      data.close();
    };
  }, [data]);
  useEffect(() => {
    void getLatest(host.id).then((answer) => {
      if (!answer.ok) {
        problem.value = answer.problem.status === 404 ? null : answer.problem;
        return;
      }
      problem.value = null;
      known.current = answer.data.items.filter(isPresent).map(({ name }) => name);
      before.current?.know(known.current);
      uptime.value = answer.data.items.find(({ name }) => name === "volta_uptime_seconds")?.value ?? null;
    });
  }, [host.id, host.state]);
  const available = data.available.value;
  return (
    <>
      {problem.value ? (
        <Banner kind="bad" icon="warn" title={problem.value.title}>
          {problem.value.detail}
        </Banner>
      ) : null}
      <div class={`charts ${linkLost.value && data.live ? "stale" : ""}`}>
        {kPanels
          .filter((panel) => isWorthShowing(panel, available))
          .map((panel) => (
            <Chart key={panel.id} panel={panel} data={data} />
          ))}
      </div>
      <FactPanel host={host} uptime_s={uptime.value} />
    </>
  );
}

// A machine without swap reports swap of nought bytes: that needs no chart.
function isPresent(item: { name: string; value: number | null }): boolean {
  return !(item.name.startsWith("volta_swap_") && (item.value === 0 || item.value === null));
}
