"""Several servers in front of one engine: the same hosts on all of them from one file, agents that go on at another server when theirs dies, and a
disabled host that nobody lets in. packaging/scale-out/try.sh is run as it stands."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

import lib
from cases_engines import NO_DELAY
from cases_fleet import host_named
from cases_peers import victoria
from cases_prometheus import data, sample_times, values
from cases_scrape import configured
from lib import Folder, Skip, Ticker, Volta, get, request, run, wait_until
from ports import free_port

# Two servers may both have written a batch whose acknowledgement was lost.
ONCE = "-dedup.minScrapeInterval=1ms"
TRY = lib.TEST.parent / "packaging/scale-out/try.sh"


class Balancer:
    """Passes TCP connections on to the backends in turn, to the next one where one does not answer."""

    def __init__(self, *backends):
        self.backends, self.turn = backends, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self.turn += 1
        for i in range(len(self.backends)):
            try:
                server = socket.create_connection(("127.0.0.1", self.backends[(self.turn + i) % len(self.backends)]), timeout=5)
                break
            except OSError:
                continue
        else:
            client.close()
            return
        server.settimeout(None)
        threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
        self._pump(client, server)

    @staticmethod
    def _pump(source, target):
        try:
            while chunk := source.recv(65536):
                target.sendall(chunk)
        except OSError:
            pass
        for link in (source, target):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


class Fleet:
    """A VictoriaMetrics, two servers that share a file of hosts, a balancer, and agents that come through it."""

    NAMES = ("n0", "n1", "n2")

    def __init__(self, agents=True):
        self.stack = contextlib.ExitStack()
        self.folder = self.stack.enter_context(Folder())
        self.peer = self.stack.enter_context(victoria(self.folder, NO_DELAY, ONCE))
        url = f"http://127.0.0.1:{self.peer.port}"
        self.hosts = self.folder / "hosts.json"
        self.tokens = {name: self.token(name) for name in self.NAMES}
        self.arguments = configured(self.folder, f'[store]\nengine = "prometheus"\nwrite_url = "{url}/api/v1/write"\nquery_url = "{url}"\n'
                                    f'[hosts]\nfile = "{self.hosts}"\n', "server")
        self.addresses = [(free_port(), free_port()) for _ in range(2)]
        self.servers = [self.start_server(0)]
        self.key = (self.folder / "s0/access-key").read_text().strip()
        (self.folder / "s1").mkdir(mode=0o700)
        shutil.copy(self.folder / "s0/access-key", self.folder / "s1/access-key")  # one key for all of them
        self.servers.append(self.start_server(1))
        self.balancer = Balancer(*(rpc for _, rpc in self.addresses))
        self.agents = [self.start_agent(name, self.balancer.address) for name in self.NAMES] if agents else []

    def token(self, name, action="add"):
        file = self.folder / f"{name}.token"
        file.write_text(run("host", action, name, "--token", "--hosts-file", self.hosts))
        os.chmod(file, 0o600)
        return file

    def start_server(self, i):
        http, rpc = self.addresses[i]
        return Volta("server", "--listen", f"127.0.0.1:{http}", "--rpc-listen", f"127.0.0.1:{rpc}", "--data", self.folder / f"s{i}", *self.arguments)

    def start_agent(self, name, address, data_name=None):
        return Volta("agent", "--server", address, "--token-file", self.tokens[name], "--data", self.folder / (data_name or f"a-{name}"), "--flush", "1s")

    def state(self, i, name):
        return host_named(self.addresses[i][0], self.key, name)["state"]

    def all_live(self):
        return all(self.state(i, name) == "live" for i in range(2) for name in self.NAMES)

    def ticks(self, i, name, begin, end):
        """The times (unix s) of the samples of one metric that is read once a second, as that server tells."""
        return sample_times(self.addresses[i][0], f'volta_load1{{host="{name}"}}', begin, end, self.key)

    def counter(self, i, name):
        _, _, text = request(self.addresses[i][0], "/metrics", key=self.key)
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.balancer.close()
        for volta in (*self.agents, *self.servers):
            if kind is None and volta.process.poll() is None:
                volta.stop()
            elif volta.process.poll() is None:
                volta.kill()
                print("--- its stderr:\n" + "\n".join(volta.lines[-20:]))
        self.stack.close()


def case_a_server_of_several_dies_and_nothing_is_lost():
    """Each server is killed in turn, under load: its agents go on at the other. The ledger is the clock."""
    with Fleet() as it, Ticker(1.0) as ticker:
        wait_until("all hosts live on both servers", it.all_live, 60)
        begin = time.time()
        for dying in (0, 1, 0):
            time.sleep(2.5)
            it.servers[dying].kill()
            time.sleep(3)
            it.servers[dying] = it.start_server(dying)
        time.sleep(2)
        end = time.time()
        missed = ticker.missed

        def delivered():
            for name in it.NAMES:
                for i in range(2):
                    ticks = it.ticks(i, name, begin, end)
                    assert len(ticks) == len(set(ticks)), f"a sample of {name} came twice"
                    seconds = {int(t) for t in ticks}
                    missing = [s for s in range(int(begin) + 1, int(end)) if s not in seconds]
                    # A tick may fall on the other side of a second; what a batch loses is a second and more in a row.
                    if len(missing) > 1 + missed or (not missed and any(b - a == 1 for a, b in zip(missing, missing[1:]))):
                        it.missing = (name, i, missing)
                        return False
            return True

        try:
            wait_until("every second of every host", delivered, 60)
        except AssertionError:
            raise AssertionError(f"missing (host, asked server, seconds): {it.missing}; this machine missed {missed}") from None
        wait_until("all hosts live on both servers again", it.all_live, 90)
        # The same question, the same answer, whoever is asked.
        for expression in ("sum by (host) (rate(volta_cpu_seconds_total[10s]))", "count by (host) ({__name__=~\"volta_.*\"})", "volta_memory_total_bytes"):
            asked = [sorted(values(it.addresses[i][0], expression, it.key, time=end), key=lambda row: sorted(row["metric"].items())) for i in range(2)]
            # The engine adds up in an order of its own, so the last bit of a sum may differ.
            same = [[(row["metric"], float(f"{float(row['value'][1]):.12g}")) for row in answer] for answer in asked]
            assert same[0] == same[1] and len(asked[0]) >= len(it.NAMES), (expression, asked)
        assert {row["metric"]["host"] for row in asked[0]} == set(it.NAMES)
        assert data(it.addresses[0][0], "label/host/values", it.key) == data(it.addresses[1][0], "label/host/values", it.key) == list(it.NAMES)
        ids = [{h["name"]: h["id"] for h in get(it.addresses[i][0], "/api/v1/hosts", it.key)["items"]} for i in range(2)]
        assert ids[0] == ids[1] and set(ids[0]) == set(it.NAMES), ids
        # Moving is no clone and no loss.
        assert not any("new run" in line and "clone" in line for server in it.servers for line in server.lines)
        assert [it.counter(i, "volta_server_missing_batches_total") for i in range(2)] == [0, 0]


def case_hosts_that_another_server_hears_are_live_here():
    """State, last seen and watts of a host whose agent is connected elsewhere."""
    if lib.SLOW > 1:
        raise Skip("more than a minute of waiting; the case before it has the same threads at work")
    with Fleet(agents=False) as it:
        it.agents = [it.start_agent("n0", f"127.0.0.1:{it.addresses[1][1]}")]
        port = it.addresses[0][0]
        host = host_named(port, it.key, "n0")
        assert host["state"] == "offline" and host["last_seen"] is None, host
        wait_until("n0 live on the server that does not hear it", lambda: it.state(0, "n0") == "live", 60)
        host = host_named(port, it.key, "n0")
        assert host["last_seen"] and host["power_watts"] > 0 and host["power_quality"] == host_named(it.addresses[1][0], it.key, "n0")["power_quality"], host
        assert it.state(0, "n1") == "offline" and it.counter(0, 'volta_server_hosts{state="live"}') == 1
        assert it.counter(0, "volta_server_links") == 0

        # What the page asks of a host: its newest values and history, with their units.
        def newest(i):
            return {(item["name"], tuple(sorted(item["labels"].items()))): item for item in get(it.addresses[i][0], f"/api/v1/latest?host={host['id']}", it.key)["items"]}

        def same_values():
            here, there = newest(0), newest(1)
            return here if len(here) >= 200 and here.keys() == there.keys() else None

        here, there = wait_until("the newest values of each series", same_values, 80), newest(1)
        for key, item in here.items():
            told = there[key]
            assert [item[member] for member in ("unit", "kind", "quality")] == [told[member] for member in ("unit", "kind", "quality")], (item, told)
            assert abs(item["ts"] - told["ts"]) < 60_000 and (item["rate"] is None or item["kind"] == "counter"), (item, told)
        total = ("volta_memory_total_bytes", ())
        assert here[total]["value"] == there[total]["value"] and here[total]["unit"] == "bytes", here[total]
        assert any(item["rate"] for key, item in here.items() if key[0] == "volta_cpu_seconds_total"), here
        for name, unit in (("volta_memory_total_bytes", "bytes"), ("volta_cpu_seconds_total", "seconds/s")):
            def history(name=name, unit=unit):
                asked = [get(it.addresses[i][0], f"/api/v1/series?host={host['id']}&name={name}&start=now-1m&step=10s", it.key) for i in range(2)]
                assert [answer["unit"] for answer in asked] == [unit, unit], asked
                return all(answer["series"] for answer in asked)

            wait_until(f"a step with two samples of {name}", history, 60)
        # Facts are what a host's last link to the asked server told.
        assert host_named(port, it.key, "n0")["facts"] == {} and host_named(it.addresses[1][0], it.key, "n0")["facts"]
        it.agents[0].stop()
        wait_until("n0 no longer live", lambda: it.state(0, "n0") in ("late", "offline"), 100)


def case_a_hosts_file_rules_all_servers():
    """Disabled, rotated, removed and added in the file: all servers follow within seconds; what is not a whole list changes nothing."""
    with Fleet() as it:
        wait_until("all hosts live on both servers", it.all_live, 60)
        run("host", "disable", "n0", "--hosts-file", it.hosts)
        wait_until("disabled on both", lambda: all(it.state(i, "n0") == "disabled" for i in range(2)), 15)
        wait_until("its agent is told", lambda: "n0 is disabled" in it.agents[0].stderr, 60)
        for i in range(2):
            with it.start_agent("n0", f"127.0.0.1:{it.addresses[i][1]}", "other") as agent:
                wait_until(f"refused by server {i}", lambda: "n0 is disabled" in agent.stderr, 20)
        assert it.state(0, "n1") == it.state(1, "n1") == "live"

        # The page cannot change what stands in a file.
        for method, path in (("POST", "/api/v1/hosts"), ("POST", f"/api/v1/hosts/{host_named(it.addresses[0][0], it.key, 'n1')['id']}/disable")):
            status, _, text = request(it.addresses[0][0], path, method, {"name": "x"}, key=it.key)
            assert status == 409 and f"--hosts-file {it.hosts}" in text, (status, text)

        # Half a file, and none: everything stays as it was.
        whole = it.hosts.read_text()
        assert [it.counter(i, "volta_server_hosts_file_unusable") for i in range(2)] == [0, 0]
        it.hosts.write_text(whole[:len(whole) // 2])
        wait_until("the servers say so", lambda: all("cannot be used" in server.stderr for server in it.servers), 15)
        assert [it.counter(i, "volta_server_hosts_file_unusable") for i in range(2)] == [1, 1]
        it.hosts.unlink()
        time.sleep(2.5)
        assert it.state(0, "n1") == it.state(1, "n1") == "live" and it.state(1, "n0") == "disabled"
        it.hosts.write_text(whole)
        wait_until("well again", lambda: all("in force again" in server.stderr for server in it.servers), 15)
        assert [it.counter(i, "volta_server_hosts_file_unusable") for i in range(2)] == [0, 0]

        old = it.tokens["n1"].read_text()
        it.token("n1", "rotate")
        assert it.tokens["n1"].read_text() != old
        it.tokens["n1"].write_text(old)  # the agent reads it anew
        it.tokens["n3"] = it.token("n3")
        run("host", "remove", "n2", "--hosts-file", it.hosts)
        run("host", "enable", "n0", "--hosts-file", it.hosts)
        for i in range(2):
            wait_until("the new list", lambda: [h["name"] for h in get(it.addresses[i][0], "/api/v1/hosts", it.key)["items"]] == ["n0", "n1", "n3"], 15)
        wait_until("the agent with the old token is refused", lambda: "no host has this token" in it.agents[1].stderr, 60)
        it.agents.append(it.start_agent("n3", it.balancer.address))
        wait_until("n3 live", lambda: all(it.state(i, "n3") == "live" for i in range(2)), 60)
        listed = json.loads(run("host", "list", "--json", "--hosts-file", it.hosts))["items"]
        assert [h["name"] for h in listed] == ["n0", "n1", "n3"], listed
        code, _, err = run("host", "add", "n0", "--hosts-file", it.hosts, expected=None)
        assert code == 1 and "already" in err, (code, err)


def case_a_server_becomes_one_of_several():
    """Its hosts are exported, with their tokens as they are; hosts that the file lacks are not thrown away; wrong set-ups are refused."""
    with Folder() as folder:
        run("host", "add", "old", "--data", folder / "d")
        exported = run("host", "export", "--data", folder / "d")
        assert json.loads(exported)["hosts"][0]["name"] == "old" and "token_sha256" in exported
        hosts = folder / "hosts.json"
        hosts.write_text('{"hosts":[]}')
        port = free_port()
        engine = f'[store]\nengine = "prometheus"\nwrite_url = "http://127.0.0.1:{port}/w"\nquery_url = "http://127.0.0.1:{port}"\n'
        more = ("--listen", "127.0.0.1:0", "--rpc-listen", "127.0.0.1:0", "--hosts-file", hosts)

        def refused(data_folder, toml=engine):
            code, _, err = run("server", "--data", data_folder, *more, *configured(folder, toml, "server"), expected=None)
            assert code == 3, (code, err)
            return err

        assert "old; bring them over with" in refused(folder / "d")
        assert "needs store.engine" in refused(folder / "e", "")
        hosts.write_text("{")
        assert "hosts.json" in refused(folder / "e")
        hosts.unlink()
        assert "hosts.json" in refused(folder / "e")
        hosts.write_text(exported)
        with Volta("server", "--data", folder / "d", *more, *configured(folder, engine, "server")) as server:
            names = [h["name"] for h in get(server.port(), "/api/v1/hosts", (folder / "d/access-key").read_text().strip())["items"]]
            assert names == ["old"], names
            code, _, err = run("host", "disable", "old", "--data", folder / "d", expected=None)
            assert code == 1 and f"--hosts-file {hosts}" in err, (code, err)
        code, _, err = run("host", "add", "new", "--data", folder / "d", expected=None)
        assert code == 1 and f"--hosts-file {hosts}" in err, (code, err)
        assert "old" in run("host", "list", "--data", folder / "d")


def example_runs(engine):
    """packaging/scale-out/try.sh: an engine, three servers, haproxy and agents; one server is killed; it ends by itself and leaves nothing behind."""
    if lib.SLOW > 1:
        raise Skip("a script: once with the release binary is enough")
    for tool in ("haproxy", engine):
        if not shutil.which(tool) and not pathlib.Path("/usr/sbin", tool).exists():
            raise Skip(f"{tool} is not installed")
    with Folder() as folder:
        done = subprocess.run([TRY, "--engine", engine, "--check", "--folder", folder / "try"], capture_output=True, text=True, timeout=180 * lib.SLOW, check=False,
                              env={**os.environ, "VOLTA": lib.BINARY})
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert f"engine: {engine}" in done.stdout and "no second is missing" in done.stdout, done.stdout
        assert not (folder / "try").exists()


def case_scale_out_example_runs():
    example_runs("victoria-metrics")


def case_scale_out_example_runs_with_prometheus():
    example_runs("prometheus")
