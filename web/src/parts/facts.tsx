// What a host says about itself: one JSON object whose keys may grow with each agent version. Known
// keys get a name and an order; the rest is shown as it is, so nothing an agent tells is hidden.
import type { Host } from "../api";
import { format, formatDuration } from "../units";

type Facts = Record<string, unknown>;

const names: Record<string, string> = {
  hostname: "Host name",
  os: "System",
  os_name: "System",
  kernel: "Kernel",
  kernel_release: "Kernel",
  architecture: "Architecture",
  machine: "Architecture",
  vendor: "Vendor",
  product: "Model",
  model: "Model",
  hardware_model: "Model",
  virtualization: "Virtualization",
  cpu_model: "Processor",
  cpu_vendor: "Processor vendor",
  sockets: "Sockets",
  packages: "Sockets",
  cores: "Cores",
  threads: "Threads",
  cpus: "Threads",
  numa_nodes: "NUMA nodes",
  caches: "Caches",
  memory_bytes: "Memory",
  boot_time: "Booted",
  uptime_seconds: "Up for",
};
const kHidden = new Set(["power_sources"]);

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
  if (typeof value === "number" && /_seconds$/.test(key)) return formatDuration(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map((item) => cache(item) ?? show(key, item)).join(", ");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).map(([inner, of]) => `${words(inner)} ${show(inner, of)}`).join(" · ");
  }
  return String(value ?? "");
}

// A nested group ({"cpu": {"model": ...}}) reads like flat keys ("cpu_model").
function flatten(facts: Facts): [string, unknown][] {
  return Object.entries(facts).flatMap(([key, value]): [string, unknown][] => {
    const nested = typeof value === "object" && value !== null && !Array.isArray(value);
    return nested && key !== "caches" ? Object.entries(value as Facts).map(([inner, of]) => [`${key}_${inner}`, of]) : [[key, value]];
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
  const first = (...keys: string[]): string => {
    const found = keys.find((key) => typeof flat.get(key) === "string" && flat.get(key) !== "");
    return found ? String(flat.get(found)) : "";
  };
  return [first("cpu_model", "cpu_model_name"), first("os", "os_name", "os_pretty_name"), first("kernel", "kernel_release", "os_kernel")].filter(Boolean).join(" · ");
}

export function FactPanel({ host, uptime_s }: { host: Host; uptime_s: number | null }) {
  const facts = factList(host.facts).filter(({ name }) => name !== "Up for" || uptime_s === null);
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
