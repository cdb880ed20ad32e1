"""Remote write from one volta to another, through outages and kill -9, and with real peers: Prometheus, VictoriaMetrics, vmagent, node_exporter."""
import json
import shutil
import socket
import subprocess
import time
import urllib.parse

import lib
from cases_prometheus import access_key, data, local, server, values
from cases_scrape import configured, self_metrics
from exporter import Exporter
from lib import Folder, Skip, Volta, request, run, wait_until
from ports import free_port


class Peer:
    """A server of somebody else, on a loopback port; ended by its own process id."""

    def __init__(self, folder, name, *arguments, port, ready="/-/ready"):
        if not shutil.which(name):
            raise Skip(f"{name} is not installed")
        self.port = port
        self.log = open(folder / f"{name}.log", "w+")
        self.process = subprocess.Popen([name, *map(str, arguments)], stdout=self.log, stderr=subprocess.STDOUT, cwd=folder)
        try:
            wait_until(f"{name} to be ready", lambda: self.answers(ready), 30)
        except AssertionError:
            self.stop()
            self.log.seek(0)
            raise AssertionError(f"{name} did not start:\n" + self.log.read()[-2000:])

    def answers(self, path):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}")
        try:
            return request(self.port, path)[0] == 200
        except OSError:
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.log.close()


def prometheus_server(folder, config=""):
    port = free_port()
    (folder / "prometheus.yml").write_text(config)
    return Peer(folder, "prometheus", "--config.file", folder / "prometheus.yml", "--storage.tsdb.path", folder / "prometheus", "--web.listen-address",
                f"127.0.0.1:{port}", "--web.enable-remote-write-receiver", "--log.level", "warn", port=port)


def victoria(folder, *more):
    port = free_port()
    return Peer(folder, "victoria-metrics", f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}/victoria", "-retentionPeriod=1d", *more,
                port=port, ready="/health")


def as_samples(rows):
    """By labels; values as their texts, so that a NaN is equal to itself."""
    return {tuple(sorted(row["metric"].items())): [(round(float(t) * 1000), v) for t, v in row["values"]] for row in rows if row["values"]}


def samples(port, selector, until, key=None, prefix="/prometheus"):
    """Every sample of the last ten minutes before `until`, by labels: what two stores are compared by."""
    query = urllib.parse.urlencode({"query": f"{selector}[10m]", "time": f"{until:.3f}"})
    status, _, text = request(port, f"{prefix}/api/v1/query?{query}", key=key)
    assert status == 200, text[:300]
    return as_samples(json.loads(text)["data"]["result"])


def wait_until_equal(what, mine, theirs, close=None):
    """Until all of my samples are theirs too, and nothing else is; then how many there are. Mine are asked for again each time: on a busy disk what was
    taken is committed, and seen, later."""
    assert mine(), what
    last = {}

    def same():
        last["want"], last["got"] = mine(), theirs()
        return (close or (lambda a, b: a == b))(last["want"], last["got"])

    try:
        wait_until(what, same, 40)
    except AssertionError:
        want, got = last["want"], last["got"]
        wrong = [(dict(k), len(want.get(k, [])), len(got.get(k, []))) for k in want.keys() | got.keys() if want.get(k) != got.get(k)]
        raise AssertionError(f"{what}: {len(wrong)} of {len(want)} series differ (labels, samples here, there): {wrong[:5]}")
    return sum(len(points) for points in last["want"].values())


def sending(folder, exporter, *targets):
    """The configuration of a volta that scrapes and writes what it has to `targets` (lines of their tables)."""
    return configured(folder, f'[[scrape]]\njob = "e"\ntargets = ["{exporter.address}"]\ninterval = "500ms"\n' +
                      "".join(f"[[remote_write]]\n{target}batch_send_deadline = \"500ms\"\n" for target in targets))


def count_up(exporter, seconds, begin=0):
    """Lets the exporter count for a while; how far it came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin += 1
        exporter.text = f"# TYPE e_total counter\ne_total {begin}\nlarge {begin}.123456789e15\nnone NaN\n"
        time.sleep(0.05)
    return begin


EVERYTHING = '{__name__=~".+"}'


def case_volta_writes_to_volta_through_outages():
    """The receiver is killed and comes back, the sender is killed and comes back: every committed sample arrives, bit for bit, once."""
    with Folder() as folder, Exporter("e_total 0\n") as exporter:
        listen = f"127.0.0.1:{free_port()}"

        def receiver():
            return Volta("server", "--listen", listen, "--rpc-listen", "127.0.0.1:0", "--data", folder / "r")

        there = receiver()
        key = access_key(folder / "r")
        target = f'name = "r"\nurl = "http://{listen}/prometheus/api/v1/write"\nbearer_token_file = "{folder}/r/access-key"\n'
        arguments = sending(folder, exporter, target)
        here = local(folder / "s", *arguments)
        wait_until("the first samples", lambda: values(there.port(), "e_total", key))
        count = count_up(exporter, 2)
        there.kill()
        count = count_up(exporter, 2, count)  # nobody takes it
        assert "cannot be reached" in wait_until("the complaint", lambda: here.stderr if "cannot be reached" in here.stderr else None)
        there = receiver()
        count = count_up(exporter, 1, count)
        here.kill()
        here = local(folder / "s", *arguments)
        wait_until("scrapes to go on", lambda: values(here.port(), "up == 1"), 30)
        count_up(exporter, 2, count)
        until = time.time() - 1
        total = wait_until_equal("all samples", lambda: samples(here.port(), EVERYTHING, until), lambda: samples(there.port(), EVERYTHING, until, key))
        assert total > 500, total
        assert len(samples(there.port(), "volta_uptime_seconds", until, key)) == 1
        text = self_metrics(here.port())
        assert 'volta_forward_samples_total{outcome="sent",target="r"}' in text and 'volta_forward_losses_total{target="r"} 0' in text, text[-3000:]
        # A series' end travels too.
        exporter.stop()
        wait_until("the end of the series", lambda: values(there.port(), "up == 0", key) and not values(there.port(), "e_total", key), 30)
        here.stop()
        there.stop()


def case_volta_sends_what_rules_leave():
    """Two targets, each with its own rules; one refuses the credentials, and the other is none the worse."""
    with Folder() as folder, Exporter("e_total 1\nkept 2\n") as exporter, server(folder / "r") as there:
        key = access_key(folder / "r")
        (folder / "wrong").write_text("x" * 43)
        (folder / "wrong").chmod(0o600)
        url = f"http://127.0.0.1:{there.port()}/prometheus/api/v1/write"
        rules = '[[remote_write.write_relabel_configs]]\nsource_labels = ["__name__"]\nregex = "kept|up"\naction = "keep"\n' \
                '[[remote_write.write_relabel_configs]]\ntarget_label = "site"\nreplacement = "north"\n'
        arguments = sending(folder, exporter, f'name = "bad"\nurl = "{url}"\nbearer_token_file = "{folder}/wrong"\n')
        with arguments[1].open("a") as file:
            file.write(f'[[remote_write]]\nname = "good"\nurl = "{url}"\nprotocol = "1.0"\nshards = 2\nusername = "any"\npassword_file = "{folder}/r/access-key"\n'
                       f'batch_send_deadline = "100ms"\n{rules}')
        with local(folder / "s", *arguments) as here:
            got = wait_until("the kept series", lambda: values(there.port(), "kept", key))
            assert got[0]["metric"] == {"__name__": "kept", "job": "e", "instance": exporter.address, "site": "north"}, got
            wait_until("up", lambda: values(there.port(), 'up{site="north"}', key))
            assert data(there.port(), "label/__name__/values", key) == ["kept", "up"]
            text = wait_until("refusals", lambda: next((t for t in [self_metrics(here.port())] if 'outcome="dropped",target="bad"} 0' not in t), None))
            assert 'volta_forward_samples_total{outcome="filtered",target="good"}' in text
            assert "x" * 43 not in here.stderr and key not in here.stderr


def case_a_stop_waits_for_nobody():
    """Who takes a connection and says nothing holds up neither queries nor the end."""
    with Folder() as folder, socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        toml = f'[[scrape]]\njob = "s"\ntargets = ["{address}"]\ninterval = "2s"\ntimeout = "2s"\n'
        toml += "".join(f'[[remote_write]]\nname = "{name}"\nurl = "http://{address}/"\nbatch_send_deadline = "0"\n' for name in "abcdef")
        with local(folder / "d", *configured(folder, toml)) as here:
            silent.settimeout(20 * lib.SLOW)
            links = [silent.accept()[0] for _ in range(7)]  # the scrape and a request of each target
            assert values(here.port(), "1")[1] == "1"
            begun = time.monotonic()
            here.stop()
            assert time.monotonic() - begun < 4 * lib.SLOW, time.monotonic() - begun
            for link in links:
                link.close()


def case_volta_writes_to_prometheus():
    with Folder() as folder, Exporter("e_total 0\n") as exporter, prometheus_server(folder) as peer:
        target = f'name = "p"\nurl = "http://127.0.0.1:{peer.port}/api/v1/write"\n'
        with local(folder / "s", *sending(folder, exporter, target)) as here:
            count_up(exporter, 3)
            until = time.time() - 1
            total = wait_until_equal("Prometheus' samples", lambda: samples(here.port(), EVERYTHING, until), lambda: samples(peer.port, EVERYTHING, until, prefix=""))
            assert total > 300, total


def case_what_comes_again_takes_nothing_with_it():
    """Prometheus refuses a whole request for one sample that it has had before; the others in it must arrive all the same."""
    with Folder() as folder, Exporter("e_total 0\n") as exporter, prometheus_server(folder) as peer:
        target = f'name = "p"\nurl = "http://127.0.0.1:{peer.port}/api/v1/write"\nshards = 1\n'
        with local(folder / "s", *sending(folder, exporter, target)) as here:
            now = int(time.time())
            (folder / "again").write_text("".join(f"again {i} {now - 60 + i}\n" for i in range(40)) + "# EOF\n")
            for _ in range(4):
                run("import", "--data", folder / "s", folder / "again")
                count_up(exporter, 3)
            until = time.time() - 1
            wait_until_equal("Prometheus' samples", lambda: samples(here.port(), EVERYTHING, until), lambda: samples(peer.port, EVERYTHING, until, prefix=""))
            told = next(line for line in self_metrics(here.port()).splitlines() if line.startswith('volta_forward_samples_total{outcome="dropped"'))
            assert float(told.split()[-1]) >= 39, f"hardly anything was refused, so nothing was shown: {told}"


def close_enough(want, got):
    """VictoriaMetrics keeps decimal floats of limited precision."""
    def near(mine, theirs):
        return mine[0] == theirs[0] and abs(float(mine[1]) - theirs[1]) <= 1e-9 * abs(theirs[1])
    return want.keys() == got.keys() and all(len(want[key]) == len(got[key]) and all(map(near, want[key], got[key])) for key in want)


def exported(peer, selector, until):
    """VictoriaMetrics' raw samples."""
    query = urllib.parse.urlencode({"match[]": selector, "end": f"{until:.3f}", "reduce_mem_usage": 1})
    status, _, text = request(peer.port, f"/api/v1/export?{query}")
    assert status == 200, text[:300]
    merged = {}
    for line in text.splitlines():
        row = json.loads(line)
        points = merged.setdefault(tuple(sorted(row["metric"].items())), set())
        points.update((t, float(v)) for t, v in zip(row["timestamps"], row["values"]) if v is not None)
    return {key: sorted(points) for key, points in merged.items() if points}


def case_volta_writes_to_victoria_metrics():
    with Folder() as folder, Exporter("e_total 0\n") as exporter, victoria(folder) as peer:
        target = f'name = "v"\nurl = "http://127.0.0.1:{peer.port}/api/v1/write"\n'
        with local(folder / "s", *sending(folder, exporter, target)) as here:
            count_up(exporter, 3)
            until = time.time() - 1
            selector = '{__name__=~".+",__name__!="none"}'
            total = wait_until_equal("VictoriaMetrics' samples", lambda: samples(here.port(), selector, until), lambda: exported(peer, selector, until), close_enough)
            assert total > 300, total


def case_prometheus_writes_to_volta():
    with Folder() as folder, Exporter("e_total 0\n") as exporter, server(folder / "r") as there:
        key = access_key(folder / "r")
        config = f"""
global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}
scrape_configs:
  - job_name: e
    static_configs: [{{ targets: ["{exporter.address}"], labels: {{ rack: "r1" }} }}]
remote_write:
  - url: http://127.0.0.1:{there.port()}/prometheus/api/v1/write
    authorization: {{ credentials_file: {folder}/r/access-key }}
    queue_config: {{ batch_send_deadline: 500ms }}
    metadata_config: {{ send_interval: 1s }}
"""
        with prometheus_server(folder, config) as peer:
            wait_until("a sample", lambda: values(there.port(), "e_total", key), 30)  # it looks for targets after five seconds
            count_up(exporter, 3)
            until = time.time() - 1
            selector = '{job="e"}'
            total = wait_until_equal("volta's samples", lambda: samples(peer.port, selector, until, prefix=""), lambda: samples(there.port(), selector, until, key))
            assert total > 20, total
            wait_until("metadata", lambda: data(there.port(), "metadata", key, metric="e_total"), 20)


def case_vmagent_writes_to_volta():
    with Folder() as folder, Exporter("e_total 0\n") as exporter, server(folder / "r") as there:
        key, port = access_key(folder / "r"), free_port()
        (folder / "scrape.yml").write_text(f'scrape_configs:\n  - job_name: e\n    scrape_interval: 1s\n    static_configs: [{{ targets: ["{exporter.address}"] }}]\n')
        with Peer(folder, "vmagent", f"-httpListenAddr=127.0.0.1:{port}", f"-promscrape.config={folder}/scrape.yml", f"-remoteWrite.tmpDataPath={folder}/queue",
                  f"-remoteWrite.url=http://127.0.0.1:{there.port()}/prometheus/api/v1/write", f"-remoteWrite.bearerTokenFile={folder}/r/access-key",
                  "-remoteWrite.flushInterval=500ms", port=port, ready="/health"):
            wait_until("a sample", lambda: values(there.port(), "e_total", key), 20)
            count_up(exporter, 4)
            exporter.text = "e_total 1000000\n"
            got = wait_until("the last sample", lambda: values(there.port(), "e_total == 1e6", key), 20)
            assert got[0]["metric"] == {"__name__": "e_total", "job": "e", "instance": exporter.address}, got
            assert values(there.port(), 'up{job="e"}', key)[0]["value"][1] == "1"
            rising = [float(v) for _, v in samples(there.port(), "e_total", time.time(), key)[(("__name__", "e_total"), ("instance", exporter.address), ("job", "e"))]]
            assert len(rising) >= 4 and rising == sorted(rising), rising


def case_node_exporter_is_scraped():
    port = free_port()
    with Folder() as folder, Peer(folder, "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", port=port, ready="/metrics"):
        arguments = configured(folder, f'[[scrape]]\njob = "node"\ntargets = ["127.0.0.1:{port}"]\ninterval = "1s"\n')
        with local(folder / "d", *arguments) as volta:
            wait_until("node_exporter", lambda: values(volta.port(), 'up{job="node"} == 1'), 20)
            got = values(volta.port(), "sum by (job) (node_cpu_seconds_total) > 0")
            assert len(got) == 1, got
            scraped = float(values(volta.port(), 'scrape_samples_scraped{job="node"}')[0]["value"][1])
            kept = float(values(volta.port(), 'count({job="node",__name__!~"up|scrape_.*"})')[0]["value"][1])
            assert scraped > 300 and kept == scraped, (scraped, kept)
            memory = float(values(volta.port(), "node_memory_MemTotal_bytes / on () volta_memory_total_bytes")[0]["value"][1])
            assert memory == 1, memory
