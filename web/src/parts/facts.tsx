// What a host says about itself: one JSON object whose keys may grow with each agent version. Known
// keys get a name and an order; the rest is shown as it is, so nothing an agent tells is hidden.
import type { Host } from "../api";
import { format, formatDuration, formatMoment } from "../units";

type Facts = Record<string, unknown>;

const names: Record<string, string> = {
  hostname: "Host name",
  os_name: "System",
  kernel: "Kernel",
  architecture: "Architecture",
  hardware_vendor: "Vendor",
  hardware_product: "Model",
  hardware_product_version: "Model version",
  hardware_board: "Board",
  virtualization: "Virtualization",
  cpu_model: "Processor",
  cpu_sockets: "Sockets",
  cpu_dies: "Dies",
  cpu_cores: "Cores",
  cpu_threads: "Threads",
  cpu_caches: "Caches",
  cpu_tdp_watts: "Thermal design power",
  cpu_tdp_source: "Design power from",
  memory_bytes: "Memory",
  boot_time: "Booted",
};
// Said elsewhere on the page, or said already by the pretty name of the system.
const kHidden = new Set(["power_sources", "energy_command", "os_id", "os_version", "cpu_vendor"]);

function words(key: string): string {
  const text = key.replace(/_(bytes|seconds|ms)$/, "").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// {"level": 2, "type": "unified", "size_bytes": 1310720} as "L2 1.25 MiB".
function cache(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return null;
  const { level, type, size_bytes } = value as Facts;
  if (typeof level !== "number" || typeof size_bytes !== "number") return null;
  const kind = typeof type === "string" && /^(data|instruction)$/i.test(type) ? type.charAt(0).toLowerCase() : "";
  return `L${level}${kind} ${format(size_bytes, "bytes")}`;
}

function show(key: string, value: unknown): string {
  if (typeof value === "number" && /_bytes$/.test(key)) return format(value, "bytes");
  if (typeof value === "number" && /_watts$/.test(key)) return format(value, "watts");
  if (typeof value === "string" && /_time$/.test(key) && !Number.isNaN(Date.parse(value))) return formatMoment(Date.parse(value));
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map((item) => cache(item) ?? show(key, item)).join(", ");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).map(([inner, of]) => `${words(inner)} ${show(inner, of)}`).join(" · ");
  }
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

// A nested group ({"cpu": {"model": ...}}) reads like flat keys ("cpu_model").
function flatten(facts: Facts): [string, unknown][] {
  return Object.entries(facts).flatMap(([key, value]): [string, unknown][] => {
    const nested = typeof value === "object" && value !== null && !Array.isArray(value);
    return nested ? Object.entries(value as Facts).map(([inner, of]) => [`${key}_${inner}`, of]) : [[key, value]];
  });
}

export function factList(facts: Facts | null): { name: string; value: string }[] {
  const order = Object.keys(names);
  const rank = (key: string): number => (order.includes(key) ? order.indexOf(key) : order.length);
  return flatten(facts ?? {})
    .filter(([key, value]) => !kHidden.has(key) && value !== null && value !== "")
    .sort((a, b) => rank(a[0]) - rank(b[0]))
    .map(([key, value]) => ({ name: names[key] ?? words(key), value: show(key, value) }))
    .filter(({ value }) => value !== "");
}

// One line about a machine: what it is, what runs on it.
export function factLine(host: Host): string {
  const flat = new Map(flatten(host.facts ?? {}));
  const fact = (key: string): string => (typeof flat.get(key) === "string" ? String(flat.get(key)) : "");
  return [fact("cpu_model"), fact("os_name"), fact("kernel")].filter(Boolean).join(" · ");
}

export function FactPanel({ host, uptime_s }: { host: Host; uptime_s: number | null }) {
  const facts = factList(host.facts);
  if (uptime_s !== null) facts.push({ name: "Up for", value: formatDuration(uptime_s) });
  return (
    <section class="card facts" aria-label="About this host">
      <h2>About this host</h2>
      {facts.length === 0 ? <p class="muted">The agent has not described this machine yet.</p> : null}
      <dl>
        {facts.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div>
          <dt>Agent</dt>
          <dd>{host.agent_version ?? "unknown"}</dd>
        </div>
        <div>
          <dt>Clock offset</dt>
          <dd>{host.clock_offset_ms === null ? "unknown" : `${host.clock_offset_ms} ms`}</dd>
        </div>
        <div>
          <dt>Host ID</dt>
          <dd class="mono">{host.id}</dd>
        </div>
      </dl>
    </section>
  );
}
