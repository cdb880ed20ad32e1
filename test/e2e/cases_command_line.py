"""The command line itself: help, typos, exit codes, readings on stdout."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import lib
from lib import Folder, Skip, run, wait_until


def commands(text):
    """Those that a help text lists."""
    listed = text.partition("Subcommands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  (\w+)", listed, re.M)


def case_version_and_help():
    assert re.fullmatch(r"volta \d+\.\d+\.\d+ \(\w+\)\n", run("--version"))
    assert json.loads(run("version", "--json"))["version"]
    assert "volta local" in run("--help") and len(commands(run("--help"))) > 10
    for command in commands(run("--help")):
        text = run(command, "--help")
        assert "Example" in text and f"volta {command}" in text and text == run("help", command), command
        for action in commands(text):
            text = run(command, action, "--help")
            assert "Example" in text and f"  volta {command} " in text, (command, action)
    assert run("help") == run("--help")


def case_typos_name_the_nearest():
    for words, hint in ((("locl",), "did you mean local?"), (("agnet",), "did you mean agent?"), (("local", "--lisen", "x"), "did you mean --listen?"),
                        (("host", "lst"), "did you mean list?"), (("agent", "--formt=json"), "did you mean --format?")):
        code, out, err = run(*words, expected=None)
        assert code == 2 and hint in err, (words, code, err)
        assert out == ""
    code, _, err = run("local", "--completely-unheard-of", expected=None)
    assert code == 2 and "did you mean" not in err and "--completely-unheard-of" in err


def case_configuration_errors_exit_3():
    with Folder() as folder:
        file = folder / "c.toml"
        file.write_text('\n[http]\nlisten = 5\n')
        code, _, err = run("local", "--config", file, expected=None)
        assert code == 3 and f"{file}:3" in err and "HOST:PORT" in err, err
        file.write_text('[retention]\nrow = "1d"\n')
        code, out, err = run("config", "check", "--config", file, expected=None)
        assert code == 0 and "did you mean retention.raw" in err, err
        file.write_text('[metrics]\ndisable = ["volta_lod1"]\n')
        code, _, err = run("config", "check", "--config", file, expected=None)
        assert code == 3 and f"{file}:2" in err and "did you mean volta_load1" in err, (code, err)
        file.write_text('[agent]\ncores = [8191]\n')  # which no machine has
        code, _, err = run("config", "check", "--config", file, expected=None)
        assert code == 0 and f"{file}:2: agent.cores: this machine has no core 8191" in err, (code, err)
        run("config", "check", "--config", folder / "none.toml", expected=3)
        for role in ("local", "server", "agent"):
            file.write_text(run("config", "init", "--role", role))
            run("config", "check", "--role", role, "--config", file)
        for name, hint in (("certificate", "belong together"), ("key", "belong together")):
            file.write_text(f'[http]\n{name} = "/none.pem"\n')
            code, _, err = run("config", "check", "--role", "server", "--config", file, expected=None)
            assert code == 3 and hint in err, (code, err)
        file.write_text('[http]\ncertificate = "/none.pem"\nkey = "/none.pem"\n')
        code, _, err = run("config", "check", "--role", "server", "--config", file, expected=None)
        assert code == 3 and "/none.pem" in err, (code, err)
        file.write_text('[http]\nlisten = "0.0.0.0:8420"\ninsecure = true\n')
        assert run("config", "check", "--config", file) == "the configuration is good\n"
        for hostile, hint in ((folder, "not a regular file"), ("/dev/zero", "not a regular file")):
            code, _, err = run("config", "check", "--config", hostile, expected=None)
            assert code == 3 and hint in err, (code, err)
        code, _, err = run("agent", "--once", "--procfs", folder / "none", expected=None)
        assert code == 3 and f"{folder}/none is not a folder" in err, (code, err)
        file.write_text('[agent]\npin = "abc"\n')
        code, _, err = run("config", "check", "--role", "agent", "--config", file, expected=None)
        assert code == 3 and "agent.pin: a pin is 43 characters" in err, (code, err)
        assert "lists with commas between" in run("config", "--help")
        assert "VOLTA_RETENTION_RAW" in run("config", "show", env={"VOLTA_RETENTION_RAW": "3d"})


def case_metrics_lists_the_catalogue():
    catalogue = json.loads(run("metrics", "--json"))["metrics"]
    names = [item["name"] for item in catalogue]
    assert "volta_energy_joules_total" in names and len(names) == len(set(names)) and len(names) > 80
    table = run("metrics")
    assert all(name in table for name in names)
    assert all({"name", "kind", "unit", "scale", "labels", "help", "group", "period_ms", "quality"} <= item.keys() for item in catalogue)
    assert re.search(r"volta_self_energy_joules_total +counter +joules +6 +estimated ", table), table


def golden(host):
    folder = lib.HOSTS / host
    out = run("agent", "--once", "--format", "prometheus", "--procfs", folder / "proc", "--sysfs", folder / "sys", "--rootfs", folder / "root")
    # Durations vary by nature.
    return "".join(line + "\n" for line in out.splitlines() if "volta_collector_duration_seconds{" not in line)


def case_once_on_recorded_machines():
    for host in ("laptop-i7", "server-2s", "vm-2cpu"):
        file = lib.HOSTS / host / "once.prom"
        got = golden(host)
        if lib.UPDATE:
            file.write_text(got)
        want = file.read_text()
        if got != want:
            differing = [(a, b) for a, b in zip(got.splitlines(), want.splitlines()) if a != b][:5]
            raise AssertionError(f"{host}: {len(got.splitlines())} lines, golden has {len(want.splitlines())}; first differences {differing}")


def case_readings_as_json_and_text():
    host = lib.HOSTS / "laptop-i7"
    roots = ("--procfs", host / "proc", "--sysfs", host / "sys", "--rootfs", host / "root")
    lines = [json.loads(line) for line in run("agent", "--samples", 3, "--interval", "20ms", "--format", "json", *roots).splitlines()]
    assert len({line["ts"] for line in lines}) == 3
    package = [line for line in lines if line["name"] == "volta_energy_joules_total" and line["labels"]["zone"] == "package"]
    assert len(package) == 3 and package[0]["unit"] == "joules" and package[0]["kind"] == "counter" and package[0]["quality"] == "measured"
    raw = int((host / "sys/class/powercap/intel-rapl:0/energy_uj").read_text())
    assert abs(package[0]["value"] - raw / 1e6) < 1e-6, "--once shows what the kernel shows"
    assert "volta_energy_joules_total" in run("agent", "--once", *roots)
    run("agent", "--samples", "0", expected=2)
    run("agent", "--once", "--format", "xml", expected=2)


def case_once_passes_promtool():
    if not shutil.which("promtool"):
        raise Skip("no promtool here")
    text = run("agent", "--once", "--format", "prometheus")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def case_broken_procfs_never_crashes():
    """Each file of a recorded host in turn empty, cut and full of noise: the agent goes on with the rest."""
    source = lib.HOSTS / "laptop-i7"
    with Folder() as folder:
        shutil.copytree(source / "proc", folder / "proc")
        files = [path for path in sorted((folder / "proc").rglob("*")) if path.is_file()]
        for path in files:
            good = path.read_bytes()
            for bad in (b"", good[:len(good) // 2], os.urandom(200), good.replace(b"1", b"-1").replace(b" ", b"  ")):
                path.write_bytes(bad)
                out = run("agent", "--once", "--format", "prometheus", "--procfs", folder / "proc", "--sysfs", source / "sys")
                assert "volta_temperature_celsius" in out, path
            path.write_bytes(good)
        for path in files:
            path.unlink()
            os.mkfifo(path)
        # Nobody writes to these pipes, and the end of /dev/zero never comes.
        for replace in (lambda path: None, lambda path: (path.unlink(), path.symlink_to("/dev/zero"))):
            for path in files:
                replace(path)
            out = run("agent", "--samples", "2", "--interval", "10ms", "--format", "prometheus", "--procfs", folder / "proc", "--sysfs", source / "sys")
            assert "volta_temperature_celsius" in out and "volta_memory_total_bytes" not in out, out


def case_static_binary_in_an_empty_root():
    if "asan" in lib.BINARY or "tsan" in lib.BINARY:
        raise Skip("sanitized builds are dynamic")
    assert "static-pie linked" in subprocess.run(["file", lib.BINARY], capture_output=True, text=True, check=True).stdout
    if os.geteuid() != 0:
        raise Skip("chroot needs root")
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(lib.BINARY, f"{root}/volta")
        done = subprocess.run(["chroot", root, "/volta", "--version"], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stdout.startswith("volta "), done.stderr
        log = pathlib.Path(root) / "log"
        with open(log, "wb") as stderr:
            local = subprocess.Popen(["chroot", root, "/volta", "local", "--listen", "127.0.0.1:0", "--data", "/d"], stderr=stderr)
        try:
            wait_until("ready", lambda: "volta local ready" in log.read_text())
            assert "no /proc/stat; is it mounted" in log.read_text(), log.read_text()
        finally:
            local.kill()
            local.wait(10)
        stripped = f"{root}/stripped"
        subprocess.run(["strip", "-o", stripped, lib.BINARY], check=True)
        assert os.path.getsize(stripped) < 15e6, os.path.getsize(stripped)
