"""Whom volta asks by itself: exporters that it scrapes, text files that it reads, and what its configuration refuses."""
import json
import os
import re
import ssl
import subprocess
import time

from cases_prometheus import data, local, prometheus, values
from exporter import Exporter
from lib import Folder, request, run, wait_until


def configured(folder, toml, role="local"):
    """The arguments that give a role this configuration."""
    file = folder / f"{role}.toml"
    file.write_text(toml)
    return ("--config", file)


def threads(volta):
    return len(os.listdir(f"/proc/{volta.process.pid}/task"))


def self_metrics(port):
    status, _, text = request(port, "/metrics")
    assert status == 200
    return text


def case_scrape_static_and_file_targets():
    """Both kinds of targets, relabelling, `up`, stale markers of a series, of a target that is away and of one that left its file."""
    with Folder() as folder, Exporter("# TYPE a_total counter\na_total{k=\"1\"} 5\ngo_gc 1\nb{instance=\"own\"} 2\n") as first, \
            Exporter("c 7\n# EOF\n", content_type="application/openmetrics-text; version=1.0.0") as second:
        targets = folder / "targets.json"
        targets.write_text(json.dumps([{"targets": [second.address], "labels": {"rack": "r2", "__meta_x": "y"}}]))
        begun = time.monotonic()
        with local(folder / "d", *configured(folder, f"""
[[scrape]]
job = "static"
targets = ["{first.address}"]
labels = {{ rack = "r1" }}
interval = "500ms"
headers = {{ X-Scope-OrgID = "tenant" }}
[[scrape.metric_relabel_configs]]
source_labels = ["__name__"]
regex = "go_.*"
action = "drop"

[[scrape]]
job = "files"
file_sd = ["{folder}/tar*.json"]
interval = "500ms"
[[scrape.relabel_configs]]
source_labels = ["__meta_x"]
target_label = "x"
""")) as volta:
            port = volta.port()
            got = wait_until("a sample", lambda: values(port, "a_total"))
            assert got[0]["metric"] == {"__name__": "a_total", "job": "static", "instance": first.address, "rack": "r1", "k": "1"}, got
            assert got[0]["value"][1] == "5"
            own = values(port, "b")[0]["metric"]
            assert own["instance"] == first.address and own["exported_instance"] == "own", own
            assert values(port, "go_gc") == []
            got = wait_until("the file's target", lambda: values(port, "c"))
            assert got[0]["metric"] == {"__name__": "c", "job": "files", "instance": second.address, "rack": "r2", "x": "y"}, got
            assert {s["metric"]["job"]: s["value"][1] for s in values(port, "up")} == {"static": "1", "files": "1"}
            assert values(port, 'scrape_samples_scraped{job="static"}')[0]["value"][1] == "3"
            assert values(port, 'scrape_samples_post_metric_relabeling{job="static"}')[0]["value"][1] == "2"
            headers = first.asked[-1][1]
            assert headers["x-scope-orgid"] == "tenant" and headers["user-agent"].startswith("volta/"), headers

            shown = data(port, "targets")["activeTargets"]
            assert [(t["scrapePool"], t["health"], t["lastError"]) for t in shown] == [("files", "up", ""), ("static", "up", "")], shown
            assert shown[1]["scrapeUrl"] == f"http://{first.address}/metrics" and shown[1]["scrapeInterval"] == "500ms", shown
            assert shown[0]["discoveredLabels"]["__meta_x"] == "y", shown
            assert data(port, "metadata", metric="a_total")["a_total"][0]["type"] == "counter"
            text = self_metrics(port)
            assert 'volta_scrape_targets{health="up"} 2' in text and "volta_scrape_samples_total" in text

            first.text = "a_total{k=\"2\"} 6\n"  # a series ends, another begins
            wait_until("the new series", lambda: values(port, 'a_total{k="2"}'))
            wait_until("the end of the old one", lambda: not values(port, 'a_total{k="1"}'))
            first.stop()
            wait_until("up to be 0", lambda: values(port, 'up{job="static"} == 0'))
            assert values(port, "a_total") == []  # at once, not after five minutes
            failing = [t for t in data(port, "targets")["activeTargets"] if t["health"] == "down"]
            assert len(failing) == 1 and failing[0]["scrapePool"] == "static" and failing[0]["lastError"], failing
            again = Exporter("a_total{k=\"2\"} 8\n", port=first.port)
            wait_until("the target to come back", lambda: values(port, 'a_total{k="2"} == 8'))
            assert values(port, 'up{job="static"} == 1')

            targets.write_text("[]")  # read every 30 s
            wait_until("the target to leave", lambda: not values(port, 'up{job="files"}'), 45 - (time.monotonic() - begun))
            assert values(port, "c") == [] and len(data(port, "targets")["activeTargets"]) == 1
            again.stop()
        before = float(run("query", 'count_over_time(a_total{k="2"}[1h])', "--data", folder / "d").split()[-1])
        assert before > 1, before


def case_scrape_credentials_and_limits():
    with Folder() as folder, Exporter("m 1\nn 2\n", user="u:hush-4711") as guarded, Exporter("x 1\n" * 3) as broken:
        secret = folder / "pw"
        secret.write_text("hush-4711\n")
        secret.chmod(0o600)
        toml = f"""
[[scrape]]
job = "guarded"
targets = ["{guarded.address}"]
interval = "500ms"
username = "u"
password_file = "{secret}"
params = {{ "collect[]" = ["cpu", "a&b"] }}
metrics_path = "/probe"

[[scrape]]
job = "too-many"
targets = ["{guarded.address}"]
interval = "500ms"
username = "u"
password_file = "{secret}"
sample_limit = 1

[[scrape]]
job = "stranger"
targets = ["{guarded.address}"]
interval = "500ms"
"""
        with local(folder / "d", *configured(folder, toml)) as volta:
            port = volta.port()
            wait_until("three answers", lambda: len(values(port, "up")) == 3)
            wait_until("the guarded target", lambda: values(port, 'm{job="guarded"}'))
            assert {s["metric"]["job"]: s["value"][1] for s in values(port, "up")} == {"guarded": "1", "too-many": "0", "stranger": "0"}
            errors = {t["scrapePool"]: t["lastError"] for t in data(port, "targets")["activeTargets"]}
            assert "limit of 1" in errors["too-many"] and "401" in errors["stranger"], errors
            assert any(path == "/probe?collect%5B%5D=a%26b&collect%5B%5D=cpu" for path, _ in guarded.asked), guarded.asked[:3]
            assert "hush" not in volta.stderr
        # Loopback is not among the networks that may be asked.
        with local(folder / "e", *configured(folder, f'[outbound]\nallow = ["private"]\n[[scrape]]\njob = "a"\ntargets = ["{broken.address}"]\ninterval = "500ms"\n')) as volta:
            port = volta.port()
            wait_until("up to be 0", lambda: values(port, "up == 0"))
            assert "not in the networks that may be asked" in data(port, "targets")["activeTargets"][0]["lastError"]
            assert not broken.asked


def case_text_files_of_scripts():
    with Folder() as folder:
        scripts = folder / "text"
        scripts.mkdir()
        (scripts / "a.prom").write_text("# HELP backup_age_seconds Since the last one\n# TYPE backup_age_seconds gauge\nbackup_age_seconds{disk=\"x\"} 3\n")
        with local(folder / "d", *configured(folder, f'[textfile]\nfolder = "{scripts}"\ninterval = "1s"\n')) as volta:
            port = volta.port()
            got = wait_until("the file's sample", lambda: values(port, "backup_age_seconds"))
            host = wait_until("a measured one", lambda: values(port, "volta_uptime_seconds"))[0]["metric"]["host"]
            assert got[0]["metric"] == {"__name__": "backup_age_seconds", "disk": "x", "host": host, "job": "textfile"}, got
            assert data(port, "metadata", metric="backup_age_seconds")["backup_age_seconds"][0]["help"] == "Since the last one"
            assert len(values(port, "node_textfile_mtime_seconds")) == 1
            (scripts / "b.prom").write_text("half a li")
            wait_until("the complaint", lambda: values(port, "node_textfile_scrape_error == 1"))
            assert values(port, "backup_age_seconds")
            (scripts / "a.prom").unlink()
            wait_until("its end", lambda: not values(port, "backup_age_seconds"))


def case_configuration_of_peers_is_checked():
    """What cannot work ends a start with exit code 3, and says where it stands; `config check` says the same; secrets are never shown."""
    with Folder() as folder:
        job = '[[scrape]]\njob = "a"\ntargets = ["h:1"]\n'
        for toml, line, words in [
            (job + 'scheme = "ftp"\n', 4, "scrape.scheme = 'ftp' is not one of http, https"),
            (job + job, 4, "stands at"),
            ('[[scrape]]\ntargets = ["h:1"]\n', 1, "needs job"),
            (job + 'interval = "soon"\n', 4, "is not a duration such as"),
            (job + '[[scrape.relabel_configs]]\naction = "drop"\n', 4, "needs source_labels"),
            (job + f'bearer_token_file = "{folder}/none"\n', 4, "cannot read the key file"),
            ('[scrape]\njob = "a"\n', 1, "[[scrape]]"),
            ('[[remote_write]]\nname = "w"\nurl = "http://u:hush@h/"\n', 3, "must not hold a user or password"),
            ('[[remote_write]]\nurl = "http://h/"\n', 1, "needs name"),
            ('[textfile]\nfolder = "x"\n', 2, "absolute path"),
            ('[outbound]\nallow = ["10.0.0.0/99"]\n', 2, "is not a network"),
            ('[query]\nmax_concurrency = 1000\n', 2, "from 1 to 64"),
        ]:
            arguments = configured(folder, toml)
            for role in (("config", "check"), ("local", "--listen", "127.0.0.1:0", "--data", folder / "d")):
                code, _, err = run(*role, *arguments, expected=None)
                assert "hush" not in err, err
                assert code == 3 and f"local.toml:{line}: " in err and words in err, (toml, role, code, err)
        (folder / "token").write_text("hush-hush")
        (folder / "token").chmod(0o600)
        arguments = configured(folder, job + f'bearer_token_file = "{folder}/token"\nheaders = {{ X-Key = "whisper" }}\nscrap_interval = "1s"\n')
        code, out, err = run("config", "check", *arguments, expected=None)
        assert code == 0 and "see the warnings" in out and "local.toml:6: unknown key scrape.scrap_interval; did you mean scrape.interval?" in err, (out, err)
        shown = run("config", "show", *arguments)
        assert "scrape[1].job = a " in shown and f"scrape[1].bearer_token_file = {folder}/token " in shown and "scrape[1].interval = 1m    # default" in shown
        assert "hush" not in shown and "whisper" not in shown and "X-Key = (not shown)" in shown, shown
        init = run("config", "init", "--role", "server")
        assert "#[[scrape]]" in init and "#[[scrape.metric_relabel_configs]]" in init and "[query]" in init
        whole = init.replace("\n#", "\n").replace("\n ", "\n# ")
        code, _, err = run("config", "check", *configured(folder, whole, "server"), "--role", "server", expected=None)
        assert code == 3 and 'say store.engine = "prometheus"' in err, err
        whole = re.sub(r"\n\[store\]\n.*?(?=\n\[)", "", whole, flags=re.DOTALL)
        code, _, err = run("config", "check", *configured(folder, whole, "server"), "--role", "server", expected=None)
        assert code == 0, err


def certificate(folder):
    """Of an authority of its own, for 127.0.0.1: (context of a server, file of the authority)."""
    key, file = folder / "tls.key", folder / "tls.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", file], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context, file


def case_https_with_an_authority_of_its_own():
    """Scraped and written to where ca_file names the authority, with the bearer token; neither where it does not."""
    with Folder() as folder:
        context, authority = certificate(folder)
        (folder / "token").write_text("hush")
        (folder / "token").chmod(0o600)
        with Exporter("a_total 5\n", tls=context) as known, Exporter("b_total 6\n", tls=context) as unknown:
            def peers(name, exporter, more):
                return (f'[[scrape]]\njob = "{name}"\ntargets = ["{exporter.address}"]\nscheme = "https"\ninterval = "500ms"\n{more}'
                        f'[[remote_write]]\nname = "{name}"\nurl = "https://{exporter.address}/write"\n{more}')
            toml = peers("known", known, f'ca_file = "{authority}"\nbearer_token_file = "{folder}/token"\n') + peers("unknown", unknown, "")
            with local(folder / "d", *configured(folder, toml)) as volta:
                assert wait_until("a sample", lambda: values(volta.port(), "a_total"))[0]["value"][1] == "5"
                wait_until("a write", lambda: any(path == "/write" for path, _ in known.asked))
                assert all(headers["authorization"] == "Bearer hush" for _, headers in known.asked), known.asked
                wait_until("down", lambda: [row["value"][1] for row in values(volta.port(), 'up{job="unknown"}')] == ["0"])
                wait_until("a word", lambda: volta.stderr.count("certificate") >= 2)
                assert not unknown.asked and "hush" not in volta.stderr, (unknown.asked, volta.stderr)


def case_query_limits_are_settings():
    with Folder() as folder:
        toml = '[query]\nmax_samples = 1000\nmax_series = 3\nlookback_delta = "90s"\nmax_concurrency = 2\ntimeout = "30s"\n'
        with local(folder / "d", *configured(folder, toml)) as volta:
            port = volta.port()
            flags = data(port, "status/flags")
            assert flags["query.max-concurrency"] == "2" and flags["query.lookback-delta"] == "90s" and flags["query.max-samples"] == "1000", flags
            wait_until("a series", lambda: values(port, "volta_uptime_seconds"))
            status, answer = prometheus(port, "query", query='count({__name__=~"volta_.*"})')
            assert status == 422 and "series" in answer["error"], answer


def case_nothing_configured_starts_nothing():
    with Folder() as folder, Exporter("a 1\n") as exporter:
        def census(name, toml):
            with local(folder / name, *configured(folder, toml)) as volta:
                wait_until("series", lambda: values(volta.port(), "volta_uptime_seconds"))
                return threads(volta), "volta_scrape_targets" in self_metrics(volta.port()), data(volta.port(), "targets")["activeTargets"]
        idle = census("a", "")
        busy = census("b", f'[[scrape]]\njob = "a"\ntargets = ["{exporter.address}"]\ninterval = "500ms"\n')
        assert idle[1:] == (False, []) and busy[0] > idle[0] and busy[1] and len(busy[2]) == 1, (idle, busy)
