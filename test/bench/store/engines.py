"""The three engines with one face: start, load, settle, ask, weigh."""
import json
import re
import time

from ports import free_port
from process import Command, Server, directory_bytes, http

LONG = 7200  # seconds that a load may take


class Tools:
    """Where the binaries are."""

    volta = store_load = store_codec = ""


def data_options(data):
    """Of what store_load makes: profile, hosts, series, start, step, ticks, first."""
    return [word for key, value in data.items() for word in (f"--{key}", value)]


def samples_in(data):
    return data["hosts"] * data["series"] * data["ticks"]


def load_by_remote_write(engine, data, **more):
    options = [*data_options(data), "--port", engine.port, "--path", engine.write_path, *(["--key", engine.key] if engine.key else [])]
    for name, value in more.items():
        options += [f"--{name.replace('_', '-')}", value]
    return json.loads(Command([Tools.store_load, "write", *options], LONG).out)


class Engine:
    key = ""
    write_path = "/api/v1/write"
    api = "/api/v1"

    def __init__(self, folder):
        self.folder = folder / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{self.name}.log"
        self.server = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.server:
            self.server.stop()
            self.server = None

    def get(self, target):
        return http(self.port, target, headers={"Authorization": f"Bearer {self.key}"} if self.key else {})

    def answer(self, path, parameters):
        """The result of a query, once."""
        return json.loads(self.get(self.target(path, parameters)))["data"]["result"]

    def metric(self, name):
        """The sum of a metric of the engine itself; None: it has none."""
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", self.get("/metrics").decode(), re.M)
        return sum(float(value) for value in found) if found else None

    def target(self, path, parameters):
        return f"{self.api}/{path}?{parameters}"

    def measure(self, targets, runs, seconds):
        """Latencies of each target, in ms."""
        options = ["--port", self.port, "--runs", runs, "--seconds", seconds, *(["--key", self.key] if self.key else [])]
        text = Command([Tools.store_load, "ask", *options], LONG, stdin="".join(target + "\n" for target in targets)).out
        return json.loads(text)["answers"]

    def bytes(self):
        return directory_bytes(self.folder)


class Volta(Engine):
    name = "volta"
    write_path = "/prometheus/api/v1/write"
    api = "/prometheus/api/v1"
    # What is measured is the store; nothing of it may grow too old meanwhile.
    env = {"VOLTA_RETENTION_RAW": "0", "VOLTA_RETENTION_MINUTE": "0", "VOLTA_RETENTION_HOUR": "0", "VOLTA_RETENTION_SIZE": "0", "HOME": "/nonexistent"}

    def start(self, wait=True):
        self.port, self.rpc_port = free_port(), free_port()
        self.server = Server([Tools.volta, "server", "--listen", f"127.0.0.1:{self.port}", "--rpc-listen", f"127.0.0.1:{self.rpc_port}",
                              "--data", self.folder], self.log, self.env)
        if wait:
            self.server.wait_for(lambda: http(self.port, "/healthz"), "its page")
            self.key = (self.folder / "access-key").read_text().strip()

    def tokens(self, count):
        """A file with the tokens of `count` new hosts."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        tokens = [json.loads(http(self.port, "/api/v1/hosts", "POST", json.dumps({"name": f"bench-{i:04d}"}).encode(), headers))["token"]
                  for i in range(count)]
        path = self.folder.parent / "tokens"
        path.write_text("".join(token + "\n" for token in tokens))
        return path

    def load(self, data, tokens=None, **more):
        """By agents' RPC."""
        tokens = tokens or self.tokens(data["hosts"])
        options = [*data_options(data), "--port", self.rpc_port, "--tokens", tokens]
        for name, value in more.items():
            options += [f"--{name.replace('_', '-')}", value]
        return json.loads(Command([Tools.store_load, "rpc", *options], LONG).out)

    def load_by_write(self, data, **more):
        return load_by_remote_write(self, data, **more)

    def seal(self):
        """Seals what is left to seal, the server being stopped for it; the CPU seconds of that."""
        served = self.server is not None
        self.stop()
        cpu = Command([Tools.volta, "store", "seal", "--data", self.folder], LONG, env=self.env).cpu_seconds
        if served:
            self.start()
        return cpu

    def settle(self):
        self.seal()

    def stats(self):
        return json.loads(Command([Tools.volta, "store", "stats", "--data", self.folder, "--json"], LONG, env=self.env).out)


class Prometheus(Engine):
    name = "prometheus"

    def start(self):
        self.port = free_port()
        config = self.folder.parent / "prometheus.yml"
        config.write_text("global: {}\n")
        self.server = Server(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}", "--storage.tsdb.retention.time=10y",
                              f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver", "--log.level=warn"], self.log)
        self.server.wait_for(lambda: self.ready(), "its readiness")

    def ready(self):
        try:
            return http(self.port, "/-/ready")
        except RuntimeError:
            return None

    def load(self, data, **more):
        return load_by_remote_write(self, data, **more)

    def settle(self, seconds=300):
        """Until the head holds no more than it does for good: three hours."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            span = self.metric("prometheus_tsdb_head_max_time_seconds") - self.metric("prometheus_tsdb_head_min_time_seconds")
            if span <= 3.1 * 3600:
                return
            time.sleep(2)


class Victoria(Engine):
    name = "victoria"

    def start(self):
        self.port = free_port()
        self.server = Server(["victoria-metrics", f"-storageDataPath={self.folder}", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y",
                              "-search.maxUniqueTimeseries=1000000", "-loggerLevel=WARN"], self.log)
        self.server.wait_for(lambda: http(self.port, "/health"), "its health")

    def load(self, data, **more):
        return load_by_remote_write(self, data, **more)

    def target(self, path, parameters):
        return f"{self.api}/{path}?{parameters}&nocache=1"  # else it answers from what it answered before

    def settle(self, seconds=600):
        http(self.port, "/internal/force_flush")
        http(self.port, "/internal/force_merge")
        end = time.monotonic() + seconds
        quiet = 0
        while time.monotonic() < end and quiet < 3:
            time.sleep(1)
            quiet = quiet + 1 if not self.metric("vm_active_force_merges") and not self.metric("vm_active_merges") else 0


ENGINES = (Volta, Prometheus, Victoria)
