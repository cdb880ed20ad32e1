#!/usr/bin/env python3
"""run.py --binary VOLTA [--workers N] [NAME ...]: every case_* function of the case files beside it, or those whose name holds NAME.

Cases wait more than they work, so N of them (4 by default) run at a time, each worker a process. Prints a line a case and last
`N passed, N failed[, N skipped]`.
"""
import argparse
import concurrent.futures
import contextlib
import importlib
import io
import multiprocessing
import os
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import lib  # noqa: E402
import ports  # noqa: E402


# The longest cases stand in these; begun first, none of them is waited for alone at the end.
FIRST = ("cases_scale_out", "cases_agent_outage", "cases_scrape", "cases_archive", "cases_engines")


def all_cases(names):
    """(file, name) of each case, in the order in which they begin."""
    for file in sorted(pathlib.Path(__file__).parent.glob("cases_*.py"), key=lambda file: (FIRST.index(file.stem) if file.stem in FIRST else len(FIRST), file.stem)):
        for name in vars(importlib.import_module(file.stem)):
            if name.startswith("case_") and (not names or any(word in name for word in names)):
                yield file.stem, name


def take_share(turns, workers):
    with turns.get_lock():
        ports.share = (turns.value, workers)
        turns.value += 1


def run_case(file, name):
    """(outcome, why it failed, what it printed, seconds) of one case."""
    begun, why, printed = time.monotonic(), "", io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            try:
                getattr(importlib.import_module(file), name)()
            finally:
                lib.end_all()
            outcome = "ok"
        except lib.Skip as reason:
            outcome = f"SKIPPED: {reason}"
        except Exception as failure:  # a failing case must not hide the others
            outcome, why = "FAILED", f"{failure}\n{traceback.format_exc()}"
    return outcome, why, printed.getvalue(), time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    lib.BINARY = os.path.abspath(options.binary)
    lib.SLOW = 5 if any(word in lib.BINARY for word in ("asan", "tsan")) else 1
    passed = skipped = 0
    failures = []
    forked = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(options.workers, forked, take_share, (forked.Value("i", 0), options.workers)) as pool:
        running = {pool.submit(run_case, *case): ".".join(case) for case in all_cases(options.names)}
        for future in concurrent.futures.as_completed(running):
            name = running[future]
            try:
                outcome, why, printed, seconds = future.result()
            except Exception as failure:  # the worker died, or could not clean up behind the case
                outcome, why, printed, seconds = "FAILED", f"{type(failure).__name__}: {failure}", "", 0
            passed += outcome == "ok"
            skipped += outcome.startswith("SKIPPED")
            if outcome == "FAILED":
                failures.append(f"{name}: {why}")
            print(f"{printed}  {name}: {outcome} ({seconds:.1f} s)", flush=True)
    # Last, where whoever sees only the end of a long log sees them.
    print(*failures, sep="\n", end="")
    print(f"{passed} passed, {len(failures)} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
