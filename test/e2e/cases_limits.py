"""What the system refuses volta: descriptors, threads, file sizes, and files that a careless hand takes away."""
import pathlib
import re
import resource
import socket
import subprocess
import time
import urllib.parse

import lib
from lib import Folder, Skip, Volta, get, request, run, wait_until


def local(folder):
    return Volta("local", "--listen", "127.0.0.1:0", "--data", folder)


def case_a_store_whose_file_was_removed_takes_no_data():
    """What is written to a file without a name is lost with the process: nothing more is acknowledged, and that is said."""
    for name in ("volta.db", "volta.db-wal"):
        with Folder() as folder, local(folder / "d") as volta:
            (folder / "d" / name).unlink()
            wait_until("no data", lambda: request(volta.port(), "/readyz")[0] == 503)
            assert f"{name} is not any more what was opened" in volta.stderr, volta.stderr
            assert get(volta.port(), "/healthz") == {"status": "ok"}


def case_the_limit_of_open_files_is_raised():
    """Debian's shells give 1024, as many as connections may be open; the store and the sensors need some too."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with Folder() as folder, Volta("local", "--listen", "127.0.0.1:0", "--data", folder / "d", through=("prlimit", f"--nofile=256:{hard}")) as volta:
        soft = resource.prlimit(volta.process.pid, resource.RLIMIT_NOFILE)[0]
        assert soft == min(hard, 1 << 20), (soft, hard)


def case_no_descriptors_left_is_said_once():
    with Folder() as folder, local(folder / "d") as volta:
        pid = volta.process.pid
        time.sleep(2.5)  # the files of all collectors are open
        whole = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = max(int(path.name) for path in pathlib.Path(f"/proc/{pid}/fd").iterdir()) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, whole[1]))
        links = [socket.create_connection(("127.0.0.1", volta.port())) for _ in range(8)]
        wait_until("a word", lambda: "cannot accept connections" in volta.stderr)
        time.sleep(1.5)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, whole)
        for link in links:
            link.close()
        assert volta.stderr.count("cannot accept") == 1, volta.stderr
        wait_until("answers again", lambda: request(volta.port(), "/healthz")[0] == 200)


def case_a_file_size_limit_is_a_full_disk():
    with Folder() as folder, local(folder / "d") as volta:
        pid = volta.process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        wait_until("no data", lambda: request(volta.port(), "/readyz")[0] == 503, 20)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_until("resumed", lambda: request(volta.port(), "/readyz")[0] == 200, 20)


def case_threads_that_cannot_start_are_said():
    if "asan" in lib.BINARY or "tsan" in lib.BINARY:
        raise Skip("sanitizers need more room for addresses than is left here")
    said = set()
    with Folder() as folder:
        for size in (*range(21, 60, 3), 100, 200):  # each of the first threads is the one that cannot
            done = subprocess.run(["prlimit", f"--as={size << 20}", lib.BINARY, "local", "--listen", "127.0.0.1:0", "--data", str(folder / "d")],
                                  capture_output=True, text=True, timeout=30, check=False)
            which = re.search(r"start threads that ([a-z ]+): ", done.stderr)
            # Between two threads the same want of room is that of memory: it ends the process, too.
            assert which and done.returncode == 1 or re.search("out of memory|bad_alloc", done.stderr), (size, done.returncode, done.stderr)
            said.add(which.group(1) if which else "memory")
    assert {"write to the store", "seal", "feed live pages", "answer requests"} <= said, said


def case_what_a_query_took_goes_back_to_the_system():
    if "asan" in lib.BINARY or "tsan" in lib.BINARY:
        raise Skip("sanitizers have a malloc of their own")
    with Folder() as folder:
        lines = "".join(f'card{{i="{i}"}} 1 {int(time.time())}\n' for i in range(100_000, 200_000))
        (folder / "many.om").write_text("# TYPE card gauge\n" + lines + "# EOF\n")
        run("import", "--data", folder / "d", folder / "many.om", timeout=60)
        with local(folder / "d") as volta:
            body = urllib.parse.urlencode({"query": 'label_join(card{i=~"1....."},"x","",' + ",".join(['"i"'] * 1500) + ")"})
            answer = lib.raw(volta.port(), (f"POST /prometheus/api/v1/query HTTP/1.1\r\nHost: 127.0.0.1:{volta.port()}\r\nConnection: close\r\n"
                                            f"Origin: http://127.0.0.1:{volta.port()}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                                            f"Content-Length: {len(body)}\r\n\r\n{body}").encode(), wait=120)
            assert b" 422 " in answer and b"needs more than 1024 MiB" in answer, answer[:500]
            status_of = pathlib.Path(f"/proc/{volta.process.pid}/status")
            wait_until("memory given back", lambda: int(re.search(r"VmRSS:\s+(\d+)", status_of.read_text())[1]) < 300_000)


def case_what_is_in_the_way_of_the_socket_is_named():
    with Folder() as folder:
        (folder / "d").mkdir()
        (folder / "d/volta.sock").write_text("mine")
        code, _, err = run("local", "--listen", "127.0.0.1:0", "--data", folder / "d", expected=None)
        assert code == 1 and "volta.sock is in the way" in err, (code, err)
        assert (folder / "d/volta.sock").read_text() == "mine"


def case_output_that_nobody_takes_is_said():
    for words in (("metrics",), ("agent", "--once"), ("config", "init"), ("agent", "--samples", "1000", "--interval", "10ms")):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([lib.BINARY, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=8 * lib.SLOW, check=False)
        assert done.returncode == 1 and "standard output takes no more" in done.stderr, (words, done.returncode, done.stderr)


def case_nothing_takes_the_place_of_closed_streams():
    """The log would be written into the file or link that has stderr's number."""
    with Folder() as folder:
        process = subprocess.Popen(["sh", "-c", 'exec "$0" local --listen 127.0.0.1:0 --data "$1" <&- >&- 2>&-', lib.BINARY, str(folder / "d")])
        try:
            wait_until("a socket", (folder / "d/volta.sock").exists)
            for number in range(3):
                assert pathlib.Path(f"/proc/{process.pid}/fd/{number}").readlink() == pathlib.Path("/dev/null"), number
        finally:
            process.kill()
            process.wait()
