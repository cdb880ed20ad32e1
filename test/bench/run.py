#!/usr/bin/env python3
"""run.py [--binary VOLTA] [--tools DIR] [--seconds N] [--rest N]: volta's figures beside node_exporter and collectd, same machine, same run.

Prints a Markdown table; test/bench/agent.sh builds what is missing before. CPU is the time that the process's threads ran, from /proc/PID/task/*/schedstat; memory from smaps_rollup; bytes are
counted by a TCP relay between agent and server. Peers are Debian's packages (apt-get install prometheus-node-exporter
collectd-core); a missing peer is left out and said so. Wall-clock figures on a shared machine vary; ratios hold.
"""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import lib  # noqa: E402
from ports import free_port  # noqa: E402

TOP = lib.TEST.parent


def cpu_seconds(pid):
    """In nanoseconds of the kernel's scheduler: a minute of an agent is one or two of the ticks that /proc/PID/stat counts in."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def memory(pid):
    """(resident, anonymous) bytes."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return tuple(int(re.search(rf"^{key}: +(\d+)", text, re.M).group(1)) * 1024 for key in ("Rss", "Anonymous"))


class Relay(threading.Thread):
    """Passes bytes between the agent and the server and counts them, both directions."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.up, self.down = target, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            for a, b, name in ((near, far, "up"), (far, near, "down")):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.pump, args=(a, b, name), daemon=True).start()

    def pump(self, source, target, name):
        while data := source.recv(65536):
            setattr(self, name, getattr(self, name) + len(data))
            target.sendall(data)
        target.close()


class Scraper(threading.Thread):
    """GETs a URL once a second, as Prometheus at a 1 s interval would."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.stopped, self.series, self.scrapes = url, threading.Event(), 0, 0
        self.start()

    def run(self):
        while not self.stopped.wait(1.0):
            text = urllib.request.urlopen(self.url, timeout=5).read().decode()
            self.series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
            self.scrapes += 1

    def terminate(self):
        self.stopped.set()

    def wait(self, seconds):
        self.join(seconds)


def measure(pid, seconds, wait):
    """CPU seconds used while `wait(seconds)` runs, then (resident, anonymous)."""
    begun, at = cpu_seconds(pid), time.monotonic()
    wait(seconds)
    return (cpu_seconds(pid) - begun) / (time.monotonic() - at), memory(pid)


def start_node_exporter(stack):
    binary = shutil.which("prometheus-node-exporter")
    if not binary:
        return None
    port = free_port()
    process = subprocess.Popen([binary, f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    scraper = Scraper(f"http://127.0.0.1:{port}/metrics")
    stack += [process, scraper]
    return process.pid, scraper


COLLECTD = """
Interval 1
Hostname bench
BaseDir "{dir}"
PIDFile "{dir}/pid"
PluginDir "/usr/lib/collectd"
TypesDB "/usr/share/collectd/types.db"
LoadPlugin csv
<Plugin csv>
  DataDir "{dir}/csv"
</Plugin>
""" + "".join(f"LoadPlugin {name}\n" for name in ("cpu", "memory", "swap", "vmem", "disk", "df", "interface", "load", "processes", "protocols",
                                                 "tcpconns", "uptime", "thermal", "battery", "contextswitch", "irq"))


def start_collectd(stack, folder):
    binary = shutil.which("collectd") or "/usr/sbin/collectd"
    if not os.path.exists(binary):
        return None
    (folder / "collectd.conf").write_text(COLLECTD.format(dir=folder))
    process = subprocess.Popen([binary, "-f", "-C", str(folder / "collectd.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.append(process)
    return process.pid, folder / "csv"


def collectd_series(folder):
    """Values in all CSV files: columns after the time."""
    return sum(len(path.open().readline().split(",")) - 1 for path in folder.rglob("*-20*") if path.is_file())


def watch(socket_):
    """A browser that reads everything until the server ends."""
    try:
        while True:
            socket_.receive()
    except (ConnectionError, OSError):
        pass


def agent_side(stack, folder, seconds):
    """The agent with 10 s batches beside the peers, then watched live."""
    server = lib.Volta("server", "--listen", "127.0.0.1:0", "--rpc-listen", "127.0.0.1:0", "--data", folder / "server")
    token = lib.run("host", "add", "bench", "--token", "--data", folder / "server").strip()
    (folder / "token").write_text(token)
    os.chmod(folder / "token", 0o600)
    relay = Relay(server.port("rpc"))
    agent = lib.Volta("agent", "--server", f"127.0.0.1:{relay.port}", "--token-file", folder / "token", "--data", folder / "agent")
    key = (folder / "server/access-key").read_text().strip()
    http_port = server.port("http")
    lib.wait_until("the first samples", lambda: lib.get(http_port, "/api/v1/hosts", key=key)["items"][0]["state"] == "live", 20)
    host = lib.get(http_port, "/api/v1/hosts", key=key)["items"][0]["id"]
    exporter, collectd = start_node_exporter(stack), start_collectd(stack, folder)
    time.sleep(15)  # past the first batches and keyframes

    def points():
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{http_port}/metrics", headers={"Authorization": f"Bearer {key}"})) as answer:
            return float(re.search(r"^volta_server_samples_total(?:\{[^}]*\})? (\S+)", answer.read().decode(), re.M).group(1))

    rows, peers = [], {}
    watched = [("volta agent", agent.process.pid)] + ([("node_exporter", exporter[0])] if exporter else []) + ([("collectd", collectd[0])] if collectd else [])
    before = {name: cpu_seconds(pid) for name, pid in watched}
    at, up, down, sent = time.monotonic(), relay.up, relay.down, points()
    time.sleep(seconds)
    span = time.monotonic() - at
    samples = points() - sent
    series = {"volta agent": samples / span}
    if exporter:
        series["node_exporter"] = exporter[1].series
        if exporter[1].scrapes < 0.9 * span:
            raise RuntimeError(f"node_exporter was asked {exporter[1].scrapes} times in {span:.0f} s: its figure would flatter it")
    if collectd:
        series["collectd"] = collectd_series(collectd[1])
    for name, pid in watched:
        resident, anonymous = memory(pid)
        share = (cpu_seconds(pid) - before[name]) / span
        peers[name] = share / series[name] * 1e6
        rows.append((f"{name}: CPU per series and sample", f"{peers[name]:.2f} us ({share * 100:.3f} % of a core, {series[name]:.0f} values/s)",
                     "<= 4.7 us" if name == "volta agent" else ""))
        rows.append((f"{name}: memory", f"{anonymous / 1e6:.2f} MB anonymous, {resident / 1e6:.2f} MB RSS", "<= 4 / 12 MB" if name == "volta agent" else ""))
    others = [value for name, value in peers.items() if name != "volta agent"]
    if others:
        rows.append(("volta agent / cheaper peer, per series", f"{peers['volta agent'] / min(others):.3f}", "<= 0.25"))
    rows.append(("wire, 10 s batches", f"{(relay.up - up + relay.down - down) / samples:.3f} B/sample (up {(relay.up - up) / samples:.3f})", "<= 1.0"))

    socket_ = lib.WebSocket(http_port, headers={"Authorization": f"Bearer {key}"})
    socket_.send({"op": "subscribe", "id": "a", "host": host, "names": ["volta_*"], "interval_ms": 1000})
    threading.Thread(target=watch, args=(socket_,), daemon=True).start()
    time.sleep(3)
    up, down, sent, at = relay.up, relay.down, points(), time.monotonic()
    time.sleep(max(20, seconds / 2))
    samples = points() - sent
    rows.append(("wire, live", f"{(relay.up - up + relay.down - down) / samples:.3f} B/sample at {samples / (time.monotonic() - at):.0f} values/s", "<= 4"))
    agent.stop()
    server.stop()
    return rows


def push_rows(tools):
    """The way of a batch from agent to server and back, without the commit."""
    if not (tools / "bench_rpc_bytes").exists():
        return [("push acknowledged, without the commit", f"not measured: {tools}/bench_rpc_bytes is not built", "<= 1 ms p99")]
    lines = subprocess.run([tools / "bench_rpc_bytes"], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    slowest = max(lines, key=lambda line: float(line.split()[-1])).split()
    return [("push acknowledged, without the commit", f"p50 {float(slowest[-2]) / 1000:.2f}, p99 {float(slowest[-1]) / 1000:.2f} ms ({slowest[0]} series, {slowest[1]} ticks, the "
             "slowest of four)", "<= 1 ms p99")]


def page_rows(folder):
    """What a browser waits for, and what it has to load."""
    painted = subprocess.run(["node", TOP / "test/bench/first_paint.mjs", lib.BINARY], capture_output=True, text=True, check=False).stdout
    chart = re.search(r"first chart with data: (p50 \d+ ms, max \d+ ms of \d+ runs)", painted)
    subprocess.run(["npm", "--prefix", TOP / "web", "run", "--silent", "build", "--", "--outDir", folder / "page"], capture_output=True, check=True)
    sizes = subprocess.run(["node", TOP / "web/size.mjs", folder / "page"], capture_output=True, text=True, check=False).stdout
    first, whole = (re.search(rf"^{key}: (\d+) of", sizes, re.M)[1] for key in ("first", "all"))
    return [("volta local: start to the first chart with data", chart[1] if chart else "not measured: " + painted[-200:], "<= 1500 ms"),
            ("page: first / all JS, gzipped", f"{int(first) / 1000:.1f} / {int(whole) / 1000:.1f} KB", "<= 45 / 90 KB")]


def size_row(folder):
    subprocess.run(["strip", "-o", folder / "stripped", lib.BINARY], check=True)
    return ("binary, stripped", f"{(folder / 'stripped').stat().st_size / 1e6:.2f} MB", "< 15 MB")


def local_side(folder, seconds, rest):
    """volta local: start, live latency, memory."""
    starts = []
    for i in range(5):
        begun = time.monotonic()
        port = free_port()
        local = lib.Volta("local", "--listen", f"127.0.0.1:{port}", "--data", folder / f"l{i}", wait=False)
        while True:
            try:
                if lib.request(port, "/healthz")[0] == 200:
                    break
            except OSError:
                time.sleep(0.002)
        starts.append((time.monotonic() - begun) * 1000)
        if i < 4:
            local.stop()
    host = lib.get(port, "/api/v1/hosts")["items"][0]["id"]
    socket_ = lib.WebSocket(port)
    socket_.send({"op": "subscribe", "id": "a", "host": host, "names": ["volta_*"], "interval_ms": 1000})
    delays, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        message = socket_.receive()
        if message["op"] == "data":
            delays.append(time.time() * 1000 - message["ts"])
    socket_.close()
    delays = sorted(delays[1:])
    share, _ = measure(local.process.pid, seconds, time.sleep)
    time.sleep(max(0, rest - 2 * seconds))
    resident, anonymous = memory(local.process.pid)
    local.stop()
    return [("volta local: start to HTTP 200", f"{statistics.median(starts):.0f} ms (worst of 5: {max(starts):.0f})", "<= 300 ms"),
            ("kernel read to WebSocket frame", f"p50 {statistics.median(delays):.1f} ms, p99 {delays[math.ceil(len(delays) * 0.99) - 1]:.1f} ms ({len(delays)} frames)", "<= 20 ms p99"),
            ("volta local: memory", f"{resident / 1e6:.1f} MB RSS, {anonymous / 1e6:.1f} MB anonymous after {max(rest, 2 * seconds):.0f} s", "<= 60 MB after 1 h"),
            ("volta local: CPU, nobody watching", f"{share * 100:.2f} % of a core", "")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=str(TOP / "build/release/volta"))
    parser.add_argument("--tools", type=pathlib.Path, default=TOP / "build/bench", help="where bench_rpc_bytes is")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rest", type=float, default=0, help="seconds that volta local runs before its memory is read; 3600 for what is promised of an hour")
    parser.add_argument("--only", choices=["agent", "local", "page"])
    options = parser.parse_args()
    lib.BINARY = os.path.abspath(options.binary)
    stack, rows = [], []
    with tempfile.TemporaryDirectory() as name:
        try:
            folder = pathlib.Path(name)
            if options.only in (None, "agent"):
                rows += agent_side(stack, folder, options.seconds) + push_rows(options.tools)
            if options.only in (None, "local"):
                rows += local_side(folder, options.seconds, options.rest)
            if options.only in (None, "page"):
                rows += page_rows(folder) + [size_row(folder)]
        finally:
            for process in reversed(stack):  # who asks ends before who answers
                process.terminate()
                process.wait(10)
    print(f"{os.cpu_count()} cores, {options.seconds:.0f} s a phase\n\n| what | measured | promise |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
