#!/usr/bin/env python3
"""main.py --volta BINARY --tools FOLDER [--quick] [SECTION ...]: see store.sh, which builds both."""
import argparse
import os
import pathlib
import platform
import signal
import sys
import tempfile
import time
import traceback

import process
import section_bytes
import section_codec
import section_ingest
import section_mixed
import section_query
import section_start
from engines import Tools
from report import Report

TOP = pathlib.Path(__file__).resolve().parents[3]
SECTIONS = {
    "bytes": section_bytes.sample, "day": section_bytes.day, "ingest": section_ingest.rpc, "write": section_ingest.remote_write,
    "memory": section_ingest.memory, "query": section_query.run, "mixed": section_mixed.run, "start": section_start.run, "codec": section_codec.run,
}
# No section may take longer than this, whatever hangs.
SECTION_SECONDS = {True: 600, False: 5400}


class TooLong(Exception):
    pass


def too_long(*_):
    raise TooLong("took longer than it may")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--volta", required=True)
    parser.add_argument("--tools", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", default=str(TOP / "build/bench"))
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=" ".join(SECTIONS))
    options = parser.parse_args()
    for name in options.sections:
        if name not in SECTIONS:
            parser.error(f"there is no section {name}; there are: {' '.join(SECTIONS)}")
    Tools.volta = os.path.abspath(options.volta)
    Tools.store_load = os.path.abspath(os.path.join(options.tools, "store_load"))
    Tools.store_codec = os.path.abspath(os.path.join(options.tools, "store_codec"))
    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report, failed = Report(), []
    for name in options.sections or SECTIONS:
        print(f"{name}:", flush=True)
        begun = time.monotonic()
        signal.alarm(SECTION_SECONDS[options.quick])
        try:
            with tempfile.TemporaryDirectory(prefix="volta-bench-") as folder:
                try:
                    SECTIONS[name](report, pathlib.Path(folder), options.quick)
                finally:
                    process.stop_all()
        except Exception as error:  # one section that fails must not hide the others
            failed.append(name)
            traceback.print_exc()
            report.note(f"section {name} failed: {error}")
        finally:
            signal.alarm(0)
        print(f"  ({time.monotonic() - begun:.0f} s)", flush=True)
    version = process.Command([Tools.volta, "--version"], 10).out.strip()
    facts = {"volta": version, "cores": os.cpu_count(), "machine": platform.platform(), "quick": options.quick, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    head = f"{version}, Prometheus and VictoriaMetrics of Debian, {facts['cores']} cores, {facts['at']}" + (", QUICK: small data, the figures say little" if options.quick else "")
    print("\n" + report.write(pathlib.Path(options.out), head, facts))
    print(f"written to {options.out}/store.json and store.md")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
