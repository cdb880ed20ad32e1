#!/usr/bin/env python3
"""Holds volta's PromQL engine against Prometheus: the same generated samples in both, the same queries to both.

check.py --eval promql_eval [--prometheus BIN] [--promtool BIN] [--seed N] [--keep DIR]
Equal means: the same status and error type, the same label sets, at each step the same value (relative difference <= 1e-5, NaN equals NaN).
Samples never lie on a window's edge, where Prometheus 2 (closed windows) and 3 (left-open ones, as volta) differ. Ends with `N passed, N failed`.
"""
import argparse
import json
import math
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
from queries import FAILING, INSTANT_ONLY, QUERIES, SORTED  # noqa: E402

START = 1_700_000_000
SPAN = 7200
INTERVAL = 15
TOLERANCE = 1e-5
# Half seconds: samples have fractions of 0.1 to 0.4 s, ranges are whole seconds.
INSTANTS = [START + 3600.5, START + 5412.5]
RANGES = [(START + 1500.5, START + 6900.5, 60), (START + 2000.5, START + 4000.5, 37)]


class Data:
    """Series by their text, each a list of (time, value)."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.series = {}

    def times(self, begin=0, end=SPAN, holes=()):
        for offset in range(begin, end, INTERVAL):
            if not any(a <= offset < b for a, b in holes):
                yield START + offset + self.random.randrange(100, 400) / 1000

    def add(self, text, samples):
        self.series[text] = list(samples)

    def counter(self, text, rate, resets=(), holes=(), begin=0, end=SPAN, whole=True):
        value = self.random.uniform(1000, 5000)
        samples = []
        pending = sorted(resets)
        for at in self.times(begin, end, holes):
            grown = self.random.uniform(0, 2 * rate) * INTERVAL
            if pending and at - START > pending[0]:
                pending.pop(0)
                value = 0
            value += round(grown) if whole else grown
            samples.append((at, value))
        self.add(text, samples)

    def gauge(self, text, middle, swing, holes=(), begin=0, end=SPAN):
        phase = self.random.uniform(0, 6)
        self.add(text, [(at, middle + swing * math.sin(phase + at / 900) + self.random.gauss(0, swing / 10)) for at in self.times(begin, end, holes)])

    def choice(self, text, values, **when):
        self.add(text, [(at, self.random.choice(values)) for at in self.times(**when)])

    def text(self):
        lines = []
        for name, samples in sorted(self.series.items()):
            lines += [f"{name} {spelled(value)} {at:.3f}" for at, value in samples]
        return "\n".join([*lines, "# EOF", ""])


def spelled(value):
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN" if math.isnan(value) else repr(float(value)))


def histogram(data, labels, bounds):
    """A bucket counts everything up to its bound, so the buckets of one moment rise."""
    times = list(data.times())
    counts = [0.0] * (len(bounds) + 1)
    total = 0.0
    rows = {bound: [] for bound in [*bounds, "+Inf"]}
    sums, numbers = [], []
    for at in times:
        for _ in range(data.random.randrange(0, 12)):
            value = data.random.expovariate(2)
            total += value
            for i, bound in enumerate([*bounds, math.inf]):
                counts[i] += value <= bound
        for i, bound in enumerate(rows):
            rows[bound].append((at, counts[i]))
        sums.append((at, total))
        numbers.append((at, counts[-1]))
    for bound, samples in rows.items():
        data.add(f'request_seconds_bucket{{{labels},le="{bound}"}}', samples)
    data.add(f"request_seconds_sum{{{labels}}}", sums)
    data.add(f"request_seconds_count{{{labels}}}", numbers)


def generate(seed):
    data = Data(seed)
    for job, instances in (("api", "ab"), ("web", "abc")):
        for instance in instances:
            for code in ("200", "404", "500"):
                holes = [(2400, 2700)] if instance == "b" else []
                resets = [1800, 3333, 5000] if code != "404" else []
                data.counter(f'http_requests_total{{job="{job}",instance="{instance}:1",code="{code}"}}', {"200": 9, "404": 1, "500": 0.3}[code], resets, holes)
    data.counter('http_requests_total{job="api",code="200"}', 3, whole=False)
    for room, floor in (("kitchen", "1"), ("hall", "1"), ("attic", "3"), ("cellar", "0"), ("bath", "2")):
        data.gauge(f'room_celsius{{room="{room}",floor="{floor}"}}', 20 + len(room) - int(floor), 3)
    data.gauge('room_celsius{room="garden"}', -2, 9)
    for instance in "abc":
        for pool in "ab":
            labels = f'instance="{instance}:1",pool="{pool}"'
            data.choice(f"workers{{{labels}}}", [1, 2, 3, 3, 4, 7])
            data.choice(f'limits{{{labels},team="t{instance}"}}', [2, 3, 5])
        data.choice(f'pool_limit{{instance="{instance}:1"}}', [2, 3, 4])
        data.choice(f'build_info{{instance="{instance}:1",version="1.{ord(instance)}",zone="z{instance}"}}', [1])
        data.gauge(f'twin_a{{instance="{instance}:1"}}', 5, 2)
        data.gauge(f'twin_b{{instance="{instance}:1"}}', 5, 2)
    odd = {"nan": [math.nan, 1, 2], "inf": [math.inf, 1, -3], "both": [math.inf, -math.inf, 2], "zero": [0, -0.0, 1], "only_nan": [math.nan], "plain": [0.5, 1, -1, 2.5]}
    for kind, values in odd.items():
        data.choice(f'odd_values{{kind="{kind}"}}', values)
    for sign, name in ((1, "up"), (-1, "down")):
        data.choice(f'huge{{side="{name}"}}', [sign * 1.5e308, sign * 1.7e308, sign * 1e300])
    data.choice("tiny", [1e-300, 2.5e-310])
    data.gauge('gappy{x="1"}', 10, 4, holes=[(600, 1300), (2000, 2290), (3300, 4400), (5200, 5230)])
    data.counter('starts_late{job="api"}', 2, begin=3210)
    data.counter('ends_early{job="api"}', 2, end=4200)
    data.counter("steady_total", 5, whole=False)
    data.choice("scalar_like", [4, 5])
    for job in ("api", "web"):
        histogram(data, f'job="{job}"', [0.05, 0.1, 0.25, 0.5, 1, 2.5])
    for le, value in (("1", 5), ("2", 3), ("4", 9), ("+Inf", 8), ("odd", 1)):
        data.choice(f'broken_bucket{{le="{le}"}}', [value])
    for le, value in (("-5", 3), ("-1", 5), ("0", 6), ("+Inf", 8)):
        data.choice(f'negative_bucket{{le="{le}"}}', [value])
    return data


class Prometheus:
    """A server of its own, on a free port, stopped by its process."""

    def __init__(self, arguments, folder, samples):
        tsdb = folder / "tsdb"
        subprocess.run([arguments.promtool, "tsdb", "create-blocks-from", "openmetrics", str(samples), str(tsdb)], check=True, stdout=subprocess.DEVNULL)
        config = folder / "prometheus.yml"
        config.write_text("global: {}\n")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = (folder / "prometheus.log").open("w")
        self.process = subprocess.Popen(
            [arguments.prometheus, f"--config.file={config}", f"--storage.tsdb.path={tsdb}", f"--web.listen-address=127.0.0.1:{port}",
             "--storage.tsdb.retention.time=100y", "--log.level=warn"], stdout=self.log, stderr=self.log)

    def __enter__(self):
        for _ in range(300):
            try:
                urllib.request.urlopen(self.url + "/-/ready", timeout=5).read()
                return self
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise RuntimeError("prometheus does not start; see its log with --keep")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def ask(self, query):
        path, form = ("/api/v1/query", {"time": query["time"]}) if "time" in query else ("/api/v1/query_range", {key: query[key] for key in ("start", "end", "step")})
        form["query"] = query["expression"]
        try:
            answer = json.load(urllib.request.urlopen(self.url + path, urllib.parse.urlencode(form).encode(), timeout=60))
        except urllib.error.HTTPError as error:
            return json.load(error)
        data = answer["data"]
        rows = data["result"]
        if data["resultType"] in ("vector", "matrix"):
            rows = [{"metric": row["metric"], "values": row.get("values") or [row["value"]]} for row in rows]
        elif data["resultType"] == "string":
            rows = rows[1]
        return {"status": "success", "type": data["resultType"], "result": rows}


def volta_answers(program, samples, queries):
    lines = []
    for query in queries:
        times = [query["time"]] if "time" in query else [query["start"], query["end"], query["step"]]
        lines.append("\t".join(["instant" if "time" in query else "range", *(str(round(at * 1000)) for at in times), query["expression"]]))
    run = subprocess.run([program, str(samples)], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if run.returncode != 0 or len(answers) != len(queries):
        asked = lines[len(answers)] if len(answers) < len(lines) else ""
        raise RuntimeError(f"promql_eval ended with {run.returncode} at {asked}: {run.stderr[-2000:]}")
    for answer in answers:
        for row in answer.get("result", []) if answer.get("type") in ("vector", "matrix") else []:
            row["values"] = [[at / 1000, value] for at, value in row["values"]]
    return answers


def same_value(ours, theirs):
    a, b = float(ours), float(theirs)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or (math.isfinite(a) and math.isfinite(b) and abs(a - b) <= TOLERANCE * max(abs(a), abs(b)))


def difference(ours, theirs, in_order):
    """"" or what differs first."""
    if ours["status"] != theirs["status"] or ours.get("errorType") != theirs.get("errorType"):
        return f"ours {outline(ours)}, theirs {outline(theirs)}"
    if ours["status"] == "error":
        return ""
    if ours["type"] != theirs["type"]:
        return f"type: ours {ours['type']}, theirs {theirs['type']}"
    if ours["type"] == "string":
        return "" if ours["result"] == theirs["result"] else "another text"
    if ours["type"] == "scalar":
        return "" if same_value(ours["result"][1], theirs["result"][1]) else f"ours {ours['result']}, theirs {theirs['result']}"
    keys = [[json.dumps(row["metric"], sort_keys=True) for row in answer["result"]] for answer in (ours, theirs)]
    if len(set(keys[0])) != len(keys[0]):
        return "ours has a label set twice"
    if sorted(keys[0]) != sorted(keys[1]):
        return f"labels: only ours {sorted(set(keys[0]) - set(keys[1]))[:3]}, only theirs {sorted(set(keys[1]) - set(keys[0]))[:3]}"
    if in_order and keys[0] != keys[1]:
        return "another order"
    expected = dict(zip(keys[1], theirs["result"]))
    for key, row in zip(keys[0], ours["result"]):
        other = expected[key]["values"]
        if [round(at * 1000) for at, _ in row["values"]] != [round(at * 1000) for at, _ in other]:
            return f"{key}: other steps: ours {len(row['values'])}, theirs {len(other)}"
        for (at, value), (_, want) in zip(row["values"], other):
            if not same_value(value, want):
                return f"{key} at {at}: ours {value}, theirs {want}"
    return ""


def outline(answer):
    return f"{answer.get('errorType')}: {answer.get('error')}" if answer["status"] == "error" else f"{len(answer['result'])} rows"


def queries_to_ask():
    asked = []
    for expression in [*QUERIES, *FAILING]:
        asked += [{"expression": expression, "time": at} for at in INSTANTS]
        asked += [{"expression": expression, "start": a, "end": b, "step": step} for a, b, step in RANGES]
    asked += [{"expression": expression, "time": at} for expression in INSTANT_ONLY for at in INSTANTS]
    asked += [{"expression": expression, "time": at, "in_order": True} for expression in SORTED for at in INSTANTS]
    asked.append({"expression": "workers", "start": START, "end": START + 12000, "step": 1})
    asked.append({"expression": "workers", "start": START + 100, "end": START, "step": 1})
    asked.append({"expression": "workers", "start": START, "end": START + 100, "step": 0})
    return asked


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eval", required=True)
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--promtool", default="promtool")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="leave data and logs in this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        samples = folder / "samples.txt"
        samples.write_text(generate(arguments.seed).text())
        asked = queries_to_ask()
        ours = volta_answers(arguments.eval, samples, asked)
        with Prometheus(arguments, folder, samples) as prometheus:
            failed = 0
            for query, answer in zip(asked, ours):
                problem = difference(answer, prometheus.ask(query), query.get("in_order", False))
                if problem:
                    failed += 1
                    where = f"at {query['time']}" if "time" in query else f"from {query['start']} to {query['end']} by {query['step']}"
                    print(f"{query['expression']}  ({where})\n    {problem}")
    print(f"seed {arguments.seed}: {len(QUERIES)} expressions, {len(FAILING)} that fail")
    print(f"{len(asked) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
