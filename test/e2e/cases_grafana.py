"""The Grafana dashboards of packaging/grafana against a running volta: every expression of every panel and variable is executed, as an instant and
as a range query, shows something wherever its metrics exist on this machine, and shows what Prometheus shows of the same samples."""
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.parse

import lib
from cases_peers import prometheus_server
from cases_prometheus import data, local, prometheus, values
from lib import Folder, Skip, Volta, get, request, run, wait_until

sys.path.insert(0, str(lib.TEST / "differential"))
from compare import answer_of, difference  # noqa: E402
from dashboards import FOLDER, all_expressions, dashboards, expressions, filled_in, metrics  # noqa: E402

# What Grafana puts into expressions.
BUILT_IN = {"$__rate_interval": "15s", "$__range": "300s", "$__interval": "15s"}


def case_dashboards_are_what_their_maker_writes():
    subprocess.run([sys.executable, FOLDER / "make.py", "--check"], check=True, timeout=30)


def case_every_expression_of_the_dashboards_answers():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        host = wait_until("a host", lambda: get(port, "/api/v1/hosts")["items"])[0]["name"]
        wait_until("two ticks of everything", lambda: values(port, "count_over_time(volta_filesystem_size_bytes[1m]) > 1") and values(port, "volta_power_watts"), 40)
        known = set(data(port, "label/__name__/values"))
        shown = 0
        for name, dashboard in dashboards():
            for variable in dashboard["templating"]["list"]:
                found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable.get("definition", ""))
                if found:
                    assert data(port, f"label/{found[2]}/values", **{"match[]": found[1]}) == [host], (name, variable["name"])
            for title, expression in expressions(dashboard):
                asked = filled_in(expression, {**BUILT_IN, "$host": host})
                now = time.time()
                instant = data(port, "query", query=asked, time=now)["result"]
                matrix = data(port, "query_range", query=asked, start=now - 300, end=now, step=15)["result"]
                # A counter that appears with its second sample, conditions, and zones that this machine has not may show nothing; the rest must.
                if metrics(asked) <= known and not re.search(r" > 0|increase|repairs|zone!=", asked):
                    assert instant and matrix, (name, title, asked)
                    shown += 1
        assert shown > 30, f"only {shown} expressions had something to show"


def dashboards_asked(host, until):
    """Every expression with windows that lie within some twenty seconds of data, at half seconds: readings are taken at whole ones, where Prometheus 2
    counts the edge of a window twice. The windows begin some seconds after counters that begin with volta, of which 2 and 3 make different rates."""
    for expression in all_expressions():
        asked = filled_in(expression, {"$host": host, "$__rate_interval": "8s", "$__range": "8s", "$__interval": "1s"}).replace("[1h]", "[8s]")
        yield "query", {"query": asked, "time": until}
        yield "query_range", {"query": asked, "start": until - 5, "end": until, "step": 1}


def of_peer(peer, path, parameters):
    status, _, text = request(peer.port, f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
    assert status == 200, text[:300]
    return answer_of(json.loads(text))


def case_dashboards_show_what_prometheus_shows():
    """This machine's own series, from the journal and sealed, beside Prometheus with what volta exports."""
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        raise Skip("prometheus is not installed")
    every_second = {f"VOLTA_GROUPS_{group}_PERIOD": "1s" for group in ("FILESYSTEM", "SYSTEM", "SELF")}

    def volta(folder):
        return Volta("local", "--listen", "127.0.0.1:0", "--data", folder / "d", env=every_second)

    def answers(port, asked):
        return [answer_of(prometheus(port, path, **parameters)[1]) for path, parameters in asked]

    with Folder() as folder:
        with volta(folder) as here:
            port = here.port()
            wait_until("twenty ticks", lambda: values(port, "count_over_time(volta_load1[1m]) > 20 and on () count_over_time(volta_filesystem_size_bytes[1m]) > 20"), 60)
            host = get(port, "/api/v1/hosts")["items"][0]["name"]
            until = int(time.time()) + 0.5
            wait_until("later ticks", lambda: values(port, f"timestamp(volta_load1) > {until} + 3"), 30)
            asked = list(dashboards_asked(host, until))
            journal = answers(port, asked)
        (folder / "samples.txt").write_text(run("export", "metrics", "--data", folder / "d", "--format", "openmetrics"))
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "samples.txt", folder / "prometheus"], check=True, timeout=60 * lib.SLOW, stdout=subprocess.DEVNULL)
        run("store", "seal", "--data", folder / "d")
        with volta(folder) as here:
            packs = answers(here.port(), asked)
        with prometheus_server(folder) as peer:
            wrong, shown = [], 0
            for (path, parameters), first, second in zip(asked, journal, packs):
                want = of_peer(peer, path, parameters)
                shown += bool(want["result"])
                wrong += [(state, path, parameters["query"], problem) for state, got in (("journal", first), ("packs", second)) if (problem := difference(got, want, False))]
        assert not wrong, f"{len(wrong)} of {2 * len(asked)} differ: {wrong[:5]}"
        assert shown > 60, f"only {shown} of {len(asked)} queries had something to show"
