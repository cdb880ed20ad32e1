import { expect, test } from "vitest";

import type { Host } from "../api";
import { hostLive } from "../store/fleet";
import { summarise, type Reading } from "../store/vitals";
import { unreadableSources, wattsMeanwhile } from "./banners";

const readable = (value: number): Reading => ({ name: "volta_energy_readable", labels: { zone: "package", source: "rapl" }, value });
const watts = (quality: string): Reading => ({ name: "volta_power_watts", labels: { zone: "host", quality }, value: 20 });

function sources(id: string, readings: Reading[] | null): string[] {
  hostLive(id).vitals.value = readings && summarise(readings);
  return unreadableSources({ id, facts: { power_sources: [{ source: "rapl", readable: false }, { source: "battery", readable: true }] } } as unknown as Host);
}

test("a locked sensor is told of until it is read, whatever the facts of the agent's start say", () => {
  expect(sources("a", null)).toEqual(["rapl"]);
  expect(sources("a", [readable(0), watts("estimated")])).toEqual(["rapl"]);
  // On battery the watts are measured, and the sensor is locked all the same.
  expect(sources("a", [readable(0), watts("measured")])).toEqual(["rapl"]);
  expect(sources("a", [readable(1), watts("estimated")])).toEqual(["rapl"]);
  // Package and DRAM make derived watts.
  expect(sources("a", [readable(1), watts("derived")])).toEqual([]);
  expect(sources("a", [readable(1), watts("measured")])).toEqual([]);
});

test("watts are called estimated only where they are", () => {
  const says = (...qualities: (string | null)[]) => wattsMeanwhile(qualities.map((power_quality) => ({ power_quality }) as unknown as Host));
  expect(says("estimated", "estimated")).toBe("Watts are estimated until it is.");
  for (const other of ["measured", "derived", null]) {
    expect(says(other)).toBe("Until it is, watts come from another source or are estimated.");
    expect(says("estimated", other)).toBe(says(other));
  }
});
