"""Ingest at half a million samples a second while 20 queries a second run, on volta alone: the latest acknowledgement, and what it does to the queries."""
import json
import subprocess
import threading
import time
import urllib.parse

from engines import Tools, Volta, data_options
from process import Command, die_with_parent
from section_query import ten

RATE = 500_000
QUERIES = 20


def targets(volta, data):
    """A dashboard's mixture: an hour raw, a day of windows, and what the hosts that write just now do."""
    begin, end = data["start"] // 1000 - 1, data["start"] // 1000 - 1 + data["ticks"]
    ranges = [('bench_ten{n="3"}', end - 3600, end - 1, 10), ("avg_over_time(bench_ten[5m])", begin + 300, end, 300),
              ("rate(node_cpu_seconds_total{mode=\"user\",host=~\"bench-000[1-5]\"}[1m])", end - 600, end, 15)]
    return [volta.target("query_range", urllib.parse.urlencode({"query": query, "start": start, "end": stop, "step": step}))
            for query, start, stop, step in ranges]


def ask(volta, asked, seconds):
    text = Command([Tools.store_load, "ask", "--port", volta.port, "--key", volta.key, "--rate", QUERIES, "--seconds", seconds], seconds + 300,
                   stdin="".join(target + "\n" for target in asked)).out
    return json.loads(text)


def run(report, folder, quick):
    seconds = 15 if quick else 60
    hosts, series, batch = 50, 500, 10
    with Volta(folder) as volta:
        day, _ = ten(quick)
        tokens = volta.tokens(hosts + 1)
        volta.load(day, tokens, batch=600)
        volta.seal()
        asked = targets(volta, day)
        ask(volta, asked, 3)
        # The hosts are those after the first; their clocks run faster than ours, so that few of them make the rate.
        first = folder / "others"
        first.write_text("".join(line + "\n" for line in tokens.read_text().splitlines()[1:]))
        ticks = RATE * (seconds + 5) // (hosts * series) // batch * batch
        data = {"profile": "node", "hosts": hosts, "series": series, "step": 1000, "ticks": ticks, "start": (int(time.time()) - ticks) * 1000, "first": 1}
        alone = ask(volta, asked, seconds)
        words = [Tools.store_load, "rpc", *data_options(data), "--port", volta.rpc_port, "--tokens", first, "--batch", batch, "--rate", RATE]
        with subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent) as loader:
            stopper = threading.Timer(seconds * 4 + 120, loader.kill)
            stopper.start()
            time.sleep(2)
            beside = ask(volta, asked, seconds)
            done = json.loads(loader.communicate()[0])
            stopper.cancel()
    rate = done["samples"] / done["seconds"]
    report.note(f"mixed: {rate:,.0f} samples/s by the clock, acknowledgements p50 {done['ack_ms']['p50']:.0f} ms, p99 {done['ack_ms']['p99']:.0f} ms; "
                f"{beside['asked']} queries beside it, {beside['failed']} failed; loader and server share the machine's cores")
    report.add("mixed", f"latest acknowledgement at {RATE:,} samples/s beside {QUERIES} queries/s", "ms", done["ack_ms"]["max"],
               promises=[("<= 1000 ms", done["ack_ms"]["max"] <= 1000 and rate >= 0.95 * RATE)])
    report.add("mixed", f"query p99 beside it, as a multiple of {alone['p99']:.1f} ms alone", "times", beside["p99"] / alone["p99"],
               promises=[("<= 2", beside["failed"] == 0 and beside["p99"] <= 2 * alone["p99"])])
