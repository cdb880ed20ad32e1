// All hosts in one table. Sortable by its column heads; a row's live numbers come only while the row
// is on the screen, so ten thousand hosts cost what twenty do.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import type { Host } from "../api";
import { hostPath, navigate } from "../router";
import { hostLive, hostPower, isFresh, now, watchHost } from "../store/fleet";
import { format, formatAgo, formatEnergy } from "../units";
import { errorText, Link, Meter, QualityBadge, StateMark, Value } from "./bits";

type Column = "state" | "name" | "power" | "cpu" | "memory" | "network" | "energy" | "version" | "seen";

const columns: { key: Column; label: string; number?: boolean; minor?: boolean; narrow?: boolean }[] = [
  { key: "name", label: "Host" },
  { key: "state", label: "State", narrow: true },
  { key: "power", label: "Power", number: true },
  { key: "cpu", label: "CPU" },
  { key: "memory", label: "Memory", minor: true },
  { key: "network", label: "Network", number: true, minor: true },
  { key: "energy", label: "Today", number: true, minor: true },
  { key: "version", label: "Agent", minor: true },
  { key: "seen", label: "Last seen", minor: true },
];
const kStateOrder = ["live", "late", "offline", "disabled"];
const kRowsAtOnce = 100;

function memoryShare(host: Host): number | null {
  const vitals = hostLive(host.id).vitals.value;
  return vitals?.memory_total && vitals.memory_used !== null ? vitals.memory_used / vitals.memory_total : null;
}

function sortKey(host: Host, column: Column): number | string {
  const vitals = hostLive(host.id).vitals.value;
  switch (column) {
    case "name":
      return host.name.toLowerCase();
    case "state":
      return kStateOrder.indexOf(host.state);
    case "power":
      return hostPower(host).watts ?? -1;
    case "cpu":
      return vitals?.cpu_percent ?? -1;
    case "memory":
      return memoryShare(host) ?? -1;
    case "network":
      return (vitals?.received ?? -1) + (vitals?.sent ?? 0);
    case "energy":
      return hostLive(host.id).energy.value?.joules ?? -1;
    case "version":
      return host.agent_version ?? "";
    case "seen":
      return host.last_seen ? Date.parse(host.last_seen) : 0;
  }
}

export function HostTable({ list }: { list: Host[] }) {
  const by = useSignal<Column>("name");
  const down = useSignal(false);
  const most = useSignal(kRowsAtOnce);
  const sign = down.value ? -1 : 1;
  const sorted = list
    .map((host) => ({ host, key: sortKey(host, by.value) }))
    .sort((a, b) => sign * (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) || (a.host.name < b.host.name ? -1 : 1))
    .map(({ host }) => host);
  const sort = (column: Column, number: boolean): void => {
    down.value = by.value === column ? !down.value : number;
    by.value = column;
  };
  return (
    <section class="card hosts" aria-label="Hosts">
      <h2>
        Hosts <span class="count">{list.length}</span>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Host table">
        <table>
          <thead>
            <tr>
              {columns.map(({ key, label, number, minor, narrow }) => (
                <th key={key} scope="col" class={`${number ? "number" : ""} ${minor ? "minor" : ""} ${narrow ? "narrow" : ""}`} aria-sort={by.value === key ? (down.value ? "descending" : "ascending") : "none"}>
                  <button type="button" onClick={() => sort(key, key !== "name" && key !== "state" && key !== "version")}>
                    {label}
                    <span class="arrow" aria-hidden="true">
                      {by.value === key ? (down.value ? "↓" : "↑") : ""}
                    </span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, most.value).map((host) => (
              <Row key={host.id} host={host} />
            ))}
          </tbody>
        </table>
      </div>
      {list.length > most.value ? (
        <button type="button" class="ghost wide" onClick={() => (most.value += kRowsAtOnce)}>
          Show more ({list.length - most.value} left)
        </button>
      ) : null}
    </section>
  );
}

function useWatchInView(id: string, wanted: boolean) {
  const row = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (!wanted || !row.current) return;
    let end: (() => void) | null = null;
    const observer = new IntersectionObserver(
      (seen) => {
        const visible = seen.at(-1)?.isIntersecting ?? false;
        if (visible && !end) end = watchHost(id);
        if (!visible && end) {
          end();
          end = null;
        }
      },
      { rootMargin: "40px" },
    );
    observer.observe(row.current);
    return () => {
      observer.disconnect();
      end?.();
    };
  }, [id, wanted]);
  return row;
}

function Row({ host }: { host: Host }) {
  const row = useWatchInView(host.id, host.state !== "disabled");
  const live = hostLive(host.id);
  const vitals = isFresh(live) ? live.vitals.value : null;
  const power = hostPower(host);
  const share = vitals ? memoryShare(host) : null;
  const energy = formatEnergy(live.energy.value?.joules);
  const open = (event: MouseEvent): void => {
    if ((event.target as Element).closest("a") === null && !getSelection()?.toString()) navigate(hostPath(host.id));
  };
  return (
    <tr ref={row} onClick={open} class={host.state}>
      <th scope="row">
        <Link href={hostPath(host.id)}>{host.name}</Link>
      </th>
      <td>
        <StateMark state={host.state} />
      </td>
      <td class="number power">
        <Value value={power.watts} unit="watts" /> <QualityBadge quality={power.quality} error={errorText(power.error)} />
      </td>
      <td class="metered">
        <Meter share={vitals?.cpu_percent == null ? null : vitals.cpu_percent / 100} label="CPU" />
        <span>{format(vitals?.cpu_percent, "percent")}</span>
      </td>
      <td class="metered minor">
        <Meter share={share} label="Memory" />
        <span>{format(share === null ? null : share * 100, "percent")}</span>
      </td>
      <td class="number minor">{vitals?.received == null ? "–" : `↓ ${format(vitals.received, "bytes/s")} ↑ ${format(vitals.sent, "bytes/s")}`}</td>
      <td class="number minor">
        {energy.text} <small>{energy.unit}</small> <QualityBadge quality={live.energy.value?.quality ?? null} />
      </td>
      <td class="minor">{host.agent_version ?? "–"}</td>
      <td class="minor">{host.last_seen ? formatAgo(Date.parse(host.last_seen), Math.max(now.value, Date.parse(host.last_seen))) : "never"}</td>
    </tr>
  );
}
