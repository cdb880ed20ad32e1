#!/usr/bin/env python3
"""The house's mechanical rules. tidy.py checks the project; tidy.py --self-test proves that every check can fail.

Each check is a function that takes a Tree (path -> text) and yields complaints; CASES holds a tree that it must refuse.
"""
import importlib.util
import pathlib
import re
import sys
import tomllib

TOP = pathlib.Path(__file__).resolve().parent.parent
MIDDLE = ["collect", "energy", "uplink", "fleet", "rpc", "store", "query", "prom", "bmc", "outbound", "export", "api", "http"]
FOLDERS = ["base", "model", *MIDDLE, "app"]
# A third-party header, by the beginning of its name, and the folders that may include it.
LIBRARIES = {
    "sqlite3.h": ["store"], "capnp/": ["rpc"], "kj/": ["rpc"], "rpc/volta.capnp.h": ["rpc"], "boost/asio": ["http"],
    "boost/beast": ["http"], "boost/json": ["api", "app", "fleet", "prom"], "curl/": ["outbound"], "CLI/": ["app"], "toml++/": ["app"],
    "openssl/": ["base", "http", "rpc"], "zstd.h": ["app", "model", "store"], "zlib.h": ["http"], "argon2.h": ["base"],
    "re2/": ["model", "query", "prom"], "snappy": ["prom"], "catch2/": [],
}
BANNED = {
    r"(?<![\w.:>])system\(": "the one bounded runner, never a shell",
    r"\bpopen\(": "the one bounded runner, never a shell",
    r"\bstd::regex\b": "a hand-written parser, or RE2 in query/",
    r"\bthread\w*\.detach\(\)": "a joined thread; reads that may hang have collect/slow_lane",
    r"\bsleep_for\(": "a wait that stop() can end",
    r"\bstrtok\(": "base/text.hpp",
    r'#include "[^"\n]+\.cpp"': "a header; sources are grouped by CMake alone",
    r"catch \(\.\.\.\) \{\s*\}": "a log line and a counter",
}
LONGEST_FUNCTION = 70
# Shows this process, and a recorded host shows nothing of it.
NOT_RECORDED = {"self"}
# Functions that are longer than the limit today, with their length: they may only shrink.
RATCHET = {}
NO_FUNCTION = re.compile(r"^\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|do|else|try|\}|return|case|default|static constexpr|constexpr|#)")


class Tree:
    """The project's text files by path, or any such dictionary for a self-test."""

    def __init__(self, files):
        self.files = files

    @staticmethod
    def of_project():
        files = {}
        for folder in ("src", "schema", "test", "packaging", "web/src"):
            for path in (TOP / folder).rglob("*"):
                name = path.relative_to(TOP).as_posix()
                if path.is_file() and not re.search(r"node_modules|/corpus/|fixtures/", name):
                    files[name] = path.read_text(errors="replace")
                elif path.is_file() and name.endswith("/once.prom"):
                    files[name] = path.read_text(errors="replace")
        return Tree(files)

    def sources(self, pattern=r"^src/.*\.(cpp|hpp)$"):
        return ((name, text) for name, text in sorted(self.files.items()) if re.search(pattern, name))


def folder_of(name):
    parts = name.split("/")
    return parts[1] if len(parts) > 2 else "main"


def includes(text):
    return [(text.count("\n", 0, m.start()) + 1, m.group(1)) for m in re.finditer(r'^#include [<"]([^>"]+)[>"]', text, re.M)]


def check_arrows(tree):
    """Includes go downward: main -> app -> middle -> model -> base; the middle folders never include each other."""
    for name, text in tree.sources():
        here = folder_of(name)
        for line, target in includes(text):
            there = target.split("/")[0]
            if there not in FOLDERS or "/" not in target:
                continue
            allowed = {"main": ["app"], "app": FOLDERS, "model": ["model", "base"], "base": ["base"]}.get(here, [here, "model", "base"])
            if there not in allowed:
                yield f"{name}:{line}: {here} may not include {target}"


def check_libraries(tree):
    """A third-party library stays in its folder."""
    for name, text in tree.sources():
        for line, target in includes(text):
            for prefix, folders in LIBRARIES.items():
                if target.startswith(prefix) and folder_of(name) not in folders:
                    yield f"{name}:{line}: <{target}> belongs in {' or '.join(folders) or 'test'} alone"


def check_cmake(tree):
    """Every source is built: named in its folder's CMakeLists.txt, and not in a comment there."""
    for name, _ in tree.sources(r"^(src|test)/\w+/\w+\.cpp$"):
        folder, file = name.rsplit("/", 1)
        if folder in ("test/support", "test/fuzz", "test/bench"):
            continue
        listed = tree.files.get(f"{folder}/CMakeLists.txt", "")
        code = "\n".join(line.split("#")[0] for line in listed.splitlines())
        if not re.search(rf"(^|[\s/(]){re.escape(file)}\b", code):
            yield f"{name}: not in {folder}/CMakeLists.txt"


def check_collectors(tree):
    """Each collector has a test, and shows in the golden output of at least one recorded host."""
    text = tree.files.get("src/collect/collectors.cpp", "")
    goldens = "".join(body for name, body in tree.files.items() if name.endswith("/once.prom"))
    for name in re.findall(r'\{"(\w+)", "\w+", &?open_\w+', text):
        if f"test/collect/{name}_test.cpp" not in tree.files:
            yield f"collector {name}: no test/collect/{name}_test.cpp"
        if name not in NOT_RECORDED and not re.search(rf'volta_collector_success\{{[^}}]*collector="{name}"[^}}]*\}} 1$', goldens, re.M):
            yield f"collector {name}: works on no recorded host (test/fixtures/host/*/once.prom)"


def check_metrics(tree):
    """The catalogue's own rules: names end in their unit, and so on."""
    spec = importlib.util.spec_from_file_location("generate_catalogue", TOP / "schema/generate_catalogue.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield from (f"schema/metrics.toml: {text}" for text in module.check(tomllib.loads(tree.files.get("schema/metrics.toml", ""))))


def functions(text):
    """(first line, length, first line's text) of every function, by the indentation that clang-format gives."""
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if not line.endswith("{") or NO_FUNCTION.match(line) or ("(" not in line and ")" not in line and "    " not in line):
            continue
        start = i
        while start > 0 and lines[start - 1].strip() and not re.search(r"[;}{:]$|^\s*(//|#)", lines[start - 1]):
            start -= 1
        head = lines[start]
        if NO_FUNCTION.match(head) or "(" not in "".join(lines[start:i + 1]):
            continue
        indent = len(head) - len(head.lstrip())
        for end in range(i + 1, len(lines)):
            if lines[end].startswith(" " * indent + "}") and len(lines[end]) - len(lines[end].lstrip()) == indent:
                yield start + 1, end - start + 1, head.strip()
                break


def check_lengths(tree):
    """No function over the limit but those in RATCHET, and those only shrink; files stay below 600 lines."""
    for name, text in tree.sources():
        if len(text.splitlines()) > 600:
            yield f"{name}: {len(text.splitlines())} lines; which two things is it?"
        for line, length, head in functions(text):
            limit = RATCHET.get((name, head), LONGEST_FUNCTION)
            if length > limit:
                yield f"{name}:{line}: {length} lines (limit {limit}): {head}"


def check_banned(tree):
    """Calls with a better replacement."""
    for name, text in tree.sources():
        for pattern, instead in BANNED.items():
            for found in re.finditer(pattern, re.sub(r"//[^\n]*", "", text)):
                yield f"{name}:{text.count(chr(10), 0, found.start()) + 1}: {found.group(0).split('(')[0].strip()}: use {instead}"


def check_heads(tree):
    """Headers say what they are for and are included once."""
    for name, text in tree.sources(r"^src/.*\.hpp$"):
        if not text.startswith("//"):
            yield f"{name}: begins without a comment that says what it is for"
        if "#pragma once" not in text:
            yield f"{name}: no #pragma once"


def check_todo(tree):
    """A TODO names its kind: perf, port, test or later."""
    for name, text in tree.sources(r"^(src|web/src|schema|packaging)/"):
        for found in re.finditer(r"\b(TODO(?!\((perf|port|test|later)\))|FIXME|XXX)\b", text):
            yield f"{name}:{text.count(chr(10), 0, found.start()) + 1}: {found.group(0)} without a kind"


CHECKS = [check_arrows, check_libraries, check_cmake, check_collectors, check_metrics, check_lengths, check_banned, check_heads, check_todo]

# What each check must refuse.
CASES = {
    "check_arrows": [{"src/store/a.cpp": '#include "query/b.hpp"\n'}, {"src/base/a.cpp": '#include "model/b.hpp"\n'},
                     {"src/model/a.cpp": '#include "app/b.hpp"\n'}, {"src/main.cpp": '#include "store/b.hpp"\n'}],
    "check_libraries": [{"src/api/a.cpp": "#include <sqlite3.h>\n"}, {"src/fleet/a.cpp": "#include <kj/async.h>\n"},
                        {"src/api/a.cpp": "#include <boost/beast/http.hpp>\n"}],
    "check_cmake": [{"src/store/a.cpp": "", "src/store/CMakeLists.txt": "volta_library(store SOURCES b.cpp)"},
                    {"test/store/a_test.cpp": "", "test/store/CMakeLists.txt": "# a_test.cpp"}],
    "check_collectors": [{"src/collect/collectors.cpp": '{"cpu", "cpu", open_cpu},', "x/once.prom": 'volta_collector_success{collector="cpu"} 1\n'},
                         {"src/collect/collectors.cpp": '{"cpu", "cpu", open_cpu},', "test/collect/cpu_test.cpp": ""}],
    "check_metrics": [{"schema/metrics.toml": '[group.a]\nperiod="1s"\nhelp="h"\n[[metric]]\nname="volta_x"\nkind="gauge"\nunit="watts"\ngroup="a"\nhelp="h"\n'}],
    "check_lengths": [{"src/base/a.cpp": "void long_one(int a) {\n" + "  a();\n" * 80 + "}\n"},
                      {"src/base/a.cpp": "class A {\n  void member(int a,\n              int b) {\n" + "    a();\n" * 80 + "  }\n};\n"},
                      {"src/base/a.cpp": "int a;\n" * 601}],
    "check_banned": [{"src/base/a.cpp": 'int x = system("ls");\n'}, {"src/base/a.cpp": "thread.detach();\n"}, {"src/base/a.cpp": "catch (...) {\n}\n"},
                     {"src/base/a.cpp": '#include "base/b.cpp"\n'}],
    "check_heads": [{"src/base/a.hpp": "#pragma once\n"}, {"src/base/a.hpp": "// what it is\n"}],
    "check_todo": [{"src/base/a.cpp": "// TODO: now\n"}, {"web/src/a.ts": "// FIXME\n"}],
}


def self_test():
    failures = 0
    for check in CHECKS:
        cases = CASES.get(check.__name__, [])
        blind = [i for i, files in enumerate(cases) if not list(check(Tree(files)))]
        if not cases or blind:
            failures += 1
            print(f"FAIL {check.__name__}: refuses nothing in cases {blind or 'none given'}")
    print(f"{len(CHECKS) - failures} passed, {failures} failed")
    return failures


def main():
    if "--self-test" in sys.argv:
        sys.exit(1 if self_test() else 0)
    complaints = [text for check in CHECKS for text in check(Tree.of_project())]
    print("\n".join(complaints) or "tidy")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
