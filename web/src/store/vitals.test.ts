import { expect, test } from "vitest";

import { summarise, takeIn, trackValue, worstQuality, type Reading } from "./vitals";

const reading = (name: string, value: number, labels: Record<string, string> = {}): Reading => ({ name, labels, value });

test("only the host zone is the host's power", () => {
  const vitals = summarise([
    reading("volta_power_watts", 9, { zone: "package", quality: "measured" }),
    reading("volta_power_watts", 14, { zone: "host", quality: "estimated" }),
    reading("volta_energy_error_ratio", 0.25, { zone: "host" }),
  ]);
  expect(vitals).toMatchObject({ power_w: 14, power_quality: "estimated", power_error: 0.25 });
});

test("of several estimates of the machine the newest counts, and of equally new ones the best founded", () => {
  const power = (source: string, quality: string, value: number, at_ms?: number): Reading => ({ name: "volta_power_watts", labels: { zone: "host", source, quality }, value, ...(at_ms === undefined ? {} : { at_ms }) });
  const bound = (source: string, quality: string, value: number): Reading => ({ name: "volta_energy_error_ratio", labels: { zone: "host", source, quality }, value });
  const bounds = [bound("model", "estimated", 0.5), bound("rapl", "derived", 0.35)];
  // A sensor became readable: the model's last watts are still held.
  expect(summarise([power("model", "estimated", 16, 5_000), power("rapl", "derived", 45, 6_000), ...bounds])).toMatchObject({ power_w: 45, power_quality: "derived", power_error: 0.35 });
  // A laptop was plugged in: what a better source said last is old.
  expect(summarise([power("battery", "measured", 8, 5_000), power("rapl", "derived", 20, 6_000)])).toMatchObject({ power_w: 20, power_quality: "derived" });
  expect(summarise([power("model", "estimated", 16), power("rapl", "derived", 45), ...bounds])).toMatchObject({ power_w: 45, power_error: 0.35 });
});

test("frames add up to the newest readings; what no longer moves is forgotten", () => {
  const held = new Map<number, Reading>();
  const info = (i: number, name: string) => ({ i, name, labels: {}, unit: "" });
  takeIn(held, 1_000, [{ info: info(0, "a"), value: 1 }, { info: info(1, "b"), value: 2 }]);
  takeIn(held, 2_000, [{ info: info(0, "a"), value: 3 }]);
  expect([...held.values()].map(({ name, value, at_ms }) => [name, value, at_ms])).toEqual([["a", 3, 2_000], ["b", 2, 1_000]]);
  takeIn(held, 3_000, [{ info: info(0, "a"), value: null }]);
  expect([...held.keys()]).toEqual([1]);
  takeIn(held, 301_000, []);
  expect([...held.keys()]).toEqual([1]);
  takeIn(held, 301_001, []);
  expect(held.size).toBe(0);
});

test("processor share from the rates of its modes", () => {
  const cpu = (mode: string, value: number): Reading => reading("volta_cpu_seconds_total", value, { mode });
  expect(summarise([cpu("user", 1), cpu("system", 0.5), cpu("iowait", 0.5), cpu("idle", 2)])).toMatchObject({ cpu_percent: 37.5, cpu_cores: 4 });
  expect(summarise([cpu("idle", 0)]).cpu_percent).toBeNull();
});

test("traffic is counted once", () => {
  const disk = (device: string, value: number): Reading => reading("volta_disk_read_bytes_total", value, { device });
  const net = (name: string, value: number): Reading => reading("volta_network_receive_bytes_total", value, { interface: name });
  expect(summarise([disk("sda", 5), disk("dm-0", 5), disk("loop0", 1)]).disk_read).toBe(5);
  expect(summarise([disk("dm-0", 5)]).disk_read).toBe(5); // nothing else there
  expect(summarise([net("eth0", 7), net("lo", 100), net("veth12", 7)]).received).toBe(7);
});

test("the processor's sensor wins over a hotter one", () => {
  const heat = (chip: string, sensor: string, value: number): Reading => reading("volta_temperature_celsius", value, { chip, sensor });
  expect(summarise([heat("nvme", "Composite", 70), heat("coretemp", "Package id 0", 50)])).toMatchObject({ temperature: 50, temperature_name: "coretemp · Package id 0" });
  expect(summarise([heat("nvme", "Composite", 70)]).temperature).toBe(70);
});

test("locked sensors are named", () => {
  expect(summarise([reading("volta_energy_readable", 0, { zone: "package", source: "rapl" }), reading("volta_energy_readable", 1, { zone: "dram", source: "rapl" })]).unreadable).toEqual([{ zone: "package", source: "rapl" }]);
});

test("nothing known is null, not nought", () => {
  const vitals = summarise([]);
  for (const track of ["power", "cpu", "memory", "disk", "network", "temperature"] as const) expect(trackValue(vitals, track)).toBeNull();
});

test("of several qualities the one that promises least", () => {
  expect(worstQuality(["measured", null, "estimated", "derived"])).toBe("estimated");
  expect(worstQuality([null])).toBeNull();
});
