"""volta archive: killed at any moment it loses nothing, can be run again, and what it wrote comes back once."""
import json
import random
import shutil
import subprocess
import time

import lib
from cases_export import samples
from lib import Folder, Volta, run

HOUR_MS = 3_600_000


def exported(data):
    return samples(run("export", "metrics", "--data", data, timeout=120))


def of_file(path, folder):
    """The samples of an archive, as another store has them."""
    if not path.exists():
        return {}
    shutil.rmtree(folder, ignore_errors=True)
    run("import", "--data", folder, path, timeout=120)
    return exported(folder)


def united(*parts):
    out = {}
    for part in parts:
        for labels, points in part.items():
            known = out.setdefault(labels, {})
            for at, bits in points.items():
                assert known.setdefault(at, bits) == bits, (labels, at)
    return out


def kill_archive(data, output, after):
    """Begins an archive and kills it when after() returns; False: it was done before."""
    archive = Volta("archive", "--data", data, "--before", "2100-01-01", "--output", output, wait=False)
    after(archive.process)
    archive.kill()
    return archive.process.returncode == -9


def after_a_while(seconds):
    def wait(process):
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
    return wait


def once_there(path, seconds):
    """The archive has its name: what follows is letting go."""
    def wait(process):
        while process.poll() is None and not path.exists():
            time.sleep(0.0005)
        after_a_while(seconds)(process)
    return wait


def case_archive_survives_kill_9():
    """At random moments, of which half lie behind the one in which the file is complete: each sample is in the file or in the store, a rerun ends
    well, and with what both wrote brought back every sample is there once."""
    seed = random.randrange(1 << 32)
    random_ = random.Random(seed)
    print(f"seed {seed}")
    with Folder() as folder:
        end = (int(time.time() * 1000) // HOUR_MS - 2) * HOUR_MS
        begin = end - 30 * HOUR_MS
        times = list(range(begin + 2000, end, 2000))
        with open(folder / "in.jsonl", "w", encoding="ascii") as file:
            for name in range(4):
                values = [random_.randrange(1 << 40) / 7 for _ in times]
                file.write(json.dumps({"metric": {"__name__": f"m{name}"}, "values": values, "timestamps": times}) + "\n")
        run("import", "--data", folder / "base", folder / "in.jsonl", timeout=120)
        run("store", "seal", "--data", folder / "base", timeout=120)
        before = exported(folder / "base")
        assert sum(map(len, before.values())) == 4 * len(times)
        shutil.copytree(folder / "base", folder / "whole")
        begun = time.monotonic()
        run("archive", "--data", folder / "whole", "--before", "2100-01-01", "--output", folder / "whole.zst", timeout=120)
        length = time.monotonic() - begun
        killed = complete = 0
        for turn in range(8 if lib.SLOW == 1 else 4):
            data, first, second = (folder / f"{name}{turn}" for name in ("data", "first", "second"))
            shutil.copytree(folder / "base", data)
            how = once_there(first, random_.uniform(0, 0.2) * length) if turn % 2 else after_a_while(random_.uniform(0, 1.1) * length)
            killed += kill_archive(data, first, how)
            complete += first.exists()
            left = exported(data)
            assert united(left, of_file(first, folder / "probe")) == before, (seed, turn)
            if not first.exists():
                assert left == before, (seed, turn)
            # With the same name where that is free: what is left of the first try is no hindrance.
            again = second if first.exists() else first
            code, _, err = run("archive", "--data", data, "--before", "2100-01-01", "--output", again, expected=None, timeout=120)
            assert code == 0 or (code == 1 and not left and "no sealed hour" in err), (seed, turn, code, err)
            assert exported(data) == {}, (seed, turn)
            assert united(of_file(first, folder / "probe"), of_file(second, folder / "probe")) == before, (seed, turn)
            for path in (first, second, first):
                if path.exists():
                    run("import", "--data", data, path, timeout=120)
            assert exported(data) == before, (seed, turn)
            run("store", "seal", "--data", data, timeout=120)
            assert exported(data) == before, (seed, turn)
            checked = json.loads(run("store", "check", "--data", data, "--json"))
            assert not checked.get("problems"), (seed, turn, checked)
            shutil.rmtree(data)
        assert killed and complete, (seed, killed, complete)
