#!/usr/bin/env python3
"""packaging/lint.py BUILD [PART ...]: clang-tidy over every source that BUILD compiles from src/, or those whose path holds a PART.

BUILD may compile them in groups (volta_group in CMakeLists.txt); then a group is one case and is looked at as one.
The checks stand in .clang-tidy, the nearest above the sources. A file that was clean is looked at again only when it, a source or header
of ours that it includes, its flags, the tool or the checks changed: what was clean is remembered in $XDG_CACHE_HOME/volta/lint, for all
checkouts of this user.
The last line is `N passed, N failed`.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
TOOL = "clang-tidy-14"


def headers_by_object(build):
    """What ninja knows of each object: the headers of ours, generated ones included."""
    deps, current = {}, None
    for line in subprocess.run(["ninja", "-C", str(build), "-t", "deps"], check=True, capture_output=True, text=True).stdout.splitlines():
        if line and not line.startswith(" "):
            current = deps.setdefault(line.split(":")[0], [])
        elif line.strip() and current is not None:
            path = (build / line.strip()).resolve()
            if path.is_relative_to(TOP):
                current.append(path)
    return deps


def key_of(source, headers, rules, how):
    digest = hashlib.sha256(how.replace(str(TOP), "").encode())
    for path in [*rules, source, *sorted(headers)]:
        digest.update(str(path.relative_to(TOP)).replace("build/", "").encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:40]


def members(source):
    """The sources that one file of the build stands for: itself, or what it includes as a group."""
    if source.parent.name != "groups":
        return [source]
    return [(source.parent / path).resolve() for path in re.findall(r'^#include "(.+)"$', source.read_text(), re.MULTILINE)]


def look(build, source, rules):
    # A group includes sources, that is what it is for; test/tidy.py sees to it that nothing else does.
    checks = ["--checks=-bugprone-suspicious-include"] if source.parent.name == "groups" else []
    run = subprocess.run(["nice", TOOL, "--quiet", "-p", str(build), f"--config-file={rules[0]}", *checks,
                          "--extra-arg=-Wno-unknown-warning-option", str(source)], capture_output=True, text=True, cwd=TOP)
    return run.returncode == 0, run.stdout


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    parts = sys.argv[2:]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "volta/lint"
    cache.mkdir(parents=True, exist_ok=True)
    tool = subprocess.run([TOOL, "--version"], check=True, capture_output=True, text=True).stdout
    deps = headers_by_object(build)
    waiting, passed, failed = [], 0, 0
    for command in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(command["file"]).resolve()
        ours = [path for path in members(source) if path.is_relative_to(TOP / "src")]
        if not ours or (parts and not any(part in str(path) for part in parts for path in ours)):
            continue
        rules = [path for folder in ours[0].parents if folder.is_relative_to(TOP) and (path := folder / ".clang-tidy").exists()]
        known = deps.get(re.search(r" -o (\S+)", command["command"])[1])
        # Without ninja's list of its headers nothing can be said of next time.
        clean = None if known is None else cache / key_of(source, known, rules, tool + command["command"])
        if clean and clean.exists():
            passed += 1
        else:
            waiting.append((source, rules, clean))
    with concurrent.futures.ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for (source, _, clean), (ok, text) in zip(waiting, pool.map(lambda job: look(build, *job[:2]), waiting)):
            if ok:
                if clean:
                    clean.touch()
                passed += 1
            else:
                failed += 1
                print(f"{source.relative_to(TOP)}\n{text}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
