#!/usr/bin/env python3
"""run.py --binary VOLTA [NAME ...]: every case_* function of the case files beside it, or those whose name holds NAME.

Prints a line a case and last `N passed, N failed[, N skipped]`.
"""
import argparse
import importlib
import os
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import lib  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    lib.BINARY = os.path.abspath(options.binary)
    lib.SLOW = 5 if any(word in lib.BINARY for word in ("asan", "tsan")) else 1
    passed = skipped = 0
    failures = []
    for file in sorted(pathlib.Path(__file__).parent.glob("cases_*.py")):
        module = importlib.import_module(file.stem)
        for name, case in list(vars(module).items()):
            if not name.startswith("case_") or (options.names and not any(word in name for word in options.names)):
                continue
            begun = time.monotonic()
            try:
                case()
                passed += 1
                outcome = "ok"
            except lib.Skip as reason:
                skipped += 1
                outcome = f"SKIPPED: {reason}"
            except Exception:  # a failing case must not hide the others
                outcome = "FAILED"
                failures.append(f"{file.stem}.{name}:\n{traceback.format_exc()}")
            finally:
                lib.kill_leftovers()
            print(f"  {file.stem}.{name}: {outcome} ({time.monotonic() - begun:.1f} s)", flush=True)
    # Last, where whoever sees only the end of a long log sees them.
    print(*failures, sep="\n", end="")
    print(f"{passed} passed, {len(failures)} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
