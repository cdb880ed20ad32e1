"""volta local: start, what it shows, what it survives."""
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import time

import lib
from lib import Folder, Skip, Volta, WebSocket, get, raw, request, run, wait_until


def local(folder, *more, **options):
    return Volta("local", "--listen", "127.0.0.1:0", "--data", folder, *more, **options)


def only_host(port, key=None):
    return wait_until("a live host", lambda: [h for h in get(port, "/api/v1/hosts", key)["items"] if h["state"] == "live"], 10)[0]


def case_ready_line_health_and_clean_stop():
    with Folder() as folder:
        with local(folder / "d") as volta:
            port = volta.port()
            assert volta.ready["data"] == str(folder / "d") and int(volta.ready["pid"]) == volta.process.pid, volta.ready
            assert get(port, "/healthz") == {"status": "ok"}
            assert request(port, "/readyz")[0] == 200
            assert json.loads(run("health", "--url", f"http://127.0.0.1:{port}", "--json"))
            assert stat.S_IMODE(os.stat(folder / "d").st_mode) == 0o700
            for path in (folder / "d").iterdir():
                assert stat.S_IMODE(os.lstat(path).st_mode) & 0o077 == 0, path
            volta.stop()
        with local(folder / "d") as volta:
            volta.process.send_signal(signal.SIGINT)
            volta.stop()
        with local(folder / "d", "--log-format", "json", "--log-level", "error") as volta:
            line = json.loads(next(line for line in volta.lines if " ready" in line))
            assert line["level"] == "info" and line["data"] == str(folder / "d"), line


def case_shows_this_machine():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        host = only_host(port)
        assert host["name"] == socket.gethostname() and host["facts"], host
        latest = wait_until("rates", lambda: (lambda a: a if any(i["rate"] is not None for i in a["items"]) else None)(
            get(port, f"/api/v1/latest?host={host['id']}")))
        names = {item["name"] for item in latest["items"]}
        for name in ("volta_cpu_seconds_total", "volta_memory_total_bytes", "volta_energy_joules_total", "volta_network_receive_bytes_total",
                     "volta_filesystem_size_bytes", "volta_uptime_seconds", "volta_collector_success", "volta_self_cpu_seconds_total"):
            assert name in names, name
        total = next(i["value"] for i in latest["items"] if i["name"] == "volta_memory_total_bytes")
        want = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) * 1024
        assert total == want, (total, want)
        idle = next(i["value"] for i in latest["items"] if i["name"] == "volta_cpu_seconds_total" and i["labels"]["mode"] == "idle")
        kernel = int(open("/proc/stat").readline().split()[4]) / 100
        assert kernel - 5 * lib.SLOW <= idle <= kernel, (idle, kernel)
        wait_until("watts", lambda: only_host(port).get("power_watts"))
        assert only_host(port)["power_quality"] in ("measured", "derived", "estimated")


def case_at_least_200_series():
    with Folder() as folder, local(folder / "d") as volta:
        host = only_host(volta.port())
        wait_until("200 series", lambda: len(get(volta.port(), f"/api/v1/latest?host={host['id']}")["items"]) >= 200)


def case_a_report_before_a_kill_fails_its_case():
    """Of these cases themselves: a sanitizer's words count however the process ended."""
    report = "WARNING: ThreadSanitizer: no real one"
    with Folder() as folder:
        local(folder / "d", through=("sh", "-c", f'echo "{report}" >&2; exec "$@"', "sh")).kill()
        try:
            lib.end_all()
        except AssertionError as found:
            assert report in str(found), found
        else:
            raise AssertionError("nobody looked")


def case_history_survives_kill_9():
    """At most the last second is lost, nothing is there twice."""
    with Folder() as folder:
        volta = local(folder / "d")
        host = only_host(volta.port())
        begun = time.time() * 1000
        time.sleep(6)
        killed = time.time() * 1000
        volta.kill()
        with local(folder / "d") as again:
            port = again.port()
            assert only_host(port)["id"] == host["id"]
            answer = get(port, f"/api/v1/series?host={host['id']}&name=volta_memory_total_bytes&start={int(begun)}&end={int(killed)}&step=1s")
            there = [t for t, v in zip(answer["timestamps"], answer["series"][0]["values"]) if v is not None]
            assert len(there) >= 4 and killed - there[-1] < 2000 + 1000 * (lib.SLOW - 1), (there, killed)
        with sqlite3.connect(next((folder / "d").glob("*.db"))) as db:
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def case_second_instance_names_the_first():
    with Folder() as folder, local(folder / "d") as volta:
        code, _, err = run("local", "--listen", "127.0.0.1:0", "--data", folder / "d", expected=None)
        assert code == 7 and str(volta.process.pid) in err and f"http://{volta.ready['http']}" in err, (code, err)
        code, _, err = run("local", "--listen", volta.ready["http"], "--data", folder / "e", expected=None)
        assert code == 1 and f"{volta.ready['http']} is in use" in err and "choose another" in err and "--listen" in err, (code, err)
        assert not (folder / "e").exists(), "nothing is left of a start that was refused"
        code, _, err = run("local", "--listen", "192.0.2.1:1", "--insecure-http", "--data", folder / "e", expected=None)
        assert code == 1 and "192.0.2.1:1" in err and not (folder / "e").exists(), (code, err)


def case_unwritable_data_directory():
    with Folder() as folder:
        (folder / "file").write_text("")
        code, _, err = run("local", "--listen", "127.0.0.1:0", "--data", folder / "file/below", expected=None)
        assert code == 7 and str(folder / "file") in err, (code, err)
        code, _, err = run("local", "--listen", "127.0.0.1:0", "--data", "/proc/volta", expected=None)
        assert code == 7 and "/proc/volta" in err, (code, err)


def case_newer_store_is_refused():
    with Folder() as folder:
        local(folder / "d").stop()
        with sqlite3.connect(next((folder / "d").glob("*.db"))) as db:
            db.execute("PRAGMA user_version = 999")
        code, _, err = run("local", "--listen", "127.0.0.1:0", "--data", folder / "d", expected=None)
        assert code == 8 and "newer" in err, (code, err)


def case_database_that_was_moved_away():
    """Its WAL is left of it: nothing begins a new store there, which would delete that."""
    with Folder() as folder:
        volta = local(folder / "d")
        host = only_host(volta.port())
        run("backup", "--data", folder / "d", folder / "copy.db")
        volta.kill()
        database, wal = folder / "d/volta.db", folder / "d/volta.db-wal"
        before = wal.read_bytes()
        assert before
        database.rename(folder / "volta.db")
        for arguments in (("local", "--listen", "127.0.0.1:0"), ("host", "add", "x"), ("restore", folder / "copy.db"), ("store", "stats"), ("store", "seal"),
                          ("backup", folder / "new.db"), ("query", "up"), ("host", "list")):
            code, _, err = run(*arguments, "--data", folder / "d", expected=None)
            assert code == 7 and f"{database} is missing" in err and str(wal) in err and "put volta.db back" in err, (arguments, code, err)
            assert wal.read_bytes() == before and not database.exists(), arguments
        (folder / "volta.db").rename(database)
        with local(folder / "d") as volta:
            assert only_host(volta.port())["id"] == host["id"]


def case_a_notify_socket_that_nobody_reads_holds_nobody():
    with Folder() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
        full.bind(str(folder / "notify"))
        volta = local(folder / "d", env={"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "2000"})
        time.sleep(2)  # its queue is a few datagrams long
        volta.stop()


def case_systemd_is_notified():
    with Folder() as folder:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(folder / "notify"))
        listener.settimeout(10 * lib.SLOW)
        volta = local(folder / "d", env={"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "600000"})
        heard, begun = [listener.recv(4096).decode()], time.monotonic()
        while heard.count("WATCHDOG=1") < 3:
            heard.append(listener.recv(4096).decode())
        assert time.monotonic() - begun < 2.5 * lib.SLOW, "each at half of what the watchdog waits"
        volta.stop()
        while "STOPPING=1" not in heard[-1]:
            heard.append(listener.recv(4096).decode())
        assert any("READY=1" in text for text in heard), heard


def switches(pid):
    """How often the process's first thread has gone to sleep."""
    with open(f"/proc/{pid}/task/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))


def case_main_thread_sleeps_where_no_watchdog_waits():
    with Folder() as folder:
        token = folder / "token"
        token.write_text("5" * 64)
        token.chmod(0o600)
        unwatched = {"WATCHDOG_USEC": ""}
        with local(folder / "d", env=unwatched) as first, Volta("agent", "--server", "127.0.0.1:9", "--token-file", token, "--data", folder / "a", env=unwatched) as second:
            time.sleep(0.3 * lib.SLOW)
            before = [switches(volta.process.pid) for volta in (first, second)]
            time.sleep(2.5)
            assert [switches(volta.process.pid) for volta in (first, second)] == before, before


def case_unreadable_sensor_is_said_with_its_mend():
    """A laptop whose energy_uj is root-only: stderr and the API name the command."""
    if os.geteuid() != 0:
        raise Skip("needs root to become somebody who may not read")
    with Folder() as folder:
        subprocess.run(["cp", "-r", str(lib.HOSTS / "laptop-i7"), str(folder / "host")], check=True)
        subprocess.run(["find", str(folder / "host/sys"), "-name", "energy_uj", "-exec", "chmod", "0400", "{}", ";"], check=True)
        os.chmod(folder, 0o755)
        (folder / "d").mkdir()
        os.chown(folder / "d", 65534, 65534)
        nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        with local(folder / "d", "--procfs", folder / "host/proc", "--sysfs", folder / "host/sys", through=nobody) as volta:
            port = volta.port()
            host = only_host(port)
            assert "chmod" in json.dumps(host["facts"]), host["facts"]
            readable = f"/api/v1/latest?host={host['id']}&name=volta_energy_readable"
            wait_until("first readings", lambda: get(port, readable)["items"])
            assert all(item["value"] == 0 for item in get(port, readable)["items"]), get(port, readable)
        err = volta.stderr
        assert "chmod" in err and "energy_uj" in err, err
        # On battery, for one, the watts are measured all the same.
        assert "power shown does without them and may be an estimate" in err, err


def case_live_over_websocket():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        host = only_host(port)
        ws = WebSocket(port)
        assert ws.status == 101 and "volta.v1.json" in ws.head, ws.head
        ws.send({"op": "subscribe", "id": "a", "host": host["id"], "names": ["volta_memory_*", "volta_load1"], "interval_ms": 1000})
        index, frames = {}, []
        while len(frames) < 4:
            message = ws.receive()
            if message["op"] == "series":
                index.update({entry["i"]: entry for entry in message["index"]})
            elif message["op"] == "data":
                assert all(i in index for i in message["i"]), "data before its index"
                frames.append(message)
        assert frames[0]["ts"] < frames[-1]["ts"] and {"volta_load1", "volta_memory_total_bytes"} <= {e["name"] for e in index.values()}
        ws.send({"op": "unsubscribe", "id": "a"})
        ws.send({"op": "subscribe", "id": "b", "host": "nobody", "names": ["*"], "interval_ms": 1000})
        while (message := ws.receive())["op"] != "error":
            pass
        assert message["id"] == "b" and message["problem"]["status"] == 404, message
        ws.send("this is not JSON")
        while (message := ws.receive())["op"] != "error":
            pass
        assert volta.process.poll() is None


def case_live_over_sse():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        host = only_host(port)
        head = f"GET /api/v1/stream?host={host['id']}&names=volta_load1&interval_ms=1000 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=20 * lib.SLOW) as link:
            link.sendall(head.encode())
            text = b""
            while text.count(b'"op":"data"') < 2:
                chunk = link.recv(65536)
                assert chunk, text
                text += chunk
        assert b"text/event-stream" in text and b"no-store" in text and b"retry:" in text


def case_hosts_and_origins_are_checked():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        assert request(port, "/api/v1/hosts", headers={"Host": "evil.example"})[0] in (400, 403, 421)
        assert WebSocket(port, headers={"Origin": "http://evil.example"}).status == 403
        assert request(port, "/api/v1/hosts", "POST", {"name": "x"}, headers={"Origin": "http://evil.example"})[0] == 403
        assert request(port, "/api/v1/hosts", "POST", {"name": "x"}, headers={"Origin": f"http://127.0.0.1:{port}"})[0] == 403, "viewer may not"


def case_bad_framing_is_refused_and_closed():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        host = f"Host: 127.0.0.1:{port}\r\n".encode()
        smuggled = b"GET /healthz HTTP/1.1\r\n" + host + b"\r\n"
        for head in (b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", b"Content-Length: 5\r\nContent-Length: 5\r\n",
                     b"Content-Length: +5\r\n", b"Host: b\r\n", b"X : a\r\n", b"X: a\r\n b\r\n"):
            out = raw(port, b"POST /api/v1/hosts HTTP/1.1\r\n" + host + head + b"\r\n0\r\n\r\n" + smuggled)
            assert out.count(b"HTTP/1.1 ") == 1 and out[9:10] in b"45", (head, out[:300])
        for line in (b"GET http://evil/ HTTP/1.1\r\n", b"GET /../etc/passwd HTTP/1.1\r\n", b"GET /%00 HTTP/1.1\r\n", b"GET / HTTP/3.0\r\n", b"\x16\x03\x01\x02\x00\r\n"):
            assert raw(port, line + host + b"\r\n" + smuggled).count(b" 200 ") == 0, line
        assert get(port, "/healthz") == {"status": "ok"}


def case_slow_reader_is_closed_and_costs_nobody():
    with Folder() as folder, local(folder / "d", env={"VOLTA_GROUPS_CPU_PERIOD": "100ms", "VOLTA_GROUPS_MEMORY_PERIOD": "100ms"}) as volta:
        port = volta.port()
        host = only_host(port)
        sockets = []
        for _ in range(50):
            ws = WebSocket(port)
            for n in range(10):
                ws.send({"op": "subscribe", "id": f"s{n}", "host": host["id"], "names": ["volta_*"], "interval_ms": 100})
            sockets.append(ws)
        time.sleep(5)
        assert get(port, "/healthz") == {"status": "ok"}
        resident = int(open(f"/proc/{volta.process.pid}/statm").read().split()[1]) * 4096
        if lib.SLOW == 1:
            assert resident < 200e6, resident


def case_metrics_pass_promtool():
    import shutil
    if not shutil.which("promtool"):
        raise Skip("no promtool here")
    with Folder() as folder, local(folder / "d") as volta:
        host = only_host(volta.port())
        wait_until("energy", lambda: "volta_energy_joules_total{" in request(volta.port(), "/metrics")[2])
        status, headers, text = request(volta.port(), "/metrics")
        assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert f'host="{host["name"]}"' in text
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        _, headers, text = request(volta.port(), "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        assert headers["content-type"].startswith("application/openmetrics-text") and text.endswith("# EOF\n")
        # promtool's strict OpenMetrics parser wants timestamps, which a scrape has not.
        stamped = "".join(line + ("" if line.startswith("#") else " 1795226940") + "\n" for line in text.splitlines())
        (folder / "metrics").write_text(stamped)
        done = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "metrics"), str(folder / "blocks")],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def case_full_disk_keeps_the_page_and_resumes():
    if os.geteuid() != 0:
        raise Skip("mounting a small filesystem needs root")
    with Folder() as folder:
        (folder / "small").mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder / "small")], check=False).returncode != 0:
            raise Skip("no tmpfs can be mounted here")
        try:
            with local(folder / "small/d") as volta:
                port = volta.port()
                host = only_host(port)
                with open(folder / "small/ballast", "wb") as ballast:
                    try:
                        while True:
                            ballast.write(b"x" * 65536)
                            ballast.flush()
                    except OSError:
                        pass
                wait_until("read-only", lambda: request(port, "/readyz")[0] == 503, 60)
                assert get(port, "/healthz") == {"status": "ok"} and get(port, "/api/v1/hosts")["items"]
                (folder / "small/ballast").unlink()
                wait_until("resumed", lambda: request(port, "/readyz")[0] == 200, 30)
                at = int(time.time() * 1000)
                wait_until("fresh samples", lambda: any(v is not None for s in get(
                    port, f"/api/v1/series?host={host['id']}&name=volta_load1&start={at}&end={at + 5000}&step=1s")["series"] for v in s["values"]), 20)
        finally:
            subprocess.run(["umount", "-l", str(folder / "small")], check=False)


def case_sigstop_and_continue():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        host = only_host(port)
        time.sleep(1.5)  # some samples from before
        volta.process.send_signal(signal.SIGSTOP)
        stopped = int(time.time() * 1000)
        time.sleep(5)
        at = int(time.time() * 1000)
        volta.process.send_signal(signal.SIGCONT)
        wait_until("goes on", lambda: any(v is not None for s in get(
            port, f"/api/v1/series?host={host['id']}&name=volta_load1&start={at}&end={at + 4000}&step=1s")["series"] for v in s["values"]))
        answer = get(port, f"/api/v1/series?host={host['id']}&name=volta_load1&start={stopped - 3000 * lib.SLOW}&end={at}&step=1s")
        # A step may hold what came up to one second before or after its time: only those wholly inside the pause count.
        inside = [i for i, t in enumerate(answer["timestamps"]) if stopped + 1000 < t < at - 1000]
        assert len(inside) >= 2 and answer["series"], answer
        assert all(s["values"][i] is None for s in answer["series"] for i in inside), f"missed ticks are not made up: {answer}"
