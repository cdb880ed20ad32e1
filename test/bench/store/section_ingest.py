"""Ingest in samples per CPU second of the server, and memory per active series. CPU time, not the clock: the machine may be busy."""
import time

from engines import Prometheus, Victoria, Volta, samples_in


def start_of(ticks):
    """Whole hours that are over, so that all of them can be sealed."""
    return (int(time.time()) // 3600 * 3600 - ticks) * 1000 + 1000


def node_data(hosts, series, ticks):
    return {"profile": "node", "hosts": hosts, "series": series, "step": 1000, "ticks": ticks, "start": start_of(ticks)}


def peers_rate(kind, folder, data):
    """Samples per CPU second by remote write; a while after the last answer still counts, since it merges behind it."""
    with kind(folder) as engine:
        before = engine.server.cpu_seconds()
        engine.load(data)
        time.sleep(3)
        return samples_in(data) / (engine.server.cpu_seconds() - before)


def rpc(report, folder, quick):
    ours = node_data(10, 507, 1200) if quick else node_data(50, 507, 3600)
    theirs = node_data(10, 507, 60) if quick else node_data(100, 507, 200)
    with Volta(folder) as volta:
        tokens = volta.tokens(ours["hosts"])
        before = volta.server.cpu_seconds()
        done = volta.load(ours, tokens)
        served = volta.server.cpu_seconds() - before
        sealing = volta.seal()
    rate = samples_in(ours) / (served + sealing) / 1e6
    report.note(f"ingest by RPC: {samples_in(ours):,} samples, {served:.2f} s of CPU to receive and commit ({samples_in(ours) / served / 1e6:.1f} million/s), "
                f"{sealing:.2f} s to seal ({samples_in(ours) / max(sealing, 0.01) / 1e6:.1f} million/s); {done['samples'] / done['seconds'] / 1e6:.2f} million/s by the clock, "
                f"acknowledgements p99 {done['ack_ms']['p99']:.0f} ms")
    peers = {kind: peers_rate(kind, folder, theirs) / 1e6 for kind in (Prometheus, Victoria)}
    report.add("ingest", "agents' RPC to durable storage, sealing included (peers: remote write)", "million samples/CPU-s", rate, peers[Prometheus], peers[Victoria],
               promises=[(">= 4", rate >= 4)], better="more")


def remote_write(report, folder, quick):
    data = node_data(20, 507, 120) if quick else node_data(100, 507, 200)
    with Volta(folder) as volta:
        before = volta.server.cpu_seconds()
        volta.load_by_write(data)
        time.sleep(3)
        served = volta.server.cpu_seconds() - before
        sealing = volta.seal()
    ours = samples_in(data) / (served + sealing) / 1e6
    report.note(f"remote write receiver: {samples_in(data) / served / 1e6:.2f} million samples per CPU second to receive and commit, {sealing:.2f} s to seal")
    peers = {kind: peers_rate(kind, folder, data) / 1e6 for kind in (Prometheus, Victoria)}
    report.add("write", "remote write receiver, sealing included", "million samples/CPU-s", ours, peers[Prometheus], peers[Victoria],
               promises=[(">= 2 x VictoriaMetrics", ours >= 2 * peers[Victoria])], better="more")


def memory(report, folder, quick):
    data = node_data(40, 500, 60) if quick else node_data(400, 500, 120)
    series = data["hosts"] * data["series"]
    grown = {}
    for kind in (Volta, Prometheus, Victoria):
        with kind(folder) as engine:
            tokens = {"tokens": engine.tokens(data["hosts"])} if kind is Volta else {}
            before = engine.server.resident_bytes()
            engine.load(data, **tokens)
            grown[kind.name] = (engine.server.resident_bytes() - before) / series / 1024
    with Volta(folder) as volta:
        before = volta.server.resident_bytes()
        volta.load_by_write(data)
        written = (volta.server.resident_bytes() - before) / series / 1024
    report.add("memory", f"resident memory per active series, {series:,} series", "KiB", grown["volta"], grown["prometheus"], grown["victoria"],
               promises=[("<= 0.75", grown["volta"] <= 0.75)])
    report.add("memory-write", f"the same, by remote write to volta too, {data['ticks']} samples of each", "KiB", written, grown["prometheus"], grown["victoria"],
               promises=[("<= 0.75", written <= 0.75)])
