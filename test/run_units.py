#!/usr/bin/env python3
"""run_units.py BUILD_DIR [JOBS]: runs every unit and fuzz replay of a build folder, JOBS at a time, and counts test cases.

Prints the output of what failed, and last one line `N passed, N failed`.
"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent
TIMEOUT_S = 900


def run(command):
    begun = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S)
        output, status = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        output, status = f"{late.stdout}\ntimed out after {TIMEOUT_S} s", -1
    return command, output, status, time.monotonic() - begun


def count(output, status):
    """(passed, failed, skipped) test cases of one program."""
    skipped = len(re.findall(r"SKIPPED", output))
    if found := re.search(r"All tests passed \(\d+ assertions? in (\d+) test cases?\)", output):
        passed, failed = int(found.group(1)), 0
    elif found := re.search(r"test cases: *(\d+) \|(?: *(\d+) passed \|)? *(\d+) failed", output):
        passed, failed = int(found.group(2) or 0), int(found.group(3))
    else:
        passed, failed = (1, 0) if status == 0 else (0, 1)
    if status != 0 and failed == 0:
        failed = 1  # it crashed after or before its cases: a sanitizer's report, a signal
    return passed - min(skipped, passed), failed, skipped


def main():
    build, jobs = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2
    commands = [[str(path)] for path in sorted(build.glob("test_*")) if path.is_file()]
    commands += [[str(path), str(TOP / "fuzz/corpus" / path.name.removeprefix("replay_"))] for path in sorted(build.glob("replay_*")) if path.is_file()]
    totals = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for command, output, status, seconds in pool.map(run, commands):
            counts = count(output, status)
            totals = [a + b for a, b in zip(totals, counts)]
            name = pathlib.Path(command[0]).name
            print(f"  {name:28} {counts[0]:4} passed {counts[1]:3} failed {seconds:6.1f} s")
            for reason in re.findall(r"SKIPPED: .*", output):
                print(f"    {reason}")
            if counts[1]:
                print("\n".join(output.splitlines()[-80:]))
    print(f"{totals[0]} passed, {totals[1]} failed" + (f", {totals[2]} skipped" if totals[2] else ""))
    sys.exit(1 if totals[1] or not commands else 0)


if __name__ == "__main__":
    main()
