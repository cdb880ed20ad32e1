"""Programs of others that ask volta: Prometheus by remote read and by HTTP service discovery, promtool, and Grafana's sequence of requests."""
import base64
import json
import os
import math
import shutil
import struct
import subprocess
import time
import urllib.parse

import lib
from cases_peers import prometheus_server
from cases_prometheus import access_key, data, local, server, values, write
from exporter import Exporter
from lib import Folder, Skip, request, run, wait_until


def peer_data(peer, path, **parameters):
    """(data, warnings) of a Prometheus."""
    status, _, text = request(peer.port, f"/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}")
    answer = json.loads(text)
    assert status == 200 and answer["status"] == "success", (path, parameters, status, text[:500])
    return answer["data"], answer.get("warnings", [])


def write_history(port, key):
    """Half an hour of two jobs, odd values and a stale marker, a quarter of a second beside every edge that is asked for. When it ends: 17 s past a minute,
    so that the steps of sub-queries are no edges either."""
    end = int(time.time()) // 60 * 60 - 43
    begin = (end - 1795) * 1000 - 4750
    stale = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
    series = [({"__name__": "read_total", "job": job, "instance": f"{job}:{n}"}, [(begin + 5000 * i, float(i * n + i % 7)) for i in range(360)])
              for job in ("api", "web") for n in (1, 2)]
    series.append(({"__name__": "odd", "job": "api"}, [(begin + 5000 * i, value) for i, value in enumerate([0.1, float("nan"), float("inf"), -0.0] * 90)]))
    series.append(({"__name__": "gone", "job": "web"}, [(begin, 1.0), (begin + 5000, 2.0), (begin + 10_000, stale)]))
    write(port, key, series)
    return end


def by_labels(answer):
    rows = answer["result"] if isinstance(answer["result"], list) else [answer["result"]]
    return {tuple(sorted(row["metric"].items())): row.get("values") or [row["value"]] for row in rows}


def assert_same(expression, ours, theirs):
    """Of two engines over the same samples: equal but for the last digits."""
    a, b = by_labels(ours), by_labels(theirs)
    assert ours["resultType"] == theirs["resultType"] and a.keys() == b.keys(), (expression, ours, theirs)
    for labels, points in a.items():
        assert [at for at, _ in points] == [at for at, _ in b[labels]], (expression, labels)
        for (at, mine), (_, other) in zip(points, b[labels]):
            assert mine == other or math.isclose(float(mine), float(other), rel_tol=1e-12), (expression, labels, at, mine, other)


def case_prometheus_reads_from_volta():
    """remote_read: what Prometheus answers over volta's samples is what volta answers; without the key it says so and shows nothing."""
    with Folder() as folder, server(folder / "d") as volta:
        port, key = volta.port(), access_key(folder / "d")
        end = write_history(port, key)
        config = f"""
remote_read:
  - url: http://127.0.0.1:{port}/prometheus/api/v1/read
    read_recent: true
    authorization: {{ credentials_file: {folder}/d/access-key }}
"""
        with prometheus_server(folder, config) as peer:
            for expression in ["read_total", 'read_total{job="api"}[10m]', 'read_total{instance!~"api.*"}[1m]', '{job="api",__name__=~"read.*"}', "odd[5m]", "no_such_metric",
                               "sum by (job) (rate(read_total[5m]))", "max_over_time(rate(read_total[2m])[10m:1m])", "read_total offset 10m", 'gone[1h]', "absent(gone)"]:
                for path, times in [("query", {"time": end})] + ([] if expression.endswith("]") else [("query_range", {"start": end - 1500, "end": end, "step": 30})]):
                    theirs, warnings = peer_data(peer, path, query=expression, **times)
                    assert not warnings, (expression, warnings)
                    assert_same(expression, data(port, path, key, query=expression, **times), theirs)
            listed, warnings = peer_data(peer, "series", **{"match[]": 'read_total{job="api"}', "start": end - 1800, "end": end})
            assert not warnings and sorted(map(str, listed)) == sorted(map(str, data(port, "series", key, **{"match[]": 'read_total{job="api"}'}))), listed
        (folder / "stranger").mkdir()
        with prometheus_server(folder / "stranger", config.replace("authorization:", "headers:").replace("credentials_file", "X-None")) as peer:
            theirs, warnings = peer_data(peer, "query", query="read_total", time=end)
            assert theirs["result"] == [] and "401" in " ".join(warnings), (theirs, warnings)


def case_prometheus_discovers_volta_hosts():
    """http_sd_configs: hosts of the fleet become targets that are scraped, new ones too, disabled ones not; without the key there are none.
    Here Prometheus 2.42 sends the bare key unless it is told the type."""
    with Folder() as folder, Exporter("found 1\n") as exporter, server(folder / "d") as volta:
        run("host", "add", "localhost", "--token", "--data", folder / "d")
        url = f"http://127.0.0.1:{volta.port()}/prometheus/api/v1/sd/prometheus?port={exporter.port}"
        config = f"""
global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}
scrape_configs:
  - job_name: fleet
    http_sd_configs:
      - url: {url}
        refresh_interval: 1s
        authorization: {{ type: Bearer, credentials_file: {folder}/d/access-key }}
    relabel_configs:
      - {{ source_labels: [__meta_volta_state], regex: disabled, action: drop }}
      - {{ source_labels: [__meta_volta_host], target_label: host }}
  - job_name: stranger
    http_sd_configs: [{{ url: "{url}", refresh_interval: 1s }}]
"""
        with prometheus_server(folder, config) as peer:
            def targets():
                found, _ = peer_data(peer, "targets")
                assert not [t for t in found["activeTargets"] if t["scrapePool"] == "stranger"], found
                return {t["discoveredLabels"]["__address__"]: t for t in found["activeTargets"]}, {t["discoveredLabels"]["__address__"] for t in found["droppedTargets"]}

            first = f"localhost:{exporter.port}"
            wait_until("the host as a target that is scraped", lambda: targets()[0].get(first, {}).get("health") == "up", 30)
            found = targets()[0][first]
            assert found["labels"] == {"host": "localhost", "instance": first, "job": "fleet"}, found
            assert found["discoveredLabels"]["__meta_volta_host"] == "localhost" and found["discoveredLabels"]["__meta_volta_state"] == "offline", found
            assert wait_until("a sample", lambda: peer_data(peer, "query", query='found{host="localhost"}')[0]["result"], 20)
            run("host", "add", "late-1", "--token", "--data", folder / "d")
            wait_until("the new host", lambda: f"late-1:{exporter.port}" in targets()[0], 30)
            run("host", "disable", "localhost", "--data", folder / "d")
            wait_until("the disabled host to be dropped", lambda: first in targets()[1] and first not in targets()[0], 30)
            failures = next(line for line in request(peer.port, "/metrics")[2].splitlines() if line.startswith("prometheus_sd_http_failures_total"))
            assert float(failures.split()[-1]) >= 1, failures


def promtool(*arguments):
    if not shutil.which("promtool"):
        raise Skip("promtool is not installed")
    done = subprocess.run(["promtool", "query", *map(str, arguments)], capture_output=True, text=True, timeout=30 * lib.SLOW, env={**os.environ, "TZ": "UTC"}, check=False)
    return done.returncode, done.stdout, done.stderr


def case_promtool_asks_a_server():
    """Each of promtool's queries, with the key in the URL, and what it shows without."""
    with Folder() as folder, server(folder / "d") as volta:
        key = access_key(folder / "d")
        end = write_history(volta.port(), key)
        url = f"http://any:{key}@127.0.0.1:{volta.port()}/prometheus"
        code, out, err = promtool("instant", "--time", end, url, 'sum by (job) (read_total{job="api"})')
        assert code == 0 and out.startswith('{job="api"} => ') and out.endswith(f" @[{end}]\n"), (code, out, err)
        assert float(out.split(" => ")[1].split()[0]) == sum(float(row["value"][1]) for row in values(volta.port(), 'read_total{job="api"}', key, time=end)), out
        code, out, err = promtool("instant", "--format", "json", "--time", end, url, "odd")
        assert code == 0 and json.loads(out)[0]["metric"] == {"__name__": "odd", "job": "api"}, (code, out, err)
        code, out, err = promtool("range", "--start", end - 600, "--end", end, "--step", "60s", url, "rate(read_total[5m])")
        lines = out.splitlines()
        assert code == 0 and sum(line.endswith("=>") for line in lines) == 4 and sum("@[" in line for line in lines) == 44, (code, out, err)
        code, out, err = promtool("series", "--match", 'read_total{instance="web:2"}', "--start", end - 1800, "--end", end, url)
        assert code == 0 and out == '{__name__="read_total", instance="web:2", job="web"}\n', (code, out, err)
        code, out, err = promtool("labels", "--start", end - 1800, "--end", end, url, "instance")
        assert code == 0 and out.split() == ["api:1", "api:2", "web:1", "web:2"], (code, out, err)
        code, out, err = promtool("instant", url, "sum(")
        assert code != 0 and "parse error" in err, (code, out, err)
        code, out, err = promtool("instant", url.replace(key, "x" * 43), "1")
        assert code != 0 and out == "", (code, out, err)


def case_grafana_sequence_of_requests():
    """What Grafana's data source sends, in its order and with its headers, from "Save & test" over the query editor to a panel; to a server that wants the key."""
    with Folder() as folder, server(folder / "d") as volta:
        port, key = volta.port(), access_key(folder / "d")
        end = write_history(port, key)
        headers = {"User-Agent": "Grafana/10.4.2", "X-Datasource-Uid": "volta", "X-Grafana-Org-Id": "1",
                   "Authorization": "Basic " + base64.b64encode(f"grafana:{key}".encode()).decode()}
        span = {"start": end - 1800, "end": end}
        minutes = {"start": (end - 1200) // 60 * 60, "end": end // 60 * 60, "step": 60}

        def grafana(path, form=None, **query):
            target = f"/prometheus/api/v1/{path}" + ("?" + urllib.parse.urlencode(query, doseq=True) if query else "")
            body = urllib.parse.urlencode(form, doseq=True) if form is not None else None
            more = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
            status, sent, text = request(port, target, "POST" if body is not None else "GET", body, {**headers, **more})
            assert status == 200 and sent["content-type"].startswith("application/json"), (target, form, status, text[:300])
            answer = json.loads(text)
            assert answer["status"] == "success", (target, answer)
            return answer["data"]

        assert grafana("query", {"query": "1+1", "time": f"{time.time():.3f}"})["result"][1] == "2"
        info = grafana("status/buildinfo")
        assert int(info["version"].split(".")[0]) >= 3 and info.get("features") == {}, info
        assert grafana("rules") == {"groups": []}
        assert grafana("metadata", limit=40000) is not None
        assert {"__name__", "instance", "job"} <= set(grafana("labels", {**span, "limit": 40000}))
        assert grafana("labels", **span, **{"match[]": '{__name__="read_total"}', "limit": 0}) == ["__name__", "instance", "job"]
        assert "read_total" in grafana("label/__name__/values", **span, limit=40000)
        assert grafana("label/instance/values", **span, **{"match[]": 'read_total{job="web"}'}) == ["web:1", "web:2"]
        assert len(grafana("series", {"match[]": 'read_total{job="api"}', **span, "limit": 40000})) == 2
        # A panel over a data source whose interval is a minute: $__rate_interval is four of them.
        panel = grafana("query_range", {"query": "sum by (job) (rate(read_total[4m]))", **minutes})["result"]
        assert [row["metric"] for row in panel] == [{"job": "api"}, {"job": "web"}] and all(len(row["values"]) == 21 for row in panel), panel
        assert all(float(value) > 0 for row in panel for _, value in row["values"][5:]), panel
        assert grafana("query_exemplars", query="read_total", **span) == []
        assert len(grafana("query", {"query": "read_total", "time": f"{end:.3f}"})["result"]) == 4
        assert grafana("format_query", {"query": "sum(read_total)by(job)"}) == "sum by (job) (read_total)"
        assert grafana("alerts") == {"alerts": []}
        status, _, text = request(port, "/prometheus/api/v1/query?query=1", headers={**headers, "Authorization": "Basic " + base64.b64encode(b"grafana:wrong").decode()})
        assert status == 401, (status, text)


def case_promtool_asks_this_machine():
    """`volta local` on loopback wants no key."""
    with Folder() as folder, local(folder / "d") as volta:
        url = f"http://127.0.0.1:{volta.port()}/prometheus"
        wait_until("series", lambda: values(volta.port(), "volta_uptime_seconds"))
        for arguments, want in [(("instant", url, "1+1"), "2"), (("labels", url, "mode"), "idle"), (("series", "--match=volta_uptime_seconds", url), "volta_uptime_seconds"),
                                (("range", url, "volta_uptime_seconds"), "volta_uptime_seconds")]:
            code, out, err = promtool(*arguments)
            assert code == 0 and want in out, (arguments, out, err)
