"""What leaves a store as text comes back bit for bit: volta export metrics."""
import json
import struct
import time

import remote_write
from lib import Folder, Volta, request, run, wait_until

NAN_BITS = 0x7FF8000000000000
WORDS = {"NaN": NAN_BITS, "+Inf": 0x7FF0000000000000, "-Inf": 0xFFF0000000000000}


def double(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def bits_of(value):
    if isinstance(value, str):
        return int(value[4:], 16) if value.startswith("NaN:") else WORDS[value]
    return struct.unpack("<Q", struct.pack("<d", float(value)))[0]


def integer(text):
    return -0.0 if text == "-0" else int(text)  # else Python loses the sign


def samples(text):
    """{labels: {unix ms: bits}} of JSON lines."""
    out = {}
    for line in text.splitlines():
        series = json.loads(line, parse_int=integer)
        of_series = out.setdefault(json.dumps(series["metric"], sort_keys=True), {})
        assert len(series["values"]) == len(series["timestamps"]) > 0, line[:200]
        for at, value in zip(series["timestamps"], series["values"]):
            assert at not in of_series, (series["metric"], at)
            of_series[at] = bits_of(value)
    return out


def write(port, key, series):
    status, _, text = request(port, "/prometheus/api/v1/write", "POST", remote_write.snappy(remote_write.write_request(series)),
                              remote_write.HEADERS, key)
    assert status == 204, (status, text[:300])


def case_export_is_read_back_bit_for_bit():
    """Odd doubles, a stale marker, labels within labels: out, in again elsewhere, and out: the same, served or not, sealed or not."""
    with Folder() as folder:
        begin = int(time.time() * 1000) - 3 * 86_400_000
        odd = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 18446744073709551615.0, 2.0**53 + 2, float("inf"), float("-inf")]
        want = [({"__name__": "odd", "q": 'a"\\\n,é'}, [(begin + 1000 * i, value) for i, value in enumerate(odd)]),
                ({"__name__": "odd", "q": 'a"\\\n,é', "more": "x"}, [(begin, 1.0)]),
                ({"__name__": "odd"}, [(begin + 7, 2.0), (begin + 86_400_000, 3.0)]),
                ({"__name__": "many_total", "n": "1"}, [(begin + 1000 * i, i / 3) for i in range(3000)])]
        with Volta("server", "--listen", "127.0.0.1:0", "--rpc-listen", "127.0.0.1:0", "--data", folder / "d") as volta:
            key_file = folder / "d" / "access-key"
            write(volta.port(), key_file.read_text().strip(), want)
            write(volta.port(), key_file.read_text().strip(), [({"__name__": "gone"}, [(begin, 1.0), (begin + 5, double(0x7FF0000000000002)), (begin + 9, double(NAN_BITS + 1))])])
            url = f"http://127.0.0.1:{volta.port()}"
            first = run("export", "metrics", "--server", url, "--key-file", key_file)
            assert samples(run("export", "metrics", "--data", folder / "d")) == samples(first)
            code, _, err = run("export", "metrics", "--server", url, expected=None)
            assert code == 6 and "--key-file" in err, (code, err)
        got = samples(first)
        for labels, points in want:
            assert got[json.dumps(labels, sort_keys=True)] == {at: bits_of(value) for at, value in points}, labels
        assert got['{"__name__": "gone"}'] == {begin: bits_of(1.0), begin + 5: 0x7FF0000000000002, begin + 9: NAN_BITS + 1}
        (folder / "f.jsonl").write_text(first)
        run("import", "--data", folder / "e", folder / "f.jsonl")
        assert samples(run("export", "metrics", "--data", folder / "e")) == got
        run("store", "seal", "--data", folder / "e")
        assert samples(run("export", "metrics", "--data", folder / "e")) == got
        # OpenMetrics says all but what NaNs carry.
        (folder / "f.om").write_text(run("export", "metrics", "--data", folder / "d", "--format", "openmetrics", "--match", "odd", "--match", "many_total"))
        run("import", "--data", folder / "o", folder / "f.om")
        assert samples(run("export", "metrics", "--data", folder / "o")) == {labels: points for labels, points in got.items() if "gone" not in labels}


def case_export_chooses():
    with Folder() as folder:
        begin = (int(time.time()) - 7200) * 1000
        (folder / "f.jsonl").write_text("".join(json.dumps({"metric": {"__name__": name, "k": k}, "values": list(range(100)),
                                                            "timestamps": [begin + 1000 * i for i in range(100)]}) + "\n"
                                                for name in ("a", "b") for k in ("1", "2")))
        run("import", "--data", folder / "d", folder / "f.jsonl")
        out = run("export", "metrics", "--data", folder / "d", "--match", 'a{k="1"}', "--start", begin / 1000 + 10, "--end", begin / 1000 + 12)
        assert [json.loads(line) for line in out.splitlines()] == [
            {"metric": {"__name__": "a", "k": "1"}, "values": [10, 11, 12], "timestamps": [begin + 10_000, begin + 11_000, begin + 12_000]}], out
        rows = run("export", "metrics", "--data", folder / "d", "--match", "b", "--format", "csv").splitlines()
        assert rows[0] == "timestamp,__name__,k,value" and len(rows) == 201, rows[:3]
        assert run("export", "metrics", "--data", folder / "d", "--match", "nothing") == ""
        for arguments, want in [(("--start", "2026-01-02", "--end", "2026-01-01"), 2), (("--start", "soon"), 2), (("--format", "xml"), 2), (("--match", "{"), 1)]:
            code, out, err = run("export", "metrics", "--data", folder / "d", *arguments, expected=None)
            assert code == want and err and not out, (arguments, code, out, err)
        code, _, err = run("export", "metrics", "--data", folder / "none", expected=None)
        assert code == 1 and "there is no store" in err, (code, err)


def case_export_of_a_hosts_own_metrics():
    with Folder() as folder:
        with Volta("local", "--listen", "127.0.0.1:0", "--data", folder / "d") as volta:
            wait_until("a few ticks", lambda: len(samples(run("export", "metrics", "--server", f"http://127.0.0.1:{volta.port()}", "--match", "volta_load1"))
                                                  and list(samples(run("export", "metrics", "--data", folder / "d", "--match", "volta_load1")).values())[0]) >= 3)
        got = samples(run("export", "metrics", "--data", folder / "d"))
        assert len(got) > 80 and all('"host"' in labels for labels in got), len(got)
        # Sealing does not change what is exported.
        run("store", "seal", "--data", folder / "d")
        assert samples(run("export", "metrics", "--data", folder / "d")) == got


def case_bench_store():
    with Folder() as folder:
        report = json.loads(run("bench", "store", "--directory", folder, "--hosts", 2, "--series", 16, "--span", "10m", "--json", timeout=120))
        assert report["samples"] == 2 * 16 * 600 and report["samples_per_cpu_second"] > 0 and report["bytes_per_sample"] > 0, report
        assert len(report["queries"]) == 3 and all(query["runs"] >= 3 for query in report["queries"]), report
        assert not list(folder.iterdir()), list(folder.iterdir())
        code, _, err = run("bench", "store", "--span", "1s", expected=None)
        assert code == 2 and "--span" in err, (code, err)


def case_archive():
    """Out of the store, into a file, and from there into another store: every sample once."""
    with Folder() as folder:
        with Volta("local", "--listen", "127.0.0.1:0", "--data", folder / "d") as volta:
            wait_until("a few ticks", lambda: len(next(iter(samples(run("export", "metrics", "--data", folder / "d", "--match", "volta_load1")).values()), ())) >= 3)
            code, _, err = run("archive", "--data", folder / "d", "--before", "now", "--output", folder / "f", expected=None)
            assert code == 7 and "served" in err, (code, err)
            assert volta.process.poll() is None
        before = samples(run("export", "metrics", "--data", folder / "d"))
        far = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 86_400))
        code, _, err = run("archive", "--data", folder / "d", "--before", far, "--output", folder / "f", expected=None)
        assert code == 1 and "volta store seal" in err and not (folder / "f").exists(), (code, err)
        run("store", "seal", "--data", folder / "d")
        done = json.loads(run("archive", "--data", folder / "d", "--before", far, "--output", folder / "f.jsonl.zst", "--json"))
        assert done["samples"] == sum(map(len, before.values())) and done["series"] == len(before), (done, len(before))
        assert run("export", "metrics", "--data", folder / "d") == ""
        stats = json.loads(run("store", "stats", "--data", folder / "d", "--json"))
        assert stats["tiers"]["raw"]["samples"] == 0 and stats["tiers"]["1m"]["samples"] > 0, stats
        code, _, err = run("archive", "--data", folder / "d", "--before", far, "--output", folder / "f.jsonl.zst", expected=None)
        assert code == 1, (code, err)
        run("import", "--data", folder / "e", folder / "f.jsonl.zst")
        assert samples(run("export", "metrics", "--data", folder / "e")) == before
