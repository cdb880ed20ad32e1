"""A server or a command under measurement: its CPU time and memory from /proc, its end by its own pid, however the script ends."""
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))
from ports import free_port  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None, use_errno=True)
running = []


def die_with_parent():
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    """A process that serves until it is stopped; its output goes to a file."""

    def __init__(self, arguments, log, env=None):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as file:
            self.process = subprocess.Popen([str(word) for word in arguments], stdout=file, stderr=file, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})}, preexec_fn=die_with_parent)
        running.append(self)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_bytes(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+)", text, re.M).group(1)) * 1024

    def wait_for(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.log.stem} ended with {self.process.returncode}: {self.tail()}")
            answer = condition()
            if answer:
                return answer
            if time.monotonic() > end:
                raise RuntimeError(f"{self.log.stem}: {what} did not come within {seconds} s: {self.tail()}")
            time.sleep(0.01)

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])

    def kill(self):
        self.process.kill()
        self.process.wait(30)
        if self in running:
            running.remove(self)

    def stop(self, seconds=120):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(30)
        if self in running:
            running.remove(self)


def stop_all():
    for server in list(running):
        server.kill()


class Command:
    """A command that ran to its end: .out, .cpu_seconds, .seconds."""

    def __init__(self, arguments, seconds, stdin=None, env=None, out=None):
        words = [str(word) for word in arguments]
        begun = time.monotonic()
        before = os.times()
        done = subprocess.run(words, input=stdin, stdout=out or subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", timeout=seconds,
                              env={**os.environ, **(env or {})}, preexec_fn=die_with_parent)
        after = os.times()
        self.cpu_seconds = after.children_user - before.children_user + after.children_system - before.children_system
        self.seconds = time.monotonic() - begun
        self.out = done.stdout
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words[:4])} ... ended with {done.returncode}: {(done.stderr or '')[-1500:]}")


def http(port, target, method="GET", body=None, headers=None, seconds=120):
    """The body of an answer below 300; None where nobody answers yet."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{target}", data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method} {target[:200]}: status {error.code}: {error.read()[:500].decode(errors='replace')}") from error
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def directory_bytes(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
