"""Queries over HTTP, warm, each beside both peers on the same samples. One data set after the other, so that Prometheus gets each in the order of time."""
import re
import time
import urllib.parse

from engines import ENGINES, Prometheus, Volta


WARM_UPS = 3  # that store_load asks without noting them


class Query:
    """`most`: p50 and p99 in ms. Ranges are left-open in volta, as from Prometheus 3 on; 2.42 has both ends, so that it is asked for a
    millisecond less where answers are compared: the same samples."""

    def __init__(self, what, expression, start, end, step, most):
        self.what, self.expression, self.start, self.end, self.step, self.most = what, expression, start, end, step, most

    def parameters(self, expression=None):
        return urllib.parse.urlencode({"query": expression or self.expression, "start": self.start, "end": self.end, "step": self.step})

    def compared(self, engine):
        """The parameters by which this engine has the same samples as the others."""
        if engine is not Prometheus:
            return self.parameters()
        unit = {"s": 1000, "m": 60_000, "h": 3_600_000}
        return self.parameters(re.sub(r"\[(\d+)([smh])\]", lambda found: f"[{int(found.group(1)) * unit[found.group(2)] - 1}ms]", self.expression))


def ten(quick):
    """Ten series, a day at one second."""
    ticks = 4 * 3600 if quick else 86_400
    begin = int(time.time()) // 3600 * 3600 - ticks
    data = {"profile": "ten", "hosts": 1, "series": 10, "step": 1000, "ticks": ticks, "start": begin * 1000 + 1000}
    end, hours = begin + ticks, ticks // 3600
    return data, [
        Query("one series, 1 h raw", 'bench_ten{n="3"}', end - 3600, end - 1, 1, (1, 3)),
        Query(f"ten series, {hours} h at 1 s, where a tier serves", "avg_over_time(bench_ten[5m])", begin + 300, end, 300, (3, 10)),
        Query(f"ten series, {hours} h at 1 s, raw", "avg_over_time(bench_ten[5m])", begin + 307, end, 293, (8, 20)),
    ]


def fleet(quick):
    """The CPUs of many hosts, six hours at one second."""
    hosts, ticks = (20, 3600) if quick else (100, 6 * 3600)
    begin = int(time.time()) // 3600 * 3600 - ticks
    data = {"profile": "cpu", "hosts": hosts, "series": 16, "step": 1000, "ticks": ticks, "start": begin * 1000 + 1000}
    expression = "sum by (mode) (rate(node_cpu_seconds_total[1m]))"
    what = f"CPU by mode over {hosts} hosts, {ticks // 3600} h at 1 s"
    return data, [Query(f"{what}, raw", expression, begin + 67, begin + ticks, 61, (300, 600)),
                  Query(f"{what}, where a tier serves", expression, begin + 60, begin + ticks, 60, (20, 50))]


def month(quick):
    """Ten series, a month at ten seconds."""
    ticks = (2 if quick else 30) * 8640
    begin = int(time.time()) // 3600 * 3600 - ticks * 10
    data = {"profile": "ten", "hosts": 1, "series": 10, "step": 10_000, "ticks": ticks, "start": begin * 1000 + 10_000}
    return data, [Query(f"ten series, {ticks // 8640} days by rollup", "avg_over_time(bench_ten[1h])", begin + 3600, begin + ticks * 10, 3600, (5, 20))]


def load(engine, data):
    if isinstance(engine, Volta):
        engine.load(data, batch=600)
    else:
        engine.load(data, request_ticks=600, samples=20_000)
    engine.settle()


def close(a, b):
    a, b = float(a), float(b)
    return abs(a - b) <= 1e-4 * max(abs(a), abs(b), 1e-9) or (a != a and b != b)  # rate() reckons with the millisecond


def same(ours, theirs):
    """Whether two results of a range query say the same."""
    def table(result):
        return {tuple(sorted(row["metric"].items())): dict((round(t * 1000), v) for t, v in row["values"]) for row in result}
    ours, theirs = table(ours), table(theirs)
    return ours.keys() == theirs.keys() and all(row.keys() == theirs[key].keys() and all(close(v, theirs[key][t]) for t, v in row.items())
                                                for key, row in ours.items())


def measure(folder, data, queries, quick):
    """{engine: [latencies of each query, with the server's CPU time for one]}, and what they answered."""
    latencies, answers = {}, {}
    for kind in ENGINES:
        with kind(folder) as engine:
            load(engine, data)
            answers[kind.name] = [engine.answer("query_range", query.compared(kind)) for query in queries]
            latencies[kind.name] = [measure_one(engine, query, quick) for query in queries]
    return latencies, answers


def measure_one(engine, query, quick):
    target = engine.target("query_range", query.parameters())
    engine.measure([target], 1, 1)  # the first answer fills caches
    before = engine.server.cpu_seconds()
    found = engine.measure([target], 60 if quick else 300, 5 if quick else 20)[0]
    asked = found["runs"] + WARM_UPS
    found["cpu"] = (engine.server.cpu_seconds() - before) / asked * 1000
    return found


def run(report, folder, quick):
    for number, data_set in enumerate((ten, fleet, month)):
        data, queries = data_set(quick)
        place = folder / str(number)
        place.mkdir()
        latencies, answers = measure(place, data, queries, quick)
        for i, query in enumerate(queries):
            if not same(answers["volta"][i], answers["prometheus"][i]):
                report.note(f"{query.what}: the answers of volta and Prometheus DIFFER")
            ours, prometheus, victoria = (latencies[kind.name][i] for kind in ENGINES)
            for what, most in zip(("p50", "p99"), query.most):
                half = min(prometheus[what], victoria[what]) / 2
                promises = [(f"<= {most} ms", ours["runs"] > 0 and ours[what] <= most),
                            ("<= 1/2 of the faster peer", ours["runs"] > 0 and ours[what] <= half)]
                report.add("query", f"{query.what}: {what}", "ms", ours[what], prometheus[what], victoria[what], promises)
            # What is left where other work on the machine makes the clock's figures worthless.
            report.add("query", f"{query.what}: CPU time of the server", "ms", ours["cpu"], prometheus["cpu"], victoria["cpu"])
