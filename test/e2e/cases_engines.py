"""One suite for every engine that may keep the samples: volta's own, Prometheus, VictoriaMetrics. What an agent sends and others write is asked back over
the page's API, PromQL and promtool; kill -9 and an engine that is away lose nothing."""
import contextlib
import shutil
import signal
import socket
import subprocess
import threading
import time

import lib
from cases_fleet import agent, host_named, key_of, token_for
from cases_peers import prometheus_server, victoria
from cases_prometheus import data, prometheus, sample_times, values, write
from cases_scrape import configured
from lib import Folder, Ticker, Volta, get, request, run, wait_until
from ports import free_port

# An agent's backlog is older than what it sends now: Prometheus takes that only if told to.
OUT_OF_ORDER = "storage: { tsdb: { out_of_order_time_window: 1h } }\n"
# VictoriaMetrics answers queries as of 30 s ago unless told otherwise.
NO_DELAY = "-search.latencyOffset=1ms"
# What is sent twice (a server was killed before it could note that the engine had it) stays twice unless told otherwise.
ONCE = "-dedup.minScrapeInterval=1ms"


class Setting:
    """An engine (None: volta's own), a volta server in front of it and one agent."""

    def __init__(self, engine):
        self.stack = contextlib.ExitStack()
        self.folder = self.stack.enter_context(Folder())
        self.peer = None
        toml = ""
        if engine:
            self.peer = self.stack.enter_context(prometheus_server(self.folder, OUT_OF_ORDER) if engine == "prometheus" else victoria(self.folder, NO_DELAY, ONCE))
            url = f"http://127.0.0.1:{self.peer.port}"
            toml = f'[store]\nengine = "prometheus"\nwrite_url = "{url}/api/v1/write"\nquery_url = "{url}"\n'
        self.http, self.rpc = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.arguments = configured(self.folder, toml, "server")
        self.server = self.start_server()
        self.port, self.key = self.server.port(), key_of(self.folder)
        self.agent = agent(self.folder, self.rpc, token_for(self.folder, "box"))

    def start_server(self):
        return Volta("server", "--listen", self.http, "--rpc-listen", self.rpc, "--data", self.folder / "server", *self.arguments)

    def ask(self, expression, **parameters):
        return values(self.port, expression, self.key, **parameters)

    def number(self, expression, **parameters):
        got = self.ask(expression, **parameters)
        return float(got[0]["value"][1]) if got else None

    def ticks(self, begin, end):
        """The times (unix s) of the samples of one metric that is read once a second."""
        return sample_times(self.port, "volta_load1", begin, end, self.key)

    def late_ticks(self):
        """How often the agent could not measure in time, as it counts itself: it lives on while server and engine do not. When it said so last, and the count."""
        got = self.ask("volta_self_late_ticks_total[1m]")
        return tuple(map(float, got[0]["values"][-1])) if got else None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.agent.stop()
            self.server.stop()
        for volta in (self.agent, self.server):
            if volta.process.poll() is None:
                volta.kill()
        self.stack.close()


def conforms(engine):
    with Setting(engine) as it:
        wait_until("samples of the agent", lambda: it.number("count_over_time(volta_load1[1m])") and it.number("count_over_time(volta_load1[1m])") >= 6, 30)
        host = host_named(it.port, it.key, "box")
        assert host["state"] == "live" and host["power_watts"] > 0

        # The same series by PromQL, by the page's API and as the latest value.
        got = it.ask("volta_memory_total_bytes")
        assert len(got) == 1 and got[0]["metric"] == {"__name__": "volta_memory_total_bytes", "host": "box"}, got
        total = float(got[0]["value"][1])
        now = int(time.time() * 1000)
        shown = wait_until("the page's series", lambda: next((a for a in [get(
            it.port, f"/api/v1/series?host={host['id']}&name=volta_memory_total_bytes&start={now - 5000}&end={now}&step=1s&agg=last", it.key)] if a["series"]), None), 40)
        assert shown["unit"] == "bytes" and {v for row in shown["series"] for v in row["values"] if v is not None} == {total}, shown
        latest = get(it.port, f"/api/v1/latest?host={host['id']}&name=volta_memory_total_bytes", it.key)
        assert latest["items"][0]["value"] == total, latest
        # Engines show what is new a little later, and not all of it at once.
        def rates_are_there():
            ms = int(time.time() * 1000)
            rates = get(it.port, f"/api/v1/series?host={host['id']}&name=volta_cpu_seconds_total&start={ms - 60_000}&end={ms}&step=10s", it.key)
            return {"idle", "user"} <= {row["labels"]["mode"] for row in rates["series"]} and any(v for row in rates["series"] for v in row["values"])

        def energy_is_there():
            ms = int(time.time() * 1000)
            return (get(it.port, f"/api/v1/energy?host={host['id']}&start={ms - 60_000}&end={ms}", it.key)["joules"] or 0) > 0

        wait_until("rates", rates_are_there, 40)
        wait_until("energy", energy_is_there, 40)

        # What others write, twice, as after an answer that was lost; and how it is found.
        for _ in range(2):
            write(it.port, it.key, [({"__name__": "outside_total", "job": "a b", "path": "C:\\x\"y"}, [(now - 3000 + 1000 * i, 10.0 + i) for i in range(3)])])
        wait_until("what others write", lambda: it.ask("outside_total"), 20)
        got = it.ask("outside_total[1m]", time=now / 1000)
        assert [(round(t * 1000), float(v)) for t, v in got[0]["values"]] == [(now - 3000 + 1000 * i, 10.0 + i) for i in range(3)], got
        assert it.ask('outside_total{path="C:\\\\x\\"y"}'), "a label with a backslash and a quote"
        wait_until("its name", lambda: "outside_total" in data(it.port, "label/__name__/values", it.key), 40)
        assert {"host", "mode", "job"} <= set(data(it.port, "labels", it.key))
        found = wait_until("its series", lambda: data(it.port, "series", it.key, **{"match[]": 'outside_total{job="a b"}'}), 40)
        assert found == [{"__name__": "outside_total", "job": "a b", "path": "C:\\x\"y"}], found
        wait_until("the federated sample", lambda: "outside_total{" in request(it.port, "/prometheus/federate?match[]=outside_total", key=it.key)[2], 40)
        status, _, text = request(it.port, "/prometheus/federate?match[]=outside_total", key=it.key)
        assert status == 200 and "outside_total{" in text, (status, text)
        answer = data(it.port, "query_range", it.key, query="sum by (mode) (rate(volta_cpu_seconds_total[1m]))", start=now / 1000 - 20, end=now / 1000, step=5)
        assert answer["resultType"] == "matrix" and answer["result"], answer

        # Errors are Prometheus', whoever found them.
        for expression in ("sum(",) if engine == "victoriametrics" else ("sum(", "rate(x)"):  # MetricsQL gives rate(x) a range of its own
            status, failed = prometheus(it.port, "query", it.key, query=expression)
            assert status in (400, 422) and failed["status"] == "error" and failed["error"], (expression, status, failed)
        table = run("query", "--server", f"http://{it.http}", "--key-file", it.folder / "server/access-key", "--format", "csv", "volta_memory_total_bytes")
        assert "box" in table and len(table.splitlines()) == 2, table
        # All of it, from the beginning of time.
        exported = run("export", "metrics", "--server", f"http://{it.http}", "--key-file", it.folder / "server/access-key", "--match", "outside_total", "--format", "csv")
        assert [float(line.rsplit(",", 1)[1]) for line in exported.splitlines()[1:]] == [10, 11, 12], exported
        if shutil.which("promtool"):
            asked = subprocess.run(["promtool", "query", "instant", f"http://any:{it.key}@{it.http}/prometheus", "volta_memory_total_bytes"],
                                   capture_output=True, text=True, timeout=30, check=False)
            assert asked.returncode == 0 and 'host="box"' in asked.stdout, asked
        assert get(it.port, "/readyz", it.key)["status"] == "ok"


def case_engine_volta_conforms():
    conforms(None)


def case_engine_prometheus_conforms():
    conforms("prometheus")


def case_engine_victoria_metrics_conforms():
    conforms("victoriametrics")


def survives(engine):
    """The server is killed and comes back; the engine stands still for a while: every second is there, once."""
    with Setting(engine) as it, Ticker(1) as ticker:
        wait_until("samples of the agent", lambda: it.number("count_over_time(volta_load1[1m])"), 30)
        # From its second count on: while it starts it has no rhythm yet.
        first, _ = wait_until("the agent's own count", it.late_ticks, 30)
        begin, late_before = wait_until("its next count", lambda: (lambda said: said if said and said[0] > first else None)(it.late_ticks()), 30)
        missed_before = ticker.missed
        time.sleep(2)
        it.server.kill()
        time.sleep(1)
        it.server = it.start_server()
        if it.peer:
            it.peer.process.send_signal(signal.SIGSTOP)
            time.sleep(4)
            it.peer.process.send_signal(signal.SIGCONT)
        end = time.time() + 2
        time.sleep(3)

        def delivered():
            ticks = it.ticks(begin, end)
            assert len(ticks) == len(set(ticks)), "a sample came twice"
            seconds = {int(t) for t in ticks}
            missing = [s for s in range(int(begin) + 1, int(end)) if s not in seconds]
            # A second in which this test could not wake either, or the agent says that it could not, was not measured; no other may be missing.
            late = it.late_ticks()
            return ticks if late and len(missing) <= ticker.missed - missed_before + late[1] - late_before else None

        wait_until("all that was measured meanwhile", delivered, 60)


def case_engine_volta_loses_nothing():
    survives(None)


def case_engine_prometheus_loses_nothing():
    survives("prometheus")


def case_engine_victoria_metrics_loses_nothing():
    survives("victoriametrics")


class Hanging:
    """An engine that takes every connection and request, and answers none. `open`: connections whose other end is still there."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.connections, self.asked = [], []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        self.connections.append(connection)
        with contextlib.suppress(OSError):
            while got := connection.recv(65536):
                self.asked.append(got.split(b"\r\n", 1)[0].decode(errors="replace"))
        self.connections.remove(connection)
        connection.close()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def questions(self):
        return [line for line in list(self.asked) if "/api/v1/" in line and "/write" not in line]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for connection in list(self.connections):
            connection.close()


def ask_and_leave(port, target):
    """A client of its own that sends a request; closing it is leaving."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def case_an_engine_that_hangs_holds_nobody():
    """The page, /healthz and /metrics go on; a query ends with its client; SIGTERM waits for no answer."""
    with Folder() as folder, Hanging() as engine:
        url = f"http://127.0.0.1:{engine.port}"
        toml = f'[store]\nengine = "prometheus"\nwrite_url = "{url}/api/v1/write"\nquery_url = "{url}"\n[query]\nmax_concurrency = 2\n'
        with Volta("local", "--listen", "127.0.0.1:0", "--data", folder / "d", *configured(folder, toml)) as volta:
            port = volta.port()
            host = wait_until("its host", lambda: next((h["id"] for h in get(port, "/api/v1/hosts")["items"]), None))
            questions = [f"/api/v1/series?host={host}&name=volta_load1", f"/api/v1/energy?host={host}", "/prometheus/api/v1/query?query=up",
                         "/prometheus/api/v1/labels", "/prometheus/api/v1/series?match[]=up", "/prometheus/federate?match[]=up"]
            for one in questions:
                before = len(engine.questions())
                pair = [ask_and_leave(port, one) for _ in range(2)]
                wait_until(f"both to be asked: {one}", lambda: len(engine.questions()) >= before + 2)
                for client in pair:
                    client.close()  # and the next two get their places at once
            waiting = [ask_and_leave(port, one) for one in questions * 8]
            for target in ("/healthz", "/metrics", "/", "/api/v1/hosts"):
                begun = time.time()
                assert request(port, target)[0] == 200, target
                assert time.time() - begun < 2 * lib.SLOW, target
            begun = time.time()
            volta.stop()
            assert time.time() - begun < 6 * lib.SLOW, "it waited for the engine"
            for client in waiting:
                client.close()


def case_own_samples_are_not_given_up_for_another_engine():
    """Sealed or not: what volta keeps itself would be gone after an hour."""
    with Folder() as folder:
        url = f"http://127.0.0.1:{free_port()}"
        engine = configured(folder, f'[store]\nengine = "prometheus"\nwrite_url = "{url}/api/v1/write"\nquery_url = "{url}"\n')
        with Volta("local", "--listen", "127.0.0.1:0", "--data", folder / "own") as volta:
            wait_until("samples", lambda: values(volta.port(), "volta_load1"))
        for _ in range(2):
            code, _, err = run("local", "--listen", "127.0.0.1:0", "--data", folder / "own", *engine, expected=None)
            assert code == 3 and "holds samples of volta's own engine" in err, (code, err)
            run("store", "seal", "--data", folder / "own")
        # Nobody reaches the engine for whoever imports, and what is read is not all there is; the directory stays what it is.
        with Volta("local", "--listen", "127.0.0.1:0", "--data", folder / "passed", *engine):
            pass
        (folder / "one.jsonl").write_text('{"metric":{"__name__":"a"},"values":[1],"timestamps":[%d]}\n' % (time.time() * 1000))
        code, _, err = run("import", "--data", folder / "passed", folder / "one.jsonl", expected=None)
        assert code == 1 and "start it and import then" in err, (code, err)
        code, _, err = run("query", "volta_load1", "--data", folder / "passed", expected=None)
        assert code == 0 and "another engine keeps the samples" in err and (folder / "passed/volta.engine").exists(), (code, err)
        # A directory of its own is one after a restart too, until volta keeps the samples itself again.
        for arguments, marked in ((engine, True), (engine, True), ((), False)):
            with Volta("local", "--listen", "127.0.0.1:0", "--data", folder / "new", *arguments) as volta:
                assert (folder / "new/volta.engine").exists() == marked


def case_engine_that_is_away_is_said():
    """The page and /readyz say so, agents keep theirs, the log says why; wrong configuration is refused with its place."""
    with Folder() as folder:
        port = free_port()
        toml = f'[store]\nengine = "prometheus"\nwrite_url = "http://127.0.0.1:{port}/api/v1/write"\nquery_url = "http://127.0.0.1:{port}"\n'
        with Volta("local", "--listen", "127.0.0.1:0", "--data", folder / "d", *configured(folder, toml)) as volta:
            wait_until("not ready", lambda: request(volta.port(), "/readyz")[0] == 503, 20)
            assert "engine" in request(volta.port(), "/readyz")[2]
            status, failed = prometheus(volta.port(), "query", query="up")
            assert status == 503 and "engine behind" in failed["error"], (status, failed)
            assert request(volta.port(), "/healthz")[0] == 200 and "the engine behind does not take samples" in volta.stderr
        for lines, text in (('engine = "prometheus"', "needs store.write_url"), ('engine = "mimir"', "volta"), ('write_url = "http://x/w"', "another engine"),
                            ('engine = "prometheus"\nwrite_url = "http://a:b@x/w"\nquery_url = "http://x"', "write_url"),
                            ('engine = "prometheus"\nwrite_url = "http://x/w"\nquery_url = "http://x/api/v1"', "what stands before /api/v1/query")):
            for role in (("config", "check"), ("local", "--listen", "127.0.0.1:0", "--data", folder / "e")):
                code, _, err = run(*role, *configured(folder, "[store]\n" + lines + "\n"), expected=None)
                assert code == 3 and text in err and ".toml:" in err, (lines, role, code, err)
