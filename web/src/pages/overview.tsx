// The first page: how much power now, how much energy today, how the machines are, then the hosts.
import { useComputed, type ReadonlySignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { serverNow, type Host } from "../api";
import { Spark } from "../charts/spark";
import { SensorBanner, WireBanner } from "../parts/banners";
import { Banner, Command, errorText, Loading, Notice, QualityBadge, Value } from "../parts/bits";
import { factLine } from "../parts/facts";
import { HostTable } from "../parts/host_table";
import { fleetEnergy, fleetPower, fleetRange, fleetTrace, hostLive, hosts, hostsProblem, now, refreshHosts, isFresh, watchHost } from "../store/fleet";
import type { Track, Vitals } from "../store/vitals";
import { format, formatEnergy, formatLast, type Unit } from "../units";

// The sums above the table want some hosts live even while their rows are below the fold.
const kAlwaysWatched = 8;
// However silent the hosts are, their traces move on this often.
const kMove_ms = 5_000;

export function Overview() {
  const list = hosts.value;
  const ids = (list ?? []).filter(({ state }) => state !== "disabled").slice(0, kAlwaysWatched).map(({ id }) => id).join("\n");
  useEffect(() => {
    document.title = "volta";
  }, []);
  useEffect(() => {
    const ends = ids === "" ? [] : ids.split("\n").map(watchHost);
    return () => ends.forEach((end) => end());
  }, [ids]);
  if (list === null) return hostsProblem.value ? <Unreachable /> : <Skeleton />;
  if (list.length === 0) return <NoHosts />;
  return (
    <>
      {hostsProblem.value && hostsProblem.value.status !== 0 ? (
        <Banner kind="bad" icon="warn" title={hostsProblem.value.title}>
          {hostsProblem.value.detail}
        </Banner>
      ) : null}
      <WireBanner />
      <SensorBanner shown={list} />
      <h1 class="visually-hidden">Overview</h1>
      <PowerNow list={list} range_ms={fleetRange.value} />
      <Tiles list={list} range_ms={fleetRange.value} />
      <HostTable list={list} />
    </>
  );
}

// Moves whenever any host's trace moved, and at least with each slot.
function useTraceVersion(list: readonly Host[]): ReadonlySignal<number> {
  const ids = list.map((host) => host.id).join("\n");
  return useComputed(() => ids.split("\n").reduce((sum, id) => sum + hostLive(id).version.value, Math.floor(now.value / kMove_ms)));
}

function readTrace(track: Track, range_ms: number) {
  return () => fleetTrace(track, serverNow(), range_ms);
}

function PowerNow({ list, range_ms }: { list: Host[]; range_ms: number }) {
  const power = fleetPower.value;
  const energy = fleetEnergy.value;
  const today = formatEnergy(energy?.joules);
  const version = useTraceVersion(list);
  const only = list.length === 1 ? list[0] : undefined;
  const share = power.watts && power.error_w !== null ? power.error_w / power.watts : null;
  return (
    <section class="card hero" aria-label="Power">
      <div class="figures">
        <div class="figure">
          <h2>Power now</h2>
          <p class="huge" data-test="watts">
            <Value value={power.watts} unit="watts" />
          </p>
          <p class="under">
            <QualityBadge quality={power.quality} error={errorText(share)} />
            {list.length > 1 ? (
              <span>
                {power.counted} of {list.length} hosts{power.estimated > 0 && power.estimated < power.counted ? `, ${power.estimated} estimated` : ""}
              </span>
            ) : null}
            {power.watts === null ? <span>No power readings yet</span> : null}
          </p>
        </div>
        <div class="figure">
          <h2>Energy today</h2>
          <p class="large" data-test="energy">
            {today.text}
            <small> {today.unit}</small>
          </p>
          <p class="under">{energy ? <QualityBadge quality={energy.quality} /> : <span>Counting since midnight</span>}</p>
        </div>
        {only ? <p class="facts-line">{factLine(only)}</p> : null}
      </div>
      <div class="trace">
        <h3 data-test="range">{formatLast(range_ms)}</h3>
        <Spark read={readTrace("power", range_ms)} version={version} range_ms={range_ms} tint="power" unit="watts" label={`Power, ${formatLast(range_ms).toLowerCase()}, now ${format(power.watts, "watts")}`} axes />
      </div>
    </section>
  );
}

interface Totals {
  cpu: number | null;
  cores: number;
  used: number | null;
  total: number | null;
  read: number | null;
  written: number | null;
  received: number | null;
  sent: number | null;
  hottest: { value: number; name: string } | null;
  fullest: { share: number; size: number } | null;
}

function add(a: number | null, b: number | null): number | null {
  return b === null ? a : (a ?? 0) + b;
}

function totals(all: { vitals: Vitals; host: Host }[]): Totals {
  const sum: Totals = { cpu: null, cores: 0, used: null, total: null, read: null, written: null, received: null, sent: null, hottest: null, fullest: null };
  let busy = 0;
  for (const { vitals, host } of all) {
    if (vitals.cpu_percent !== null) {
      busy += (vitals.cpu_percent / 100) * vitals.cpu_cores;
      sum.cores += vitals.cpu_cores;
    }
    sum.used = add(sum.used, vitals.memory_used);
    sum.total = add(sum.total, vitals.memory_total);
    sum.read = add(sum.read, vitals.disk_read);
    sum.written = add(sum.written, vitals.disk_written);
    sum.received = add(sum.received, vitals.received);
    sum.sent = add(sum.sent, vitals.sent);
    if (vitals.temperature !== null && vitals.temperature > (sum.hottest?.value ?? -Infinity)) {
      sum.hottest = { value: vitals.temperature, name: all.length > 1 ? host.name : vitals.temperature_name };
    }
    if (vitals.root_size && vitals.root_used !== null && vitals.root_used > (sum.fullest?.share ?? -1)) {
      sum.fullest = { share: vitals.root_used, size: vitals.root_size };
    }
  }
  sum.cpu = sum.cores > 0 ? (100 * busy) / sum.cores : null;
  return sum;
}

function Tiles({ list, range_ms }: { list: Host[]; range_ms: number }) {
  const version = useTraceVersion(list);
  const fresh = list.flatMap((host) => {
    const live = hostLive(host.id);
    const vitals = live.vitals.value;
    return vitals && isFresh(live) ? [{ vitals, host }] : [];
  });
  const all = totals(fresh);
  const used = all.used !== null && all.total ? all.used / all.total : null;
  const full = all.fullest ? `${list.length > 1 ? "Fullest root" : "Root"} ${format(100 * all.fullest.share, "percent")} of ${format(all.fullest.size, "bytes")}` : "Read and written";
  return (
    <section class="tiles" aria-label="Vital signs">
      <Tile title="Processor" value={all.cpu} unit="percent" track="cpu" tint="cpu" most={100} version={version} range_ms={range_ms} note={all.cores > 0 ? `${all.cores} ${all.cores === 1 ? "core" : "cores"}` : ""} />
      <Tile title="Memory" value={used === null ? null : used * 100} unit="percent" track="memory" sparkUnit="bytes" tint="memory" version={version} range_ms={range_ms} most={all.total ?? undefined} note={all.total ? `${format(all.used, "bytes")} of ${format(all.total, "bytes")}` : ""} />
      <Tile title="Disk" value={add(all.read, all.written)} unit="bytes/s" track="disk" tint="disk" version={version} range_ms={range_ms} note={full} />
      <Tile title="Network" value={add(all.received, all.sent)} unit="bytes/s" track="network" tint="network" version={version} range_ms={range_ms} note={all.received === null ? "" : `↓ ${format(all.received, "bytes/s")}  ↑ ${format(all.sent, "bytes/s")}`} />
      <Tile title="Temperature" value={all.hottest?.value ?? null} unit="celsius" track="temperature" tint="heat" version={version} range_ms={range_ms} note={all.hottest?.name ?? (fresh.length > 0 ? "No sensor on this machine" : "")} />
    </section>
  );
}

interface TileProps {
  title: string;
  value: number | null;
  unit: Unit;
  sparkUnit?: Unit;
  track: Track;
  tint: string;
  note: string;
  most?: number | undefined;
  version: ReadonlySignal<number>;
  range_ms: number;
}

function Tile({ title, value, unit, sparkUnit, track, tint, note, most, version, range_ms }: TileProps) {
  return (
    <article class="card tile">
      <h2>{title}</h2>
      <p class="large" data-test={`tile-${track}`}>
        <Value value={value} unit={unit} />
      </p>
      <p class="note" title={note}>
        {note || "\u00a0"}
      </p>
      <Spark read={readTrace(track, range_ms)} version={version} range_ms={range_ms} tint={tint} unit={sparkUnit ?? unit} label={`${title}, ${formatLast(range_ms).toLowerCase()}`} {...(most === undefined ? {} : { most })} />
    </article>
  );
}

function Skeleton() {
  return (
    <Loading>
      <div class="card hero skeleton" />
      <div class="tiles">
        {[0, 1, 2, 3, 4].map((key) => (
          <div key={key} class="card tile skeleton" />
        ))}
      </div>
      <div class="card skeleton block" />
    </Loading>
  );
}

function Unreachable() {
  const problem = hostsProblem.value;
  if (problem?.status === 401) return null;
  return (
    <Notice icon="plug" title={problem?.title ?? "The server does not answer"}>
      <p>{problem?.detail || "Is volta still running? This page tries again by itself."}</p>
      <button type="button" class="primary" onClick={() => void refreshHosts()}>
        Try again
      </button>
    </Notice>
  );
}

function NoHosts() {
  return (
    <Notice icon="server" title="No hosts yet">
      <p>Each machine that volta watches runs an agent and is known by a token. On this server:</p>
      <Command text="volta host add NAME" />
      <p>Put the token it prints into a file on that machine (mode 0600), then start the agent there with the pin it prints:</p>
      <Command text={`volta agent --server ${location.hostname}:8421 --pin PIN --token-file TOKEN_FILE`} />
      <p class="muted">This page shows the host as soon as its first reading is in.</p>
    </Notice>
  );
}

