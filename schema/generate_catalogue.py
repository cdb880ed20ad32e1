#!/usr/bin/env python3
"""Turns metrics.toml into the constexpr tables of src/model: OUT_DIR/model/metric_table.inc and metric_ids.hpp.

Refuses a catalogue that breaks its own rules (see the head of metrics.toml), naming the entry.
"""
import pathlib
import re
import sys
import tomllib

UNITS = {"", "seconds", "bytes", "joules", "watts", "celsius", "volts", "amperes", "hertz", "ratio", "rpm",
         "bytes_per_second"}
KEYS = {"name", "kind", "unit", "scale", "type", "labels", "quality", "alias", "group", "help"}
PERIOD = re.compile(r"(\d+)(ms|s|m|h)$")
FACTOR = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000}


def problems(entry, groups, seen):
    """Every rule that one [[metric]] breaks, as sentences."""
    name, kind, unit = entry.get("name", "?"), entry.get("kind"), entry.get("unit")
    if unknown := set(entry) - KEYS:
        yield f"unknown keys {sorted(unknown)}"
    if missing := {"name", "kind", "unit", "group", "help"} - set(entry):
        yield f"missing keys {sorted(missing)}"
        return
    if name in seen:
        yield "declared twice"
    if not re.fullmatch(r"volta_[a-z0-9_]+", name):
        yield "the name is not volta_ and lower case words"
    if kind not in ("counter", "gauge"):
        yield f"kind {kind!r} is neither counter nor gauge"
    if unit not in UNITS:
        yield f"unit {unit!r} is not one of {sorted(UNITS)}"
    stem = name.removesuffix("_total")
    if (kind == "counter") != name.endswith("_total"):
        yield "counters, and only counters, end in _total"
    if unit and not stem.endswith("_" + unit):
        yield f"the name does not end in its unit {unit}"
    if entry.get("type", "int64") not in ("int64", "uint64", "float64"):
        yield "unknown type"
    if entry.get("quality", "measured") not in ("measured", "derived", "estimated"):
        yield "unknown quality"
    if not -18 <= entry.get("scale", 0) <= 18:
        yield "scale outside -18..18"
    if entry["group"] not in groups:
        yield f"group {entry['group']!r} is not declared"
    if entry["help"].endswith(".") or not entry["help"]:
        yield "help is one sentence without a full stop"


def check(catalogue):
    """All broken rules of the whole file, each with the entry's name."""
    groups, seen, found = catalogue.get("group", {}), set(), []
    for name, group in groups.items():
        if not PERIOD.match(group.get("period", "")) or "help" not in group:
            found.append(f"group {name}: needs period and help")
    for entry in catalogue.get("metric", []):
        found += [f"{entry.get('name', '?')}: {text}" for text in problems(entry, groups, seen)]
        seen.add(entry.get("name"))
    return found


def period_ms(text):
    count, unit = PERIOD.match(text).groups()
    return int(count) * FACTOR[unit]


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def table(catalogue):
    out = ["// Made from schema/metrics.toml.", "namespace volta {", "namespace {"]
    for i, entry in enumerate(catalogue["metric"]):
        if labels := entry.get("labels", []):
            out.append(f"constexpr std::array<std::string_view, {len(labels)}> kLabels{i} = "
                       f"{{{', '.join(map(quoted, labels))}}};")
    out.append(f"constexpr std::array<Metric, {len(catalogue['metric'])}> kCatalogue = {{{{")
    for i, entry in enumerate(catalogue["metric"]):
        group = catalogue["group"][entry["group"]]
        labels = f"kLabels{i}" if entry.get("labels") else "std::span<const std::string_view>()"
        out.append(f"    {{{quoted(entry['name'])}, Kind::{entry['kind']}, ValueType::{entry.get('type', 'int64')}, "
                   f"{entry.get('scale', 0)}, {quoted(entry['unit'])}, Quality::{entry.get('quality', 'measured')}, "
                   f"{quoted(entry['group'])}, std::chrono::milliseconds({period_ms(group['period'])}), "
                   f"{quoted(entry.get('alias', ''))}, {quoted(entry['help'])}, {labels}}},")
    out.append("}};")
    out.append(f"constexpr std::array<MetricGroup, {len(catalogue['group'])}> kGroups = {{{{")
    for name, group in catalogue["group"].items():
        out.append(f"    {{{quoted(name)}, std::chrono::milliseconds({period_ms(group['period'])}), {quoted(group['help'])}}},")
    out += ["}};", "}  // namespace", "}  // namespace volta", ""]
    return "\n".join(out)


def ids(catalogue):
    out = ["// Made from schema/metrics.toml.", "#pragma once", "", '#include "model/metric.hpp"', "",
           "namespace volta::metrics {"]
    for i, entry in enumerate(catalogue["metric"]):
        out.append(f"inline constexpr MetricId {entry['name'].removeprefix('volta_')}{{{i}}};")
    out += ["}  // namespace volta::metrics", ""]
    return "\n".join(out)


def main():
    source, out_dir = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) / "model"
    catalogue = tomllib.loads(source.read_text())
    if found := check(catalogue):
        sys.exit("\n".join(f"{source}: {text}" for text in found))
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, text in (("metric_table.inc", table(catalogue)), ("metric_ids.hpp", ids(catalogue))):
        target = out_dir / name
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


if __name__ == "__main__":
    main()
