"""Bytes per sample, and whether what comes back is what went in."""
import json
import pathlib
import struct
import time

from engines import Prometheus, Tools, Victoria, Volta, samples_in
from process import Command, directory_bytes, http

SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "fixtures/metrics/node-1s.jsonl.zst"
HOUR_MS = 3_600_000
WORDS = {"NaN": float("nan"), "+Inf": float("inf"), "-Inf": float("-inf"), "Infinity": float("inf"), "-Infinity": float("-inf"), None: float("nan")}


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", float(WORDS.get(value, value) if isinstance(value, (str, type(None))) else value)))[0]


def by_series(lines):
    """{labels: {time: bits}} of JSON lines."""
    found = {}
    for line in lines:
        if line.strip():
            series = json.loads(line)
            samples = found.setdefault(tuple(sorted(series["metric"].items())), {})
            samples.update(zip(series["timestamps"], map(bits, series["values"])))
    return found


def differing(want, got):
    """How many samples are missing or have other bits, and how many there are."""
    wrong = sum(1 for labels, samples in want.items() for at, value in samples.items() if got.get(labels, {}).get(at) != value)
    return wrong, sum(len(samples) for samples in want.values())


def recorded(folder):
    """The recorded metrics, moved by whole hours so that they end within the last hour or two, as a file of JSON lines."""
    plain = Command(["zstd", "-dcq", SAMPLE], 60).out.splitlines()
    series = [json.loads(line) for line in plain]
    newest = max(one["timestamps"][-1] for one in series)
    shift = (int(time.time() * 1000) - newest) // HOUR_MS * HOUR_MS
    path = folder / "recorded.jsonl"
    with path.open("w") as file:
        for one in series:
            one["timestamps"] = [at + shift for at in one["timestamps"]]
            file.write(json.dumps(one, separators=(",", ":")) + "\n")
    return path


def write_openmetrics(path, out):
    """By name, as the format wants it."""
    lines = []
    for line in path.read_text().splitlines():
        one = json.loads(line)
        name = one["metric"].pop("__name__")
        labels = ",".join(f"{key}={json.dumps(value)}" for key, value in sorted(one["metric"].items()))
        lines.append((name, labels, zip(one["timestamps"], one["values"])))
    with out.open("w") as file:
        for name, labels, samples in sorted(lines, key=lambda entry: entry[:2]):
            for at, value in samples:
                file.write(f"{name}{{{labels}}} {value} {at / 1000:.3f}\n")
        file.write("# EOF\n")


def volta_bytes(folder, path):
    volta = Volta(folder)
    Command([Tools.volta, "import", "--data", volta.folder, path], 600, env=volta.env)
    volta.seal()
    stats = volta.stats()
    raw = stats["tiers"]["raw"]
    out = folder / "volta.jsonl"
    with out.open("w") as file:
        Command([Tools.volta, "export", "metrics", "--data", volta.folder, "--format", "jsonlines"], 600, env=volta.env, out=file)
    return raw["bytes"] / raw["samples"], volta.bytes() / raw["samples"], by_series(out.read_text().splitlines())


def victoria_bytes(folder, path, samples):
    with Victoria(folder) as victoria:
        http(victoria.port, "/api/v1/import", "POST", path.read_bytes())
        victoria.settle()
        exported = http(victoria.port, "/api/v1/export?match[]=%7B__name__!%3D%22%22%7D&start=1&reduce_mem_usage=1").decode().splitlines()
        victoria.stop()
        data = sum(directory_bytes(victoria.folder / "data" / part) for part in ("small", "big"))
        return data / samples, victoria.bytes() / samples, by_series(exported)


def prometheus_bytes(folder, path, samples):
    text, blocks = folder / "recorded.om", folder / "blocks"
    write_openmetrics(path, text)
    Command(["promtool", "tsdb", "create-blocks-from", "openmetrics", text, blocks], 600)
    return sum(directory_bytes(chunks) for chunks in blocks.glob("*/chunks")) / samples, directory_bytes(blocks) / samples


def sample(report, folder, _quick):
    path = recorded(folder)
    want = by_series(path.read_text().splitlines())
    count = sum(len(samples) for samples in want.values())
    ours, ours_whole, got = volta_bytes(folder, path)
    victoria, victoria_whole, victoria_got = victoria_bytes(folder, path, count)
    prometheus, prometheus_whole = prometheus_bytes(folder, path, count)
    wrong, _ = differing(want, got)
    victoria_wrong, _ = differing(want, victoria_got)
    report.add("bytes", "recorded node metrics, sealed raw data", "bytes/sample", ours, prometheus, victoria, promises=[("<= 0.40", ours <= 0.40)])
    report.add("bytes", "the same, whole directory", "bytes/sample", ours_whole, prometheus_whole, victoria_whole)
    report.add("bytes", f"the same, samples of {count:,} that come back with other bits", "samples", float(wrong), None, float(victoria_wrong),
               promises=[("bit-exact", wrong == 0)])


def day(report, folder, quick):
    """A generated day of one-second data with rollups and labels: everything in the directory."""
    data = {"profile": "node", "hosts": 1, "series": 200 if quick else 500, "ticks": 7200 if quick else 86_400, "step": 1000}
    data["start"] = (int(time.time()) // 3600 * 3600 - data["ticks"]) * 1000 + 1000
    sizes = {}
    for kind in (Volta, Victoria, Prometheus):
        with kind(folder) as engine:
            if kind is Volta:
                engine.load(data, batch=60)
            else:
                engine.load(data, request_ticks=60, samples=30_000)
            engine.settle()
            engine.stop()
            sizes[kind.name] = engine.bytes() / samples_in(data)
            if kind is Volta:
                tiers = engine.stats()["tiers"]
                report.note("generated day: " + ", ".join(f"{name} {part['samples']:,} at {part['bytes_per_sample']:.3f} bytes" for name, part in tiers.items()))
    share = sizes["volta"] / sizes["victoria"]
    report.add("day", f"generated {'two hours' if quick else 'day'} of 1 s data, whole directory", "bytes/sample", sizes["volta"], sizes["prometheus"],
               sizes["victoria"], promises=[("<= 0.45", sizes["volta"] <= 0.45), ("<= 0.85 of VictoriaMetrics", share <= 0.85)])
