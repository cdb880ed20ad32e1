"""The power is cut under a writing server: what reached the disk is mounted again, and everything that was acknowledged before must be there, once.

The store lies on an ext4 in a file. To cut, the server is stopped (SIGSTOP) and the file copied: what no fsync sent to the disk is in the kernel's memory
and not in the copy. VOLTA_POWER_CUTS sets how many cuts there are.
"""
import contextlib
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import lib
import remote_write
from cases_prometheus import access_key, sample_times, server, values
from lib import Folder, Skip, Ticker, Volta, request, run, wait_until
from ports import free_port

CUTS = int(os.environ.get("VOLTA_POWER_CUTS", "6"))
SIZE = 96 << 20
PER_REQUEST = 20


def mounted(image, folder):
    folder.mkdir(exist_ok=True)
    # No commit of the file system's own falls into a cut: only what the store asks for reaches the file.
    return subprocess.run(["mount", "-o", "loop,commit=600,noauto_da_alloc", str(image), str(folder)], check=False, capture_output=True).returncode == 0


def unmount(folder):
    for _ in range(50):
        if subprocess.run(["umount", str(folder)], check=False, capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "-l", str(folder)], check=False)


class Writers:
    """Threads that post samples, each of a series of its own, and keep the ledger: how many requests each began, and how many were acknowledged."""

    def __init__(self, port, key, begin_ms, begun):
        self.port, self.key, self.begin_ms = port, key, begin_ms
        self.begun, self.acknowledged = begun, list(begun)
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(i,), daemon=True) for i in range(len(begun))]
        for thread in self.threads:
            thread.start()

    def _write(self, writer):
        while not self.ended.is_set():
            first = self.begun[writer] * PER_REQUEST
            samples = [(self.begin_ms + first + i, float(first + i)) for i in range(PER_REQUEST)]
            self.begun[writer] += 1
            with contextlib.suppress(OSError):
                status, _, _ = request(self.port, "/prometheus/api/v1/write", "POST", remote_write.snappy(remote_write.write_request(
                    [({"__name__": "ledger", "writer": str(writer)}, samples)])), remote_write.HEADERS, self.key)
                if status == 204:
                    self.acknowledged[writer] = self.begun[writer]
                    continue
            return

    def join(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(30)


def rows_and_packs(folder, copy):
    """How much of a cut store is in its journal, and how much is sealed; of a copy, since whoever closes a store last changes its files."""
    copy.mkdir(exist_ok=True)
    for name in ("volta.db", "volta.db-wal"):
        shutil.copyfile(folder / name, copy / name)
    with contextlib.closing(sqlite3.connect(copy / "volta.db")) as database:
        return tuple(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("foreign_row", "pack"))


@contextlib.contextmanager
def disk(image, mount):
    assert mounted(image, mount), "the file system cannot be mounted any more"
    try:
        yield
    finally:
        unmount(mount)


def make_disk(image, mount):
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        raise Skip("mounting an ext4 needs root and mkfs.ext4")
    with open(image, "wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    if not mounted(image, mount):
        raise Skip("no ext4 can be mounted here")
    unmount(mount)


def cut_power(process, image, cut):
    """Stops the process, which stays so, and keeps in `cut` what its disk has got so far."""
    process.send_signal(signal.SIGSTOP)
    shutil.copyfile(image, cut)


def cut_a_seal(image, mount, cut, delay):
    """Seals the store on the disk, and cuts the power after the delay; the disk is as it is found then."""
    with disk(image, mount):
        sealing = subprocess.Popen([lib.BINARY, "store", "seal", "--data", str(mount / "d")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        cut_power(sealing, image, cut)
        sealing.kill()
        sealing.wait()
    os.replace(cut, image)


def look(folder, begin_ms, begun, acknowledged):
    """How many samples of each writer the store has now; fails if one that was acknowledged is lost, or one is there twice or with another value."""
    assert "sound" in run("store", "check", "--data", folder, timeout=60)
    with server(folder) as volta:
        found = {}
        for series in values(volta.port(), "ledger[1h]", access_key(folder), time=(begin_ms + 3_000_000) / 1000):
            samples = [(round(t * 1000) - begin_ms, float(v)) for t, v in series["values"]]
            assert samples == [(i, float(i)) for i in range(len(samples))], f"gaps, or samples twice: {samples[:3]} ... {samples[-3:]}, {len(samples)} in all"
            found[int(series["metric"]["writer"])] = len(samples)
    for writer, requests in enumerate(acknowledged):
        got = found.get(writer, 0)
        assert got >= requests * PER_REQUEST, f"writer {writer}: {requests * PER_REQUEST} samples were acknowledged, {got} are there"
        assert got <= begun[writer] * PER_REQUEST and got % PER_REQUEST == 0, f"writer {writer}: {got} samples, {begun[writer]} requests"
    return [found.get(writer, 0) // PER_REQUEST for writer in range(len(begun))]


def case_power_cuts_lose_nothing_acknowledged():
    seed = random.randrange(1 << 32)
    print(f"    seed {seed}")
    dice = random.Random(seed)
    with Folder() as folder:
        image, mount = folder / "disk.img", folder / "disk"
        make_disk(image, mount)
        begun, both, seal_s = [0] * 3, 0, 0
        begin_ms = int(time.time() * 1000) - 5_400_000
        for cut in range(CUTS):
            with disk(image, mount):
                volta = server(mount / "d")
                writers = Writers(volta.port(), access_key(mount / "d"), begin_ms, begun)
                time.sleep(1 if cut == 1 else dice.uniform(0.05, 1.2))
                cut_power(volta.process, image, folder / "cut.img")
                acknowledged, begun_then = list(writers.acknowledged), list(begun)
                volta.kill()
                writers.join()
            os.replace(folder / "cut.img", image)
            if cut == 0:  # the first seal comes to its end: how long one takes, and packs for the next
                with disk(image, mount):
                    seal_s = time.monotonic()
                    run("store", "seal", "--data", mount / "d", timeout=60)
                    seal_s = time.monotonic() - seal_s
            else:
                cut_a_seal(image, mount, folder / "cut.img", 0 if cut == 1 else dice.uniform(0, seal_s))
            with disk(image, mount):
                rows, packs = rows_and_packs(mount / "d", folder / "copy")
                both += rows > 0 and packs > 0
                begun = look(mount / "d", begin_ms, begun_then, acknowledged)
        assert sum(begun) > CUTS, begun
        assert both > 0 or CUTS < 2, "no store was met with packs, and with rows that a seal was about to take"


def case_power_cuts_under_an_agent():
    """The ledger is the agent, which lives on beside the disk and sends again what was not acknowledged: every tick of it is there in the end."""
    seed = random.randrange(1 << 32)
    print(f"    seed {seed}")
    dice = random.Random(seed)
    with Folder() as folder:
        image, mount = folder / "disk.img", folder / "disk"
        make_disk(image, mount)
        rpc, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"

        def start():
            return Volta("server", "--listen", http, "--rpc-listen", rpc, "--data", mount / "d")
        with disk(image, mount):
            token = folder / "token"
            token.write_text(run("host", "add", "n", "--token", "--data", mount / "d"))
            token.chmod(0o600)
        with Volta("agent", "--server", rpc, "--token-file", token, "--data", folder / "agent", "--flush", "1s") as agent, Ticker(1.0) as ticker:
            begun = None
            for _ in range(CUTS):
                with disk(image, mount):
                    links = agent.stderr.count("connected to the server")  # before anybody is there to connect to
                    volta = start()
                    key = access_key(mount / "d")
                    wait_until("connected", lambda: agent.stderr.count("connected to the server") > links, 90)
                    begun = begun or time.time() + 1
                    time.sleep(dice.uniform(0.5, 2.5))
                    cut_power(volta.process, image, folder / "cut.img")
                    volta.kill()
                os.replace(folder / "cut.img", image)
            with disk(image, mount):
                assert "sound" in run("store", "check", "--data", mount / "d", timeout=60)
                with start() as volta:
                    ended = time.time()

                    def delivered():
                        # Up to a reading after the end: what is short of a second at both ends must not make up for one that is lost.
                        there = sorted(sample_times(volta.port(), 'volta_load1{host="n"}', begun, time.time(), key))
                        if not there or there[-1] < ended:
                            return False
                        missing = max(0, round(there[0] - begun) - 1) + sum(round(b - a) - 1 for a, b in itertools.pairwise(there))
                        return len(there) == len(set(there)) and missing <= ticker.missed
                    wait_until("every tick of the agent", delivered, 90)
                agent.stop()
