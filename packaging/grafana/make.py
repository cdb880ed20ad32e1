#!/usr/bin/env python3
"""Writes the Grafana dashboards beside it: host.json, energy.json, fleet.json. `--check` says whether they are what it would write.

Import them in Grafana and choose a Prometheus data source whose URL is http://VOLTA:8420/prometheus and whose interval is 60 s: datasource.yaml, which says why.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
RATE = "$__rate_interval"


def query(expression, legend="", instant=False):
    return {"expr": expression, "legendFormat": legend, "instant": instant, "range": not instant}


def panel(title, unit, queries, kind="timeseries", width=12, height=8, stack=False, help="", least=None, most=None):
    """One panel. `queries`: pairs of expression and legend, or strings."""
    targets = []
    for i, item in enumerate(queries):
        expression, legend = item if isinstance(item, tuple) else (item, "")
        targets.append({"refId": chr(ord("A") + i), "datasource": {"type": "prometheus", "uid": "${datasource}"},
                        **query(expression, legend, instant=kind in ("stat", "table", "bargauge"))})
    custom = {"lineWidth": 1, "fillOpacity": 25 if stack else 8, "showPoints": "never", "spanNulls": 15000}
    if stack:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    defaults = {"unit": unit, "custom": custom} if kind == "timeseries" else {"unit": unit}
    if least is not None:
        defaults["min"] = least
    if most is not None:
        defaults["max"] = most
    options = {"timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
               # With a legend its text is shown also where there is only one value: watts never stand without their quality.
               "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area", "textMode": "value_and_name" if targets[0]["legendFormat"] else "auto"},
               "bargauge": {"reduceOptions": {"calcs": ["lastNotNull"]}, "orientation": "horizontal"},
               "table": {"showHeader": True}}[kind]
    return {"title": title, "type": kind, "description": help, "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "targets": targets, "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options,
            "gridPos": {"w": width, "h": height}}


def row(title):
    return {"title": title, "type": "row", "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1}}


def place(panels):
    """Gives panels their ids and places, from left to right and from top to bottom."""
    x = y = tallest = 0
    for number, each in enumerate(panels, 1):
        spot = each["gridPos"]
        if x + spot["w"] > 24:
            x, y, tallest = 0, y + tallest, 0
        spot.update(x=x, y=y)
        each["id"] = number
        x += spot["w"]
        tallest = max(tallest, spot["h"])
    return panels


def variable(name, label, values, several):
    return {"name": name, "label": label, "type": "query", "query": {"query": values, "refId": "V"}, "definition": values,
            "datasource": {"type": "prometheus", "uid": "${datasource}"}, "refresh": 2, "sort": 1, "multi": several, "includeAll": several,
            **({"allValue": ".+", "current": {"text": ["All"], "value": ["$__all"]}} if several else {})}


def dashboard(uid, title, variables, panels):
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}
    return {"uid": uid, "title": title, "tags": ["volta"], "schemaVersion": 39, "version": 1, "editable": True, "refresh": "10s",
            "time": {"from": "now-1h", "to": "now"}, "timezone": "browser", "graphTooltip": 1,
            "templating": {"list": [source, *variables]}, "panels": place(panels)}


def host():
    h = 'host="$host"'
    cpu = f"sum by (mode) (rate(volta_cpu_seconds_total{{{h}}}[{RATE}]))"
    return dashboard("volta-host", "volta: host", [variable("host", "Host", "label_values(volta_uptime_seconds, host)", False)], [
        panel("Power now", "watt", [(f'volta_power_watts{{{h},zone="host"}}', "{{quality}}")], "stat", 6, 5),
        panel("CPU in use", "percentunit", [f'1 - avg(rate(volta_cpu_seconds_total{{{h},mode="idle"}}[{RATE}])) / avg(volta_cpus_online{{{h}}})'], "stat", 6, 5, least=0, most=1),
        panel("Memory in use", "percentunit", [f"1 - volta_memory_available_bytes{{{h}}} / volta_memory_total_bytes{{{h}}}"], "stat", 6, 5, least=0, most=1),
        panel("Up since", "s", [f"volta_uptime_seconds{{{h}}}"], "stat", 6, 5),
        row("Power"),
        panel("Power by zone", "watt", [(f"volta_power_watts{{{h}}}", "{{zone}} {{device}}, {{quality}}")], least=0, help="Zones overlap: package holds core and uncore, psys holds them all. They are never to be summed."),
        panel("Energy of each hour", "joule", [(f'increase(volta_energy_joules_total{{{h},zone="host"}}[1h])', "{{source}}, {{quality}}")], least=0),
        row("CPU"),
        panel("CPU time by mode", "short", [(cpu, "{{mode}}")], stack=True, least=0, help="In CPUs: 1 is one CPU busy all the time."),
        panel("Load", "short", [(f"volta_load1{{{h}}}", "1 min"), (f"volta_load5{{{h}}}", "5 min"), (f"volta_load15{{{h}}}", "15 min"), (f"volta_cpus_online{{{h}}}", "CPUs")], least=0),
        panel("Frequency", "hertz", [(f"avg(volta_cpu_frequency_hertz{{{h}}})", "average"), (f"max(volta_cpu_frequency_hertz{{{h}}})", "highest")], least=0),
        panel("Waiting for CPU, memory, disk", "percentunit", [(f'rate(volta_pressure_seconds_total{{{h},kind="some"}}[{RATE}])', "{{resource}}")], least=0),
        row("Memory"),
        panel("Memory", "bytes", [(f"volta_memory_used_bytes{{{h}}}", "used"), (f"volta_memory_buffers_bytes{{{h}}}", "buffers"), (f"volta_memory_cached_bytes{{{h}}}", "cached"), (f"volta_memory_free_bytes{{{h}}}", "free")], stack=True, least=0),
        panel("Swapped and paged", "Bps", [(f"rate(volta_swap_in_bytes_total{{{h}}}[{RATE}])", "swap in"), (f"rate(volta_swap_out_bytes_total{{{h}}}[{RATE}])", "swap out"), (f"irate(volta_memory_paged_in_bytes_total{{{h}}}[{RATE}])", "paged in")], least=0),
        row("Disks and network"),
        panel("Disk throughput", "Bps", [(f"rate(volta_disk_read_bytes_total{{{h}}}[{RATE}])", "{{device}} read"), (f"-rate(volta_disk_written_bytes_total{{{h}}}[{RATE}])", "{{device}} written")]),
        panel("Disk busy", "percentunit", [(f"rate(volta_disk_busy_seconds_total{{{h}}}[{RATE}])", "{{device}}")], least=0),
        panel("Network throughput", "Bps", [(f'rate(volta_network_receive_bytes_total{{{h},interface!="lo"}}[{RATE}])', "{{interface}} received"), (f'-rate(volta_network_transmit_bytes_total{{{h},interface!="lo"}}[{RATE}])', "{{interface}} sent")]),
        panel("File systems", "percentunit", [(f"max by (mountpoint) (volta_filesystem_used_bytes{{{h}}} / (volta_filesystem_used_bytes{{{h}}} + volta_filesystem_available_bytes{{{h}}}))", "{{mountpoint}}")], "bargauge", least=0, most=1),
        row("Sensors"),
        panel("Temperatures", "celsius", [(f"volta_temperature_celsius{{{h}}}", "{{chip}} {{sensor}}")]),
        panel("Fans", "rotrpm", [(f"volta_fan_speed_rpm{{{h}}}", "{{chip}} {{sensor}}")], least=0),
    ])


def energy():
    h = 'host=~"$host",zone="host"'
    return dashboard("volta-energy", "volta: energy", [variable("host", "Hosts", "label_values(volta_power_watts, host)", True)], [
        panel("Power now", "watt", [(f"sum by (quality) (volta_power_watts{{{h}}})", "{{quality}}")], "stat", 6, 5),
        panel("Energy of the window", "kwatth", [(f"sum by (quality) (increase(volta_energy_joules_total{{{h}}}[$__range])) / 3.6e6", "{{quality}}")], "stat", 6, 5),
        panel("Measured share", "percentunit", [f'sum(volta_power_watts{{{h},quality="measured"}}) / sum(volta_power_watts{{{h}}}) or vector(0)'], "stat", 6, 5, least=0, most=1, help="The rest is derived or estimated."),
        panel("Hosts with a number", "short", [f"count(group by (host) (volta_power_watts{{{h}}}))"], "stat", 6, 5),
        panel("Power by host", "watt", [(f"sum by (host, quality) (volta_power_watts{{{h}}})", "{{host}}, {{quality}}")], width=24, stack=True, least=0),
        panel("Energy of each hour by host", "kwatth", [(f"sum by (host, quality) (increase(volta_energy_joules_total{{{h}}}[1h])) / 3.6e6", "{{host}}, {{quality}}")], stack=True, least=0),
        panel("The hungriest hosts", "watt", [(f"topk(10, sum by (host, quality) (avg_over_time(volta_power_watts{{{h}}}[5m])))", "{{host}}, {{quality}}")], "bargauge", least=0),
        panel("Power by zone", "watt", [('sum by (zone, quality) (volta_power_watts{host=~"$host",zone!="host"})', "{{zone}}, {{quality}}")], least=0, help="Zones overlap; their sum means nothing."),
        panel("Repairs of counters", "short", [('sum by (kind) (increase(volta_energy_repairs_total{host=~"$host"}[1h]))', "{{kind}}")], least=0, help="Wraps, resets and gaps that were repaired or left out, per hour."),
        panel("Error bound", "percentunit", [(f"max by (host) (volta_energy_error_ratio{{{h}}})", "{{host}}")], least=0),
        panel("What volta itself costs", "watt", [(f'sum by (host, quality) (rate(volta_self_energy_joules_total{{host=~"$host"}}[{RATE}]))', "{{host}}, {{quality}}")], least=0),
    ])


def fleet():
    h = 'host=~"$host"'
    return dashboard("volta-fleet", "volta: fleet", [variable("host", "Hosts", "label_values(volta_uptime_seconds, host)", True)], [
        panel("Hosts", "short", [f"count(volta_uptime_seconds{{{h}}})"], "stat", 6, 5),
        panel("CPUs", "short", [f"sum(volta_cpus_online{{{h}}})"], "stat", 6, 5),
        panel("Memory", "bytes", [f"sum(volta_memory_total_bytes{{{h}}})"], "stat", 6, 5),
        panel("Power", "watt", [('sum by (quality) (volta_power_watts{host=~"$host",zone="host"})', "{{quality}}")], "stat", 6, 5),
        panel("CPU in use", "percentunit", [(f'1 - sum by (host) (rate(volta_cpu_seconds_total{{{h},mode="idle"}}[{RATE}])) / sum by (host) (volta_cpus_online{{{h}}})', "{{host}}")], least=0, most=1),
        panel("Memory in use", "percentunit", [(f"1 - sum by (host) (volta_memory_available_bytes{{{h}}}) / sum by (host) (volta_memory_total_bytes{{{h}}})", "{{host}}")], least=0, most=1),
        panel("Waiting for memory", "percentunit", [(f'rate(volta_pressure_seconds_total{{{h},resource="memory",kind="full"}}[{RATE}]) > 0', "{{host}}")], least=0),
        panel("Fullest file system", "percentunit", [(f"max by (host) (volta_filesystem_used_bytes{{{h}}} / (volta_filesystem_used_bytes{{{h}}} + volta_filesystem_available_bytes{{{h}}}))", "{{host}}")], least=0, most=1),
        panel("Network received", "Bps", [(f'sum by (host) (rate(volta_network_receive_bytes_total{{{h},interface!="lo"}}[{RATE}]))', "{{host}}")], least=0),
        panel("Network errors and drops", "pps", [(f'sum by (host) (rate(volta_network_receive_errors_total{{{h}}}[{RATE}]) + rate(volta_network_receive_drops_total{{{h}}}[{RATE}]))', "{{host}}")], least=0),
        panel("Hottest sensor", "celsius", [(f"max by (host) (volta_temperature_celsius{{{h}}})", "{{host}}")]),
        panel("Batches that wait on hosts", "short", [(f"volta_agent_buffered_batches{{{h}}}", "{{host}}")], least=0),
    ])


def main():
    wrong = []
    for name, made in (("host", host()), ("energy", energy()), ("fleet", fleet())):
        text = json.dumps(made, indent=1, sort_keys=True) + "\n"
        path = HERE / f"{name}.json"
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            wrong.append(path.name)
    if wrong:
        sys.exit(f"not what {pathlib.Path(__file__).name} writes: {', '.join(wrong)}; run it")


main()
