"""The Grafana dashboards of packaging/grafana against a running volta: every expression of every panel and variable is executed, as an instant and
as a range query, and shows something wherever its metrics exist on this machine."""
import json
import pathlib
import re
import subprocess
import sys
import time

from cases_prometheus import data, local, values
from lib import Folder, get, wait_until

DASHBOARDS = pathlib.Path(__file__).resolve().parents[2] / "packaging/grafana"
# What Grafana puts into expressions.
BUILT_IN = {"$__rate_interval": "15s", "$__range": "300s", "$__interval": "15s"}


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def filled_in(expression, host):
    for name, text in {**BUILT_IN, "$host": host}.items():
        expression = expression.replace(name, text)
    assert "$" not in expression, f"a variable that nobody fills in: {expression}"
    return expression


def case_dashboards_are_what_their_maker_writes():
    subprocess.run([sys.executable, DASHBOARDS / "make.py", "--check"], check=True, timeout=30)


def case_every_expression_of_the_dashboards_answers():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        host = wait_until("a host", lambda: get(port, "/api/v1/hosts")["items"])[0]["name"]
        wait_until("two ticks of everything", lambda: values(port, "count_over_time(volta_filesystem_size_bytes[1m]) > 1") and values(port, "volta_power_watts"), 40)
        known = set(data(port, "label/__name__/values"))
        shown = 0
        for path in sorted(DASHBOARDS.glob("*.json")):
            dashboard = json.loads(path.read_text())
            for variable in dashboard["templating"]["list"]:
                found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable.get("definition", ""))
                if found:
                    assert data(port, f"label/{found[2]}/values", **{"match[]": found[1]}) == [host], (path.name, variable["name"])
            for title, expression in expressions(dashboard):
                asked = filled_in(expression, host)
                now = time.time()
                instant = data(port, "query", query=asked, time=now)["result"]
                matrix = data(port, "query_range", query=asked, start=now - 300, end=now, step=15)["result"]
                # A counter that appears with its second sample, conditions, and zones that this machine has not may show nothing; the rest must.
                if set(re.findall(r"volta_\w+", asked)) <= known and not re.search(r" > 0|increase|repairs|zone!=", asked):
                    assert instant and matrix, (path.name, title, asked)
                    shown += 1
        assert shown > 30, f"only {shown} expressions had something to show"
