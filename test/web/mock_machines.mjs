// Two made-up machines for working on the page without the binary: a laptop with RAPL and a server
// whose power is only estimated. Every series is a function of time, so that history and live agree.

const noise = (t, seed) => {
  const x = Math.sin(t * 12.9898 + seed * 78.233) * 43758.5453;
  return x - Math.floor(x);
};
// Load between 0 and 1: slow waves, some bursts, a little noise.
function load(t, seed) {
  const wave = 0.22 + 0.13 * Math.sin(t / 97 + seed) + 0.08 * Math.sin(t / 23 + 2 * seed);
  const burst = Math.sin(t / 211 + seed * 3) > 0.72 ? 0.38 * (0.8 + 0.2 * noise(Math.floor(t), seed)) : 0;
  return Math.min(0.97, Math.max(0.02, wave + burst + 0.05 * (noise(Math.floor(t), seed) - 0.5)));
}

const gauge = (name, labels, unit, f) => ({ name, labels, unit, kind: "gauge", f });
const counter = (name, labels, unit, f) => ({ name, labels, unit, kind: "counter", f });

function processor(cores, seed) {
  const shares = { user: 0.68, nice: 0.03, system: 0.2, irq: 0.02, softirq: 0.03, steal: 0.01, guest: 0.03, guest_nice: 0 };
  const core = (t, k) => Math.min(0.99, load(t + k * 13, seed) * (0.5 + noise(Math.floor(t / 20), k + seed)));
  const busy = (t) => Array.from({ length: cores }, (_, k) => core(t, k)).reduce((a, b) => a + b, 0);
  const modes = (name, labels, f, all) => [
    ...Object.entries(shares).map(([mode, share]) => counter(name, { ...labels, mode }, "seconds", (t) => f(t) * share)),
    counter(name, { ...labels, mode: "iowait" }, "seconds", (t) => 0.04 * (all - f(t))),
    counter(name, { ...labels, mode: "idle" }, "seconds", (t) => 0.96 * (all - f(t))),
  ];
  const series = modes("volta_cpu_seconds_total", {}, busy, cores);
  for (let k = 0; k < cores; k += 1) {
    series.push(...modes("volta_cpu_core_seconds_total", { cpu: String(k) }, (t) => core(t, k), 1));
    series.push(gauge("volta_cpu_frequency_hertz", { cpu: String(k) }, "hertz", (t) => 1.2e9 + 2.6e9 * core(t, k)));
  }
  series.push(gauge("volta_load1", {}, "", busy), gauge("volta_load5", {}, "", (t) => (busy(t) + busy(t - 60) + busy(t - 150)) / 3), gauge("volta_load15", {}, "", (t) => (busy(t) + busy(t - 300) + busy(t - 600)) / 3));
  return { series, busy: (t) => busy(t) / cores };
}

function memory(total, swap, seed) {
  const GiB = 2 ** 30;
  const used = (t) => total * (0.36 + 0.06 * Math.sin(t / 400 + seed));
  const part = (name, f) => gauge(`volta_memory_${name}_bytes`, {}, "bytes", f);
  return [
    part("total", () => total),
    part("available", (t) => total - used(t)),
    part("used", used),
    part("cached", () => total * 0.31),
    part("buffers", () => total * 0.02),
    part("slab", () => total * 0.03),
    part("free", (t) => total * 0.64 - used(t)),
    gauge("volta_swap_total_bytes", {}, "bytes", () => swap),
    gauge("volta_swap_free_bytes", {}, "bytes", (t) => (swap === 0 ? 0 : swap - 0.4 * GiB - 0.1 * GiB * Math.sin(t / 900))),
  ];
}

function disk(device, seed, peak) {
  const io = (t, k) => peak * Math.max(0, load(t * 1.7, seed + k) - 0.25) ** 2;
  return [
    counter("volta_disk_read_bytes_total", { device }, "bytes", (t) => io(t, 1)),
    counter("volta_disk_written_bytes_total", { device }, "bytes", (t) => io(t, 5) + peak / 900),
    counter("volta_disk_busy_seconds_total", { device }, "seconds", (t) => Math.min(1, (io(t, 1) + io(t, 5)) / peak + 0.004)),
  ];
}

function network(name, seed, peak) {
  return [
    counter("volta_network_receive_bytes_total", { interface: name }, "bytes", (t) => peak * load(t * 2.3, seed) ** 3),
    counter("volta_network_transmit_bytes_total", { interface: name }, "bytes", (t) => 0.3 * peak * load(t * 2.9, seed + 1) ** 3),
  ];
}

function filesystem(device, mountpoint, size, share) {
  const labels = { device, fstype: "ext4", mountpoint };
  return [gauge("volta_filesystem_size_bytes", labels, "bytes", () => size), gauge("volta_filesystem_used_bytes", labels, "bytes", () => size * share * 0.95), gauge("volta_filesystem_available_bytes", labels, "bytes", () => size * (1 - share) * 0.95)];
}

function pressure(busy) {
  return ["cpu", "memory", "io"].flatMap((resource, k) =>
    ["some", "full"].map((kind) => counter("volta_pressure_seconds_total", { resource, kind }, "seconds", (t) => (resource === "cpu" && kind === "full" ? 0 : busy(t + 31 * k) ** 2 * (kind === "full" ? 0.09 : 0.2)))),
  );
}

function zone(name, device, source, quality, watts, error) {
  const labels = { zone: name, device, source, quality };
  return [gauge("volta_power_watts", labels, "watts", watts), counter("volta_energy_joules_total", labels, "joules", watts), gauge("volta_energy_error_ratio", labels, "ratio", () => error)];
}

export function laptop(name) {
  const cpu = processor(8, 1);
  const watts = (t) => 2.6 + 21 * cpu.busy(t);
  const temperature = (chip, sensor, base, gain) => gauge("volta_temperature_celsius", { chip, sensor }, "celsius", (t) => base + gain * cpu.busy(t));
  return {
    id: "h-laptop",
    name,
    state: "live",
    agent_version: "0.1.0",
    facts: {
      hostname: name, kernel: "6.1.0-26-amd64", architecture: "x86_64", os: { name: "Debian GNU/Linux 12 (bookworm)", id: "debian", version: "12" },
      hardware: { vendor: "Example", product: "Notebook 14", board: "N14-1" },
      cpu: {
        model: "Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", vendor: "GenuineIntel", sockets: 1, dies: 1, cores: 4, threads: 8, tdp_watts: 28, tdp_source: "table",
        caches: [{ level: 1, type: "Data", size_bytes: 49152 }, { level: 1, type: "Instruction", size_bytes: 32768 }, { level: 2, type: "Unified", size_bytes: 1310720 }, { level: 3, type: "Unified", size_bytes: 12582912 }],
      },
      memory_bytes: 16 * 2 ** 30, boot_time: "2026-11-18T07:12:00Z",
      power_sources: [{ source: "rapl", zone: "package", device: "package-0", readable: true }],
    },
    power: (t) => watts(t) + 5.4,
    quality: "derived",
    series: [
      ...cpu.series, ...memory(16 * 2 ** 30, 4 * 2 ** 30, 1), ...disk("nvme0n1", 3, 9e8), ...disk("dm-0", 3, 9e8), ...network("wlp0s20f3", 4, 6e6), ...network("lo", 5, 2e5), ...pressure(cpu.busy),
      ...filesystem("/dev/nvme0n1p2", "/", 475 * 2 ** 30, 0.63), ...filesystem("/dev/nvme0n1p1", "/boot/efi", 511 * 2 ** 20, 0.06),
      ...zone("host", "host", "rapl", "derived", (t) => watts(t) + 5.4, 0.12), ...zone("package", "package-0", "rapl", "measured", watts, 0.02), ...zone("core", "package-0", "rapl", "measured", (t) => 0.6 * watts(t), 0.02),
      ...zone("uncore", "package-0", "rapl", "measured", (t) => 0.5 + 0.08 * watts(t), 0.02), ...zone("dram", "package-0", "rapl", "measured", (t) => 1.1 + 1.2 * cpu.busy(t), 0.05), ...zone("psys", "psys", "rapl", "measured", (t) => watts(t) + 4.6, 0.05),
      gauge("volta_energy_readable", { zone: "package", device: "package-0", source: "rapl" }, "", () => 1),
      temperature("coretemp", "Package id 0", 38, 45), temperature("nvme", "Composite", 34, 9), temperature("iwlwifi_1", "temp1", 41, 6),
      gauge("volta_fan_speed_rpm", { chip: "thinkpad", sensor: "fan1" }, "rpm", (t) => 1900 + 2600 * cpu.busy(t)),
      gauge("volta_battery_charge_ratio", { battery: "BAT0" }, "ratio", (t) => 0.5 + 0.3 * Math.sin(t / 5000)),
      gauge("volta_uptime_seconds", {}, "seconds", (t) => (t % 4e6) + 90000),
    ],
  };
}

export function server(name) {
  const cpu = processor(32, 7);
  return {
    id: "h-server",
    name,
    state: "live",
    agent_version: "0.1.0",
    facts: {
      hostname: name, kernel: "5.15.0-124-generic", architecture: "x86_64", os: { name: "Ubuntu 22.04.5 LTS", id: "ubuntu", version: "22.04" },
      cpu: { model: "AMD EPYC 7302P 16-Core Processor", sockets: 1, cores: 16, threads: 32, tdp_watts: 155, tdp_source: "table", caches: [] }, memory_bytes: 128 * 2 ** 30,
      power_sources: [{ source: "rapl", zone: "package", device: "package-0", readable: false }],
      energy_command: "sudo chmod a+r /sys/class/powercap/intel-rapl:0/energy_uj",
    },
    power: (t) => 71 + 168 * cpu.busy(t),
    quality: "estimated",
    series: [
      ...cpu.series, ...memory(128 * 2 ** 30, 0, 2), ...disk("sda", 8, 4e8), ...disk("sdb", 9, 5e8), ...network("eno1", 10, 1.1e8), ...network("docker0", 11, 1e6), ...pressure(cpu.busy),
      ...filesystem("/dev/sda2", "/", 220 * 2 ** 30, 0.41), ...filesystem("/dev/sdb1", "/srv", 3600 * 2 ** 30, 0.87),
      ...zone("host", "host", "model", "estimated", (t) => 71 + 168 * cpu.busy(t), 0.25),
      gauge("volta_energy_readable", { zone: "package", device: "package-0", source: "rapl" }, "", () => 0),
      gauge("volta_uptime_seconds", {}, "seconds", (t) => (t % 4e6) + 3e6),
    ],
  };
}

export function silent(name, state) {
  return { id: `h-${state}`, name, state, agent_version: "0.1.0", facts: {}, power: () => null, quality: null, series: [] };
}
