"""The servers that the differential test asks over HTTP: Prometheus, and volta with its real store; both of the same samples."""
import concurrent.futures
import http.client
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from compare import answer_of
from samples import labels_in

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import remote_write  # noqa: E402
from ports import free_port  # noqa: E402

ASKERS = 3  # at a time, of one server
TIMEOUT_S = 120
SLICE_MS = 600_000


class Server:
    """A process of its own on a loopback port. Each thread that asks has a connection."""

    def __init__(self, command, log, prefix, env=None):
        self.command, self.prefix, self.headers = command, prefix, {}
        self.log_path, self.log = log, log.open("w")
        self.links = threading.local()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=env)

    def wait_until(self, ready):
        """Its first true answer. Ends the process where none comes."""
        for _ in range(1200):
            if answer := ready():
                return answer
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.end()
        raise RuntimeError(f"{self.command[0]} does not start:\n{self.log_path.read_text()[-2000:]}")

    def end(self):
        """Its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.log.close()

    def post(self, path, form):
        for attempt in range(2):
            link = getattr(self.links, "link", None)
            if link is None:
                link = self.links.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
            try:
                link.request("POST", self.prefix + path, urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded", **self.headers})
                return json.loads(link.getresponse().read())
            except (http.client.HTTPException, ConnectionError):  # an idle connection may be closed at any time
                link.close()
                self.links.link = None
                if attempt:
                    raise
        return None

    def ask(self, query):
        path, form = ("/api/v1/query", {"time": query["time"]}) if "time" in query else ("/api/v1/query_range", {key: query[key] for key in ("start", "end", "step")})
        return answer_of(self.post(path, {**form, "query": query["expression"]}))

    def ask_all(self, queries):
        with concurrent.futures.ThreadPoolExecutor(ASKERS) as pool:
            return list(pool.map(self.ask, queries))


class Prometheus(Server):
    def __init__(self, program, folder):
        tsdb = folder / "tsdb"
        config = folder / "prometheus.yml"
        config.write_text("global: {}\n")
        self.port = free_port()
        super().__init__([program, f"--config.file={config}", f"--storage.tsdb.path={tsdb}", f"--web.listen-address=127.0.0.1:{self.port}",
                          "--storage.tsdb.retention.time=100y", "--web.enable-remote-write-receiver", "--log.level=warn"], folder / "prometheus.log", "")

    def __enter__(self):
        self.wait_until(self.is_ready)
        return self

    def __exit__(self, *_):
        self.end()

    def write(self, series):
        """By remote write, for stale markers; from the oldest samples on, as those of more than an hour before the newest are refused."""
        samples = [(labels_in(text), [(round(at * 1000), value) for at, value in points]) for text, points in series.items()]
        begin = min(points[0][0] for _, points in samples)
        end = max(points[-1][0] for _, points in samples)
        for slice_begin in range(begin, end + 1, SLICE_MS):
            part = [(labels, [sample for sample in points if slice_begin <= sample[0] < slice_begin + SLICE_MS]) for labels, points in samples]
            link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
            link.request("POST", "/api/v1/write", remote_write.snappy(remote_write.write_request([each for each in part if each[1]])), remote_write.HEADERS)
            answer = link.getresponse()
            text = answer.read()
            link.close()
            if answer.status != 204:
                raise RuntimeError(f"Prometheus does not take the samples: {answer.status} {text[:300]}")

    def is_ready(self):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            link.request("GET", "/-/ready")
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()


class Volta(Server):
    """`volta server` over a store that keeps everything."""

    def __init__(self, store):
        super().__init__([store.program, "server", "--listen", "127.0.0.1:0", "--rpc-listen", "127.0.0.1:0", "--data", str(store.folder)],
                         store.folder.with_suffix(".log"), "/prometheus", store.environment)
        self.store = store

    def __enter__(self):
        line = self.wait_until(lambda: re.search(r"volta server ready http=\S+:(\d+)", self.log_path.read_text()))
        self.port = int(line[1])
        self.headers = {"Authorization": "Bearer " + (self.store.folder / "access-key").read_text().strip()}
        return self

    def __exit__(self, kind, *_):
        status = self.end()
        said = self.log_path.read_text()
        if kind is None and (status != 0 or "Sanitizer" in said or "runtime error" in said):
            raise RuntimeError(f"volta server ended with {status}:\n{said[-6000:]}")


class Store:
    """A data directory, and the commands that work on it while nobody serves it."""

    # The samples are years old.
    KEEP = {"VOLTA_RETENTION_RAW": "0", "VOLTA_RETENTION_MINUTE": "0", "VOLTA_RETENTION_HOUR": "0"}

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.environment = {**os.environ, **self.KEEP, "HOME": "/nonexistent"}

    def run(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments), "--data", str(self.folder)], env=self.environment, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0 or "Sanitizer" in done.stderr or "runtime error" in done.stderr:
            raise RuntimeError(f"volta {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stderr[-6000:]}")

    def rows(self):
        """How many rows the journal of foreign samples has, and how many packs of samples and of windows there are."""
        database = sqlite3.connect(f"file:{self.folder}/volta.db?mode=ro", uri=True)
        try:
            return database.execute("SELECT (SELECT count(*) FROM foreign_row), (SELECT count(*) FROM pack WHERE tier=0), (SELECT count(*) FROM pack WHERE tier>0)").fetchone()
        finally:
            database.close()

    def ask_all(self, queries):
        """Of servers that are gone before they would seal what they found in the journal, which is a minute after their start."""
        answers = []
        while len(answers) < len(queries):
            begun = time.monotonic()
            with Volta(self) as volta:
                while len(answers) < len(queries) and time.monotonic() - begun < 30:
                    answers += volta.ask_all(queries[len(answers):len(answers) + 200])
        return answers
