"""The power is cut under a writing server: what reached the disk is mounted again, and everything that was acknowledged before must be there, once.

The store lies on an ext4 in a file. To cut, the server is stopped (SIGSTOP) and the file copied: what no fsync sent to the disk is in the kernel's memory
and not in the copy. VOLTA_POWER_CUTS sets how many cuts there are.
"""
import contextlib
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import remote_write
from lib import Folder, Skip, Volta, request, run
from cases_prometheus import access_key, server, values

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


def look(folder, begin_ms, begun, acknowledged):
    """How many samples of each writer the store has now; fails if one that was acknowledged is lost, or one is there twice or with another value."""
    assert "sound" in run("store", "check", "--data", folder, timeout=60)
    with server(folder) as volta:
        found = {}
        for series in values(volta.port(), "ledger[1h]", access_key(folder), time=(begin_ms + 1_800_000) / 1000):
            samples = [(round(t * 1000) - begin_ms, float(v)) for t, v in series["values"]]
            assert samples == [(i, float(i)) for i in range(len(samples))], f"gaps, or samples twice: {samples[:3]} ... {samples[-3:]}, {len(samples)} in all"
            found[int(series["metric"]["writer"])] = len(samples)
    for writer, requests in enumerate(acknowledged):
        got = found.get(writer, 0)
        assert got >= requests * PER_REQUEST, f"writer {writer}: {requests * PER_REQUEST} samples were acknowledged, {got} are there"
        assert got <= begun[writer] * PER_REQUEST and got % PER_REQUEST == 0, f"writer {writer}: {got} samples, {begun[writer]} requests"
    return [found.get(writer, 0) // PER_REQUEST for writer in range(len(begun))]


def case_power_cuts_lose_nothing_acknowledged():
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        raise Skip("mounting an ext4 needs root and mkfs.ext4")
    seed = random.randrange(1 << 32)
    print(f"    seed {seed}")
    dice = random.Random(seed)
    with Folder() as folder:
        image, mount = folder / "disk.img", folder / "disk"
        with open(image, "wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
        begun = [0] * 3
        begin_ms = int(time.time() * 1000) - 1_800_000
        for cut in range(CUTS):
            if not mounted(image, mount):
                raise Skip("no ext4 can be mounted here")
            try:
                volta = server(mount / "d")
                writers = Writers(volta.port(), access_key(mount / "d"), begin_ms, begun)
                time.sleep(dice.uniform(0.05, 1.2))
                volta.process.send_signal(signal.SIGSTOP)
                acknowledged = list(writers.acknowledged)
                shutil.copyfile(image, folder / "cut.img")
                begun_then = list(begun)
                volta.kill()
                writers.join()
            finally:
                unmount(mount)
            os.replace(folder / "cut.img", image)
            assert mounted(image, mount), f"cut {cut}: the file system cannot be mounted any more"
            try:
                begun = look(mount / "d", begin_ms, begun_then, acknowledged)
            finally:
                unmount(mount)
