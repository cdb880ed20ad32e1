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
    passed = failed = skipped = 0
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
                failed += 1
                outcome = "FAILED"
                traceback.print_exc(file=sys.stdout)
            finally:
                lib.kill_leftovers()
            print(f"  {file.stem}.{name}: {outcome} ({time.monotonic() - begun:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
