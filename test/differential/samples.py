"""The samples of the differential test, made from a seed: series with resets, holes, odd values and histograms, and those that a fleet of two hosts
sends, of every metric that the Grafana dashboards name."""
import itertools
import json
import math
import pathlib
import random
import re
import struct
import tomllib

START = 1_700_000_000
SPAN = 7200
INTERVAL = 15
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
CATALOGUE = pathlib.Path(__file__).resolve().parents[2] / "schema/metrics.toml"
# What hosts say in the catalogue's labels; zones have theirs together.
LABELS = {
    "mode": ["user", "system", "idle", "iowait"], "cpu": ["0", "1"], "device": ["sda", "nvme0n1"], "interface": ["lo", "eth0"], "resource": ["cpu", "memory", "io"],
    "kind": ["some", "full"], "mountpoint": ["/", "/home"], "fstype": ["ext4"], "chip": ["coretemp"], "sensor": ["1", "2"], "quality": ["measured"],
}
ZONES = {
    "alpha": [("host", "machine", "rapl", "measured"), ("package", "package-0", "rapl", "measured"), ("dram", "package-0/dram", "rapl", "measured")],
    "beta": [("host", "machine", "model", "estimated")],
}


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

    def counter(self, text, rate, resets=(), holes=(), begin=0, end=SPAN, whole=True, least=0):
        value = self.random.uniform(1000, 5000)
        samples = []
        pending = sorted(resets)
        for at in self.times(begin, end, holes):
            grown = self.random.uniform(0, 2 * rate) * INTERVAL
            if pending and at - START > pending[0]:
                pending.pop(0)
                value = least
            value += round(grown) if whole else grown
            samples.append((at, value))
        self.add(text, samples)

    def gauge(self, text, middle, swing, holes=(), begin=0, end=SPAN):
        phase = self.random.uniform(0, 6)
        self.add(text, [(at, middle + swing * math.sin(phase + at / 900) + self.random.gauss(0, swing / 10)) for at in self.times(begin, end, holes)])

    def choice(self, text, values, **when):
        self.add(text, [(at, self.random.choice(values)) for at in self.times(**when)])

    def halves(self, seed):
        """Every sample in one of two."""
        chance = random.Random(seed)
        first, second = {}, {}
        for text, samples in self.series.items():
            for sample in samples:
                (first if chance.random() < 0.5 else second).setdefault(text, []).append(sample)
        return first, second


def is_stale(value):
    return struct.pack("<d", value) == struct.pack("<d", STALE)


def openmetrics(series):
    """Without the series that have stale markers, which this text cannot say."""
    lines = []
    for name, samples in sorted(series.items()):
        if not any(is_stale(value) for _, value in samples):
            lines += [f"{name} {spelled(value)} {at:.3f}" for at, value in samples]
    return "\n".join([*lines, "# EOF", ""])


def labels_in(text):
    name, _, labels = text.partition("{")
    return {"__name__": name, **dict(re.findall(r'(\w+)="([^"]*)"', labels))}


def json_lines(series):
    """For volta import."""
    lines = []
    for text, samples in sorted(series.items()):
        values = ["NaN:7ff0000000000002" if is_stale(value) else value if math.isfinite(value) else spelled(value) for _, value in samples]
        lines.append(json.dumps({"metric": labels_in(text), "values": values, "timestamps": [round(at * 1000) for at, _ in samples]}))
    return "\n".join([*lines, ""])


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
    data.counter('begins_total{job="api"}', 2, begin=3210)
    data.counter('stops_total{job="api"}', 2, end=4200)
    return data


def add_ends(data):
    """Series that end with a stale marker and begin again: for long, every few minutes, after a gap and as the only thing in its minute."""
    endings = {"once": [(3000, 4800)], "often": [(at, at + 120) for at in range(700, 7000, 300)], "after": [(at, at + 200) for at in range(1000, 7000, 450)]}
    for (case, holes), name in itertools.product(endings.items(), ("stopping", "stopping_total")):
        make = data.counter if name.endswith("_total") else data.gauge
        make(f'{name}{{case="{case}"}}', *((5,) if make == data.counter else (30, 9)), holes=holes)
        markers = [(START + begin + (80 if case == "after" else 5) + 0.25, STALE) for begin, _ in holes]
        data.series[f'{name}{{case="{case}"}}'] = sorted(data.series[f'{name}{{case="{case}"}}'] + markers, key=lambda sample: sample[0])


def labels_of(metric, host):
    """Every label set, as text, that a host has of a metric of the catalogue."""
    keys = metric.get("labels", [])
    if "zone" in keys:
        zones = [dict(zip(("zone", "device", "source", "quality"), zone)) for zone in ZONES[host]]
        sets = [{**zone, **({"kind": "wrap"} if "kind" in keys else {})} for zone in zones]
    else:
        sets = [dict(zip(keys, values)) for values in itertools.product(*(LABELS[key] for key in keys))]
    return [",".join(f'{key}="{value}"' for key, value in {"host": host, **labels}.items()) for labels in sets]


def add_fleet(data, names):
    """`names`: metrics of the catalogue."""
    catalogue = {metric["name"]: metric for metric in tomllib.loads(CATALOGUE.read_text())["metric"]}
    for name, host in itertools.product(sorted(names), sorted(ZONES)):
        for labels in labels_of(catalogue[name], host):
            if catalogue[name]["kind"] == "counter":
                # Not from zero on: of a rate just behind it Prometheus 2 and 3 extrapolate differently.
                away = {"resets": [4000], "holes": [(2400, 2700)], "least": 3000} if host == "beta" else {}
                data.counter(f"{name}{{{labels}}}", 0.02 if "repairs" in name else 40, **away)
            else:
                data.gauge(f"{name}{{{labels}}}", 60, 25)
