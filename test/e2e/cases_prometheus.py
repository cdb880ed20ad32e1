"""PromQL and Prometheus' HTTP API of a running volta: what it measured itself, what others write, what `volta query` and `volta import` make of it."""
import contextlib
import json
import lzma
import math
import sqlite3
import time
import urllib.parse

import lib
import remote_write
from lib import Folder, Volta, get, request, run, wait_until


def local(folder, *more):
    return Volta("local", "--listen", "127.0.0.1:0", "--data", folder, *more)


def server(folder):
    return Volta("server", "--listen", "127.0.0.1:0", "--rpc-listen", "127.0.0.1:0", "--data", folder)


def access_key(folder):
    return (folder / "access-key").read_text().strip()


def prometheus(port, path, key=None, **parameters):
    """The status and the envelope of a GET below /prometheus/api/v1/."""
    query = urllib.parse.urlencode(parameters, doseq=True)
    status, _, text = request(port, f"/prometheus/api/v1/{path}" + (f"?{query}" if query else ""), key=key)
    return status, json.loads(text)


def data(port, path, key=None, **parameters):
    status, answer = prometheus(port, path, key, **parameters)
    assert status == 200 and answer["status"] == "success", (path, parameters, status, answer)
    return answer["data"]


def values(port, expression, key=None, **parameters):
    return data(port, "query", key, query=expression, **parameters)["result"]


def sample_times(port, selector, begin, end, key=None):
    """The times (unix s) of the samples of a series between two times; none where there is no such series."""
    got = values(port, f"{selector}[{math.ceil(end - begin)}s]", key, time=end)
    assert len(got) <= 1, got
    return [t for t, _ in got[0]["values"] if t >= begin] if got else []


def write(port, key, series, expected=204):
    status, _, text = request(port, "/prometheus/api/v1/write", "POST", remote_write.snappy(remote_write.write_request(series)),
                              remote_write.HEADERS, key)
    assert status == expected, (status, text[:300])
    return text


def own_metric(port, key, name):
    return next(item["samples"][0]["value"] for item in get(port, "/api/v1/system/metrics", key)["items"] if item["name"] == name)


def case_promql_of_this_machine():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        assert values(port, "1+1")[1] == "2"
        total = wait_until("memory", lambda: values(port, "volta_memory_total_bytes"))
        kernel = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) * 1024
        assert len(total) == 1 and float(total[0]["value"][1]) == kernel, total
        assert total[0]["metric"]["__name__"] == "volta_memory_total_bytes" and total[0]["metric"]["host"], total
        # All modes of all CPUs together run as fast as the clock.
        rate = wait_until("rates", lambda: values(port, "sum(rate(volta_cpu_seconds_total[5s])) / sum(volta_cpus_online) > 0.8"))
        assert float(rate[0]["value"][1]) < 1.25, rate
        time.sleep(2)
        now = time.time()
        matrix = data(port, "query_range", query="volta_uptime_seconds", start=now - 5, end=now, step=1)["result"]
        assert len(matrix) == 1 and len(matrix[0]["values"]) >= 2, matrix


def case_labels_series_and_metadata():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        wait_until("series", lambda: values(port, "volta_uptime_seconds"))
        names = data(port, "labels")
        assert "__name__" in names and "host" in names and names == sorted(names), names
        metrics = data(port, "label/__name__/values")
        assert "volta_memory_total_bytes" in metrics and metrics == sorted(metrics)
        modes = data(port, "label/mode/values", **{"match[]": "volta_cpu_seconds_total"})
        assert "idle" in modes and "user" in modes, modes
        series = data(port, "series", **{"match[]": ["volta_cpu_seconds_total{mode='idle'}", "volta_uptime_seconds"]})
        assert {s["__name__"] for s in series} == {"volta_cpu_seconds_total", "volta_uptime_seconds"}, series
        meta = data(port, "metadata", metric="volta_memory_total_bytes")
        assert meta["volta_memory_total_bytes"][0]["type"] == "gauge" and meta["volta_memory_total_bytes"][0]["help"], meta
        assert data(port, "status/buildinfo")["version"]
        assert data(port, "rules") == {"groups": []}
        status, _, text = request(port, "/prometheus/federate?" + urllib.parse.urlencode({"match[]": "volta_uptime_seconds"}))
        assert status == 200 and "volta_uptime_seconds{host=" in text, text


def case_promql_errors_are_prometheus_own():
    with Folder() as folder, local(folder / "d") as volta:
        port = volta.port()
        for path, parameters, want, kind, text in [
            ("query", {"query": "sum("}, 400, "bad_data", "parse error"),
            ("query", {}, 400, "bad_data", ""),
            ("query", {"query": "1", "time": "x"}, 400, "bad_data", 'invalid parameter "time"'),
            ("query_range", {"query": "1", "start": 10, "end": 1, "step": 1}, 400, "bad_data", "end timestamp must not be before start time"),
            ("query_range", {"query": "1", "start": 0, "end": 1e6, "step": 1}, 400, "bad_data", "exceeded maximum resolution of 11,000 points"),
            ("query_range", {"query": "1", "start": 0, "end": 10, "step": 0}, 400, "bad_data", "zero or negative query resolution step widths are not accepted"),
            ("series", {}, 400, "bad_data", "no match[] parameter provided"),
            ("series", {"match[]": "{a=''}"}, 400, "bad_data", ""),
            ("nothing", {}, 404, "not_found", ""),
        ]:
            status, answer = prometheus(port, path, **parameters)
            assert status == want and answer["status"] == "error" and answer["errorType"] == kind and text in answer["error"], (path, parameters, status, answer)


def case_what_others_write_is_kept():
    """Acknowledged by 204 means committed: kill -9 right behind it loses nothing, and nothing comes twice."""
    with Folder() as folder:
        begin = int(time.time() * 1000) - 600_000
        volta = server(folder / "d")
        key = access_key(folder / "d")
        for i in range(20):
            write(volta.port(), key, [({"__name__": "outside_total", "job": "a", "Rack": "r1"}, [(begin + 1000 * (5 * i + j), 5.0 * i + j) for j in range(5)]),
                                      ({"__name__": "outside", "job": "b"}, [(begin + 5000 * i, float("nan"))])])
        volta.kill()
        with server(folder / "d") as volta:
            port = volta.port()
            end = (begin + 99_000) / 1000
            got = values(port, "outside_total[10m]", key, time=end)
            assert len(got) == 1 and got[0]["metric"] == {"__name__": "outside_total", "job": "a", "Rack": "r1"}, got
            assert [(round(t * 1000), float(v)) for t, v in got[0]["values"]] == [(begin + 1000 * i, float(i)) for i in range(100)]
            assert float(values(port, "count_over_time(outside[10m])", key, time=end)[0]["value"][1]) == 20
            # Once more, and late: of two for one time the later accepted wins.
            write(port, key, [({"__name__": "outside_total", "job": "a", "Rack": "r1"}, [(begin + 50_000, 7.0), (begin - 1000, -1.0)])])
            got = values(port, "outside_total[11m]", key, time=end)[0]["values"]
            assert len(got) == 101 and float(got[0][1]) == -1 and float(got[51][1]) == 7, got[:3]


def case_remote_write_refusals():
    with Folder() as folder, server(folder / "d") as volta:
        port, key = volta.port(), access_key(folder / "d")
        now = int(time.time() * 1000)
        body = remote_write.write_request([({"__name__": "m"}, [(now, 1.0)])])
        for content, headers, credentials, want in [
            (remote_write.snappy(body), {}, "x" * 43, 401),
            (remote_write.snappy(body), {"Content-Type": "text/plain"}, key, 415),
            (remote_write.snappy(body), {"Content-Encoding": "gzip"}, key, 415),
            (b"\xff\xff\xff\x7f", {}, key, 413),  # a bomb by its word
            (b"nonsense", {}, key, 400),
            (remote_write.snappy(b"\x0a\xff"), {}, key, 400),
            (remote_write.snappy(remote_write.write_request([({"job": "nameless"}, [(now, 1.0)])])), {}, key, 400),
        ]:
            status, _, text = request(port, "/prometheus/api/v1/write", "POST", content, {**remote_write.HEADERS, **headers}, credentials)
            assert status == want, (content[:20], headers, status, text[:200])
        # Microseconds: such samples would never grow old.
        assert "ahead of the server's clock" in write(port, key, [({"__name__": "early"}, [(now * 1000, 1.0)])], expected=400)
        # A bad series costs only itself.
        write(port, key, [({"__name__": "good"}, [(now, 1.0)]), ({"bad": "x"}, [(now, 1.0)])], expected=400)
        assert len(values(port, "good", key)) == 1
        # What is a little ahead is taken, and counted.
        future = lambda: own_metric(port, key, "volta_server_future_samples_total")
        assert future() == 0
        write(port, key, [({"__name__": "ahead"}, [(now, 1.0), (now + 600_000, 2.0)])])
        assert future() == 1
        assert sample_times(port, "ahead", now / 1000 - 1, now / 1000 + 601, key) == [now / 1000, now / 1000 + 600]


def case_query_command():
    with Folder() as folder:
        with local(folder / "d") as volta:
            url = f"http://127.0.0.1:{volta.port()}"
            wait_until("series", lambda: values(volta.port(), "volta_uptime_seconds"))
            assert run("query", "1 + 1", "--server", url) == "2\n"
            table = run("query", "volta_memory_total_bytes", "--server", url)
            assert table.startswith("volta_memory_total_bytes{host="), table
            csv = run("query", "volta_memory_total_bytes", "--server", url, "--range", "10s", "--step", "1s", "--format", "csv").splitlines()
            assert csv[0] == "timestamp,__name__,host,value" and len(csv) >= 2, csv
            # The last step is now, however long the steps are: a volta that has just begun has an answer.
            table = run("query", "volta_memory_total_bytes", "--server", url, "--range", "23h")
            assert table.startswith("volta_memory_total_bytes{host="), table
            assert json.loads(run("query", "1", "--server", url, "--format", "json"))["status"] == "success"
            assert run("query", "volta_uptime_seconds", "--data", folder / "d").startswith("volta_uptime_seconds{")
            code, out, err = run("query", "sum(volta_memroy_total_bytes) + volta_uptime_seconds", "--server", url, expected=None)
            assert (code, out) == (0, "no data\n") and err == "there is no metric volta_memroy_total_bytes; did you mean volta_memory_total_bytes?\n", (code, out, err)
            code, out, err = run("export", "metrics", "--match", "nosuch", "--server", url, expected=None)
            assert (code, out) == (0, "") and "there is no sample from" in err and "of what --match asks for" in err, (code, out, err)
            code, _, err = run("query", "sum(", "--server", url, expected=None)
            assert code == 1 and "parse error" in err, (code, err)
        # The same of the directory when nobody serves it.
        assert run("query", "count_over_time(volta_uptime_seconds[1h])", "--data", folder / "d").startswith("{host=")
        code, _, err = run("query", "1", "--server", url, expected=None)
        assert code == 5, (code, err)


def case_import_command():
    with Folder() as folder:
        begin = int(time.time() * 1000) - 3_600_000
        lines = [{"metric": {"__name__": "brought_total", "n": str(n)}, "values": [n + i / 10 for i in range(100)],
                  "timestamps": [begin + 1000 * i for i in range(100)]} for n in range(3)]
        (folder / "f.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "f.om").write_text(f"# TYPE brought gauge\nbrought{{k=\"v\"}} 1.5 {begin / 1000:.3f}\nbrought{{k=\"v\"}} 2.5 {begin / 1000 + 1:.3f}\n# EOF\n")
        (folder / "bad.jsonl").write_text(json.dumps(lines[0]) + "\n{\"metric\":{}}\n")
        assert run("import", "--data", folder / "d", folder / "f.jsonl") == "300 samples imported\n"
        code, out, err = run("import", "--data", folder / "d", folder / "bad.jsonl", expected=None)
        assert code == 1 and "line 2" in err and out.startswith("100 samples imported"), (code, out, err)
        with server(folder / "d") as volta:
            key = access_key(folder / "d")
            assert json.loads(run("import", "--json", "--data", folder / "d", folder / "f.om")) == {"samples": 2, "refused": 0}
            got = {s["metric"]["n"]: [float(v) for _, v in s["values"]] for s in values(volta.port(), "brought_total[5m]", key, time=(begin + 99_000) / 1000)}
            assert got == {str(n): [n + i / 10 for i in range(100)] for n in range(3)}, got
            assert values(volta.port(), "brought", key, time=begin / 1000 + 1)[0]["value"][1] == "2.5"
            assert not get(volta.port(), "/api/v1/hosts", key)["items"]


def case_imported_recording_is_sealed_small():
    """import, seal, stats on a recorded machine: queries answer the same from packs, at less than 0.4 bytes a sample, and after the same once more."""
    recorded = [json.loads(line) for line in lzma.open(lib.TEST / "fixtures/metrics/node-1s.jsonl.xz", "rt")]
    # As if it were measured today, at the same minutes of an hour.
    shift = (int(time.time() * 1000) - 2 * 3_600_000 - recorded[0]["timestamps"][0]) // 3_600_000 * 3_600_000
    for line in recorded:
        line["timestamps"] = [at + shift for at in line["timestamps"]]
    end = recorded[0]["timestamps"][-1] / 1000
    with Folder() as folder:
        (folder / "f.jsonl").write_text("".join(json.dumps(line) + "\n" for line in recorded))
        assert run("import", "--data", folder / "d", folder / "f.jsonl") == "115200 samples imported\n"
        asked = [("query", "--format", "json", "--time", f"{end:.3f}", "--data", folder / "d", expression)
                 for expression in ("{__name__=~'node_[a-m].+'}[30m]", "sum by (mode) (rate(node_cpu_seconds_total[10m]))", "sum(count_over_time(node_cpu_seconds_total[40m]))")]
        before = [json.loads(run(*arguments)) for arguments in asked]
        assert all(answer["data"]["result"] for answer in before), before
        run("store", "seal", "--data", folder / "d")
        stats = json.loads(run("store", "stats", "--data", folder / "d", "--json"))
        assert stats["tiers"]["raw"]["samples"] == 115_200 and stats["tiers"]["1h"]["samples"] >= 64, stats
        with contextlib.closing(sqlite3.connect(folder / "d" / "volta.db")) as database:
            packed, rows = database.execute("SELECT (SELECT sum(length(data)) FROM pack WHERE tier=0), (SELECT count(*) FROM foreign_row)").fetchone()
        assert rows == 0 and packed / 115_200 < 0.40, (rows, packed)
        assert [json.loads(run(*arguments)) for arguments in asked] == before
        # The same once more changes nothing, before it is sealed and after.
        run("import", "--data", folder / "d", folder / "f.jsonl")
        assert [json.loads(run(*arguments)) for arguments in asked] == before
        run("store", "seal", "--data", folder / "d")
        assert [json.loads(run(*arguments)) for arguments in asked] == before
        assert "sound" in run("store", "check", "--data", folder / "d")


def case_store_commands():
    """stats, check, backup and restore, beside a running volta and without; a backup holds what was acknowledged before it."""
    with Folder() as folder:
        begin = int(time.time() * 1000) - 600_000
        with server(folder / "d") as volta:
            key = access_key(folder / "d")
            write(volta.port(), key, [({"__name__": "kept", "n": str(n)}, [(begin + 1000 * i, float(i)) for i in range(50)]) for n in range(4)])
            stats = json.loads(run("store", "stats", "--data", folder / "d", "--json"))
            assert stats["samples"] == 200 and stats["series"] == 4 and stats["bytes"] > 0 and stats["bytes_per_sample"] > 0, stats
            assert set(stats["tiers"]) == {"raw", "1m", "1h"} and stats["series_of_metric"] == [{"name": "kept", "count": 4}], stats
            assert "sound" in run("store", "check", "--data", folder / "d")
            run("backup", "--data", folder / "d", folder / "copy.db")
            write(volta.port(), key, [({"__name__": "later"}, [(begin, 1.0)])])
            code, _, err = run("backup", "--data", folder / "d", folder / "copy.db", expected=None)
            assert code == 1 and "exists" in err, (code, err)
        made = run("backup", "--data", folder / "d", folder / "again.db", "--json")
        assert json.loads(made) == {"file": str(folder / "again.db"), "bytes": (folder / "again.db").stat().st_size}, made
        made = run("restore", "--data", folder / "e", folder / "copy.db", "--json")
        assert json.loads(made) == {"data": str(folder / "e"), "bytes": (folder / "e" / "volta.db").stat().st_size}, made
        sealed = json.loads(run("store", "seal", "--data", folder / "e", "--json"))
        assert sealed["sealed"] is True and sealed["bytes"] > 0, sealed
        code, _, err = run("restore", "--data", folder / "e", folder / "copy.db", expected=None)
        assert code != 0 and err, (code, err)
        assert json.loads(run("store", "check", "--data", folder / "e", "--json"))["sound"] is True
        table = run("store", "stats", "--data", folder / "e").splitlines()
        assert table[0].split() == ["samples", "series", "bytes", "bytes", "per", "sample"] and table[1].startswith("whole "), table[:4]
        tiers = [line for line in table if line.split(" ")[0] in ("whole", "raw", "1m", "1h")]
        assert len(tiers) >= 3 and len({len(line) for line in tiers}) == 1, tiers  # columns
        assert "(none)" in "\n".join(table), table
        for action in ("stats", "check", "seal"):
            shown = run("store", action, "--help")
            assert [other for other in ("stats", "check", "seal") if f"volta store {other} --data" in shown] == [action], shown
        with server(folder / "e") as volta:
            key = access_key(folder / "e")
            assert float(values(volta.port(), "sum(count_over_time(kept[10m]))", key, time=(begin + 60_000) / 1000)[0]["value"][1]) == 200
            assert values(volta.port(), "later", key, time=(begin + 1000) / 1000) == []
        code, _, err = run("store", "stats", "--data", folder / "nothing", expected=None)
        assert code == 1 and "there is no store" in err, (code, err)
        (folder / "bad.db").write_bytes(b"nonsense" * 1000)
        code, _, err = run("restore", "--data", folder / "f", folder / "bad.db", expected=None)
        assert code != 0 and err and not (folder / "f" / "volta.db").exists(), (code, err)


def case_sealed_history_reads_the_same():
    """`volta store seal` packs every open window; what queries answer stays what it was, and the tiers have windows."""
    with Folder() as folder:
        with local(folder / "d") as volta:
            wait_until("a few ticks", lambda: values(volta.port(), "count_over_time(volta_load1[1m]) > 4"))
        asked = [("query", "--format", "json", "--time", f"{time.time():.3f}", "--data", folder / "d", expression)
                 for expression in ("volta_cpu_seconds_total[10m]", "sum by (mode) (rate(volta_cpu_seconds_total[5m]))", "{__name__=~'volta_memory.*'}[10m]")]
        before = [json.loads(run(*arguments)) for arguments in asked]
        assert all(answer["data"]["result"] for answer in before), before
        code, _, err = run("store", "seal", "--data", folder / "d", expected=None)
        assert code == 0, err
        stats = json.loads(run("store", "stats", "--data", folder / "d", "--json"))
        assert stats["tiers"]["1m"]["samples"] > 0 and stats["tiers"]["1h"]["samples"] > 0 and stats["samples"] > 0, stats
        assert [json.loads(run(*arguments)) for arguments in asked] == before
        assert "sound" in run("store", "check", "--data", folder / "d")
        with local(folder / "d") as volta:
            code, _, err = run("store", "seal", "--data", folder / "d", expected=None)
            assert code == 7 and "served by another" in err, (code, err)
