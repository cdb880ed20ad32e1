"""What the end-to-end cases share: the real binary as a process, HTTP, and a small WebSocket client."""
import base64
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

TEST = pathlib.Path(__file__).resolve().parent.parent
HOSTS = TEST / "fixtures/host"
BINARY = ""      # set by run.py
SLOW = 1         # how much longer things may take (sanitizers), set by run.py
UPDATE = bool(os.environ.get("VOLTA_UPDATE_GOLDEN"))


class Skip(Exception):
    """This case cannot run here; the text says why."""


def wait_until(what, condition, seconds=10.0):
    """The first true answer of condition(), asked until the time is over."""
    end = time.monotonic() + seconds * SLOW
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds * SLOW} s")
        time.sleep(0.02)


class Ticker:
    """Wants to wake at every multiple of `period_s` inside of the `with` block; `missed`: how many passed while it could not."""

    def __init__(self, period_s):
        self.period_s, self.missed, self.ended = period_s, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        due = time.time() // self.period_s + 1
        while not self.ended.wait(max(0, due * self.period_s - time.time())):
            now = time.time() // self.period_s
            self.missed += max(0, int(now - due))
            due = max(due, now) + 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def refuse_reports(stderr):
    """Fails the case if a sanitizer said something there."""
    report = re.search(r"[^\n]*(Sanitizer|runtime error)", stderr)
    assert not report, stderr[report.start():][:6000]


def end_all():
    """The end of a case: kills what it did not stop, and looks at what all that it began has said. That is here and at no single end, for a volta may
    be stopped, be killed or end by itself, and a sanitizer may have spoken long before."""
    begun = list(Volta.begun)
    Volta.begun.clear()
    for volta in begun:
        if volta.process.poll() is None:
            volta.kill()
        volta.reader.join(5)
    for volta in begun:
        refuse_reports(volta.stderr)


class Volta:
    """A running role. Its stderr is read by a thread; `ready` holds the ready line's key=value pairs."""

    begun = []

    def __init__(self, *arguments, env=None, wait=True, through=()):
        """`through`: the words of a command that becomes volta (prlimit, setpriv)."""
        self.lines = []
        environment = {**os.environ, "HOME": "/nonexistent", **(env or {})}
        self.process = subprocess.Popen([*through, BINARY, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        errors="replace", env=environment)
        Volta.begun.append(self)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.ready = {}
        if wait:
            line = wait_until(f"ready line of {arguments[0]}", lambda: self._ready_or_dead(), 20)
            self.ready = dict(re.findall(r"(\w+)=(\S+)", line))

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def _ready_or_dead(self):
        for line in list(self.lines):
            if re.search(r"volta \w+ ready", line):
                return line
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode} before it was ready:\n" + "\n".join(self.lines[-20:]))
        return None

    @property
    def stderr(self):
        return "\n".join(self.lines)

    def port(self, key="http"):
        return int(self.ready[key].rsplit(":", 1)[1])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self, expected=0):
        """SIGTERM; checks the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(15 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("did not stop on SIGTERM:\n" + "\n".join(self.lines[-20:]))
        self.reader.join(5)
        assert status == expected, f"exit code {status}, expected {expected}:\n" + "\n".join(self.lines[-40:])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            if kind is None:
                self.stop()
            else:
                self.process.kill()
                self.process.wait(10)
                print("--- its stderr:\n" + "\n".join(self.lines[-30:]))


def run(*arguments, env=None, expected=0, stdin=None, timeout=30):
    """A small command: its stdout, after checking the exit code. `expected` None: returns (code, stdout, stderr)."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=timeout * SLOW,
                          env={**os.environ, "HOME": "/nonexistent", **(env or {})}, input=stdin)
    refuse_reports(done.stderr)
    if expected is None:
        return done.returncode, done.stdout, done.stderr
    assert done.returncode == expected, f"{arguments}: exit code {done.returncode}, expected {expected}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Folder(tempfile.TemporaryDirectory):
    def __enter__(self):
        return pathlib.Path(super().__enter__())


def request(port, target, method="GET", body=None, headers=None, key=None, tls=None, host="127.0.0.1"):
    """(status, headers, body text) of one request. `tls`: an SSLContext, to ask through it."""
    connection = http.client.HTTPSConnection(host, port, timeout=20 * SLOW, context=tls) if tls else http.client.HTTPConnection(host, port, timeout=20 * SLOW)
    headers = dict(headers or {})
    if key:
        headers["Authorization"] = f"Bearer {key}"
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers["Content-Type"] = "application/json"
    connection.request(method, target, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text


def get(port, target, key=None, status=200):
    """The JSON of a GET that must be answered with `status`."""
    got, _, text = request(port, target, key=key)
    assert got == status, f"GET {target}: {got} {text[:500]}"
    return json.loads(text) if text else None


def raw(port, data, host="127.0.0.1", wait=5.0):
    """What comes back on a fresh connection to which these bytes were sent, until it is closed or the time is over."""
    with socket.create_connection((host, port), timeout=wait * SLOW) as link:
        link.sendall(data)
        out = b""
        try:
            while chunk := link.recv(65536):
                out += chunk
        except (TimeoutError, ConnectionError):
            pass
        return out


class WebSocket:
    """RFC 6455 client without extensions; text messages only."""

    def __init__(self, port, target="/api/v1/ws", headers=None, protocol="volta.v1.json", tls=None):
        self.link = socket.create_connection(("127.0.0.1", port), timeout=20 * SLOW)
        if tls:
            self.link = tls.wrap_socket(self.link, server_hostname="127.0.0.1")
        lines = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Origin": f"http{'s' if tls else ''}://127.0.0.1:{port}",
                 "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Protocol": protocol, **(headers or {})}
        head = f"GET {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None) + "\r\n"
        self.link.sendall(head.encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            chunk = self.link.recv(65536)
            if not chunk:
                break
            self.buffer += chunk
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head else 0
        self.head = head.decode("latin-1")

    def send(self, message, opcode=1):
        data = message if isinstance(message, bytes) else (message if isinstance(message, str) else json.dumps(message)).encode()
        mask = os.urandom(4)
        size = len(data)
        head = bytes([0x80 | opcode]) + (bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + struct.pack(">H", size) if size < 65536
                                         else bytes([0xFF]) + struct.pack(">Q", size))
        self.link.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def _take(self, count):
        while len(self.buffer) < count:
            chunk = self.link.recv(65536)
            if not chunk:
                raise ConnectionError("closed")
            self.buffer += chunk
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def frame(self):
        """(opcode, payload) of the next frame."""
        first, second = self._take(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
        return first & 0x0F, self._take(size)

    def receive(self):
        """The next text message as JSON; pings are answered. A close frame raises ConnectionError with its code."""
        while True:
            opcode, payload = self.frame()
            if opcode == 9:
                self.send(payload, 10)
            elif opcode == 8:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 0
                raise ConnectionError(f"closed with {code} {payload[2:].decode(errors='replace')}")
            elif opcode == 1:
                return json.loads(payload)

    def close(self):
        self.link.close()
