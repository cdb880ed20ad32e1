#!/usr/bin/env python3
"""Holds volta's PromQL engine against Prometheus: the same generated samples in both, the same queries to both.

check.py [--eval promql_eval] [--volta volta] [--prometheus BIN] [--seed N] [--keep DIR]
--eval asks the engine as a library, over samples in memory. --volta asks `volta server` over HTTP, with its real store in each of its states:
  journal  as `volta import` leaves it, before anything is sealed
  packs    after `volta store seal`, where minute and hour windows answer what they can; that must be what the journal answered, too
  late     one half of the samples sealed, the other one written after it; a third of the queries
  windows  samples archived away, so that nothing but windows is left: those queries that they answer by definition
Equal means: the same status and error type, the same label sets, at each step the same value (relative difference <= 1e-5, NaN equals NaN).
Samples never lie on a window's edge, where Prometheus 2 (closed windows) and 3 (left-open ones, as volta) differ; whole minutes are asked of all but
sub-queries, whose own steps would lie there. Ends with `N passed, N failed`.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from compare import TOLERANCE, difference  # noqa: E402
from dashboards import all_expressions, metrics  # noqa: E402
from queries import DASHBOARDS, ENDS, ENDS_IN_WINDOWS, FAILING, INSTANT_ONLY, QUERIES, SORTED, WINDOWS  # noqa: E402
from samples import START, add_ends, add_fleet, generate, json_lines, openmetrics  # noqa: E402
from servers import Prometheus, Store  # noqa: E402

# Between two ways of volta's to the same samples: the order in which a mean is summed up.
OWN_TOLERANCE = 1e-9
# Half seconds: samples have fractions of 0.1 to 0.4 s, ranges are whole seconds.
INSTANTS = [START + 3600.5, START + 5412.5]
RANGES = [(START + 1500.5, START + 6900.5, 60), (START + 2000.5, START + 4000.5, 37)]
# Whole minutes, some of them whole hours, where windows of tiers are those of the query.
MINUTE = START - START % 60
ALIGNED_INSTANTS = [1_700_006_400]
SUBQUERY = re.compile(r"\[\w+:")
ALIGNED_RANGES = [(MINUTE + 1620, MINUTE + 6900, 60), (MINUTE + 1200, MINUTE + 7200, 300), (1_700_002_800, 1_700_010_000, 3600)]


def eval_answers(program, samples, queries):
    lines = []
    for query in queries:
        times = [query["time"]] if "time" in query else [query["start"], query["end"], query["step"]]
        lines.append("\t".join(["instant" if "time" in query else "range", *(str(round(at * 1000)) for at in times), query["expression"]]))
    run = subprocess.run([program, str(samples)], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if run.returncode != 0 or len(answers) != len(queries):
        asked = lines[len(answers)] if len(answers) < len(lines) else ""
        raise RuntimeError(f"promql_eval ended with {run.returncode} at {asked}: {run.stderr[-2000:]}")
    for answer in answers:
        for row in answer.get("result", []) if answer.get("type") in ("vector", "matrix") else []:
            row["values"] = [[at / 1000, value] for at, value in row["values"]]
    return answers


def asked_of(expressions, instants, ranges, **marks):
    for expression in expressions:
        yield from ({"expression": expression, "time": at, **marks} for at in instants)
        yield from ({"expression": expression, "start": a, "end": b, "step": step, **marks} for a, b, step in ranges)


def queries_to_ask():
    """The real store is asked those that are marked: each expression, at fewer times than the library."""
    plain = [*QUERIES, *FAILING, *DASHBOARDS]
    asked = [
        *asked_of(plain, INSTANTS[:1], RANGES[:1], store=True), *asked_of(plain, INSTANTS[1:], RANGES[1:]), *asked_of(INSTANT_ONLY, INSTANTS, [], store=True),
        *asked_of(SORTED, INSTANTS, [], store=True, in_order=True),
        *asked_of([expression for expression in QUERIES if not SUBQUERY.search(expression)], [], ALIGNED_RANGES[:1], store=True, aligned=True),
        *asked_of(WINDOWS, ALIGNED_INSTANTS, ALIGNED_RANGES, store=True, aligned=True, windows=True),
        *asked_of([expression for expression in DASHBOARDS if "irate(" not in expression and "[75s]" not in expression], ALIGNED_INSTANTS, ALIGNED_RANGES[:2],
                  store=True, aligned=True, windows=True),
    ]
    # The library reads a text that has no stale markers.
    asked += asked_of(ENDS, INSTANTS, RANGES, store=True, ends=True)
    asked += asked_of([expression for expression in ENDS if not SUBQUERY.search(expression)], ALIGNED_INSTANTS, ALIGNED_RANGES[:1], store=True, ends=True, aligned=True)
    asked += asked_of(ENDS_IN_WINDOWS, ALIGNED_INSTANTS, ALIGNED_RANGES, store=True, ends=True, aligned=True, windows=True)
    asked.append({"expression": "workers", "start": START, "end": START + 12000, "step": 1, "store": True})
    asked.append({"expression": "workers", "start": START + 100, "end": START, "step": 1, "store": True})
    asked.append({"expression": "workers", "start": START, "end": START + 100, "step": 0, "store": True})
    return asked


def expect(store, what, rows):
    if not what(*rows):
        raise RuntimeError(f"{store.folder}: the store is not in the state that is to be asked: {rows} rows of the journal, packs of samples, packs of windows")


def states(program, folder, data, seed):
    """Names of states and stores in them, one after the other: each must be asked before the next is taken."""
    whole = Store(program, folder / "whole")
    (folder / "samples.jsonl").write_text(json_lines(data.series))
    whole.run("import", folder / "samples.jsonl")
    yield "journal", whole
    expect(whole, lambda rows, packs, windows: rows and not packs and not windows, whole.rows())
    whole.run("store", "seal")
    expect(whole, lambda rows, packs, windows: not rows and packs and windows, whole.rows())
    yield "packs", whole
    whole.run("archive", "--before", "2024-01-01", "--output", folder / "archive.jsonl.zst")
    expect(whole, lambda rows, packs, windows: not rows and not packs and windows, whole.rows())
    yield "windows", whole
    late = Store(program, folder / "late")
    for number, half in enumerate(data.halves(seed)):
        (folder / f"half{number}.jsonl").write_text(json_lines(half))
        late.run("import", folder / f"half{number}.jsonl")
        if number == 0:
            late.run("store", "seal")
            sealed = late.rows()
            expect(late, lambda rows, packs, windows: not rows and packs and windows, sealed)
    yield "late", late
    expect(late, lambda rows, packs, windows: rows and (packs, windows) == sealed[1:], late.rows())


def where(query):
    return f"at {query['time']}" if "time" in query else f"from {query['start']} to {query['end']} by {query['step']}"


class Score:
    def __init__(self):
        self.passed = self.failed = 0

    def compare(self, state, query, answer, want, in_order, tolerance=TOLERANCE):
        problem = difference(answer, want, in_order, tolerance)
        if problem:
            self.failed += 1
            print(f"{state}: {query['expression']}  ({where(query)})\n    {problem}")
        else:
            self.passed += 1


def check(arguments, folder):
    data = generate(arguments.seed)
    add_fleet(data, set().union(*map(metrics, all_expressions())))
    add_ends(data)
    samples = folder / "samples.txt"
    samples.write_text(openmetrics(data.series))
    asked = queries_to_ask()
    score = Score()

    def timed(state, answers_of, queries):
        begun = time.monotonic()
        answers = answers_of(queries)
        print(f"{state}: {len(queries)} queries, {time.monotonic() - begun:.1f} s", flush=True)
        return answers

    with Prometheus(arguments.prometheus, folder) as prometheus:
        prometheus.write(data.series)
        want = timed("prometheus", prometheus.ask_all, asked)
    if arguments.eval:
        chosen = [i for i, query in enumerate(asked) if "ends" not in query]
        for i, answer in zip(chosen, timed("eval", lambda queries: eval_answers(arguments.eval, samples, queries), [asked[i] for i in chosen])):
            score.compare("eval", asked[i], answer, want[i], asked[i].get("in_order", False))
    before = None
    for state, store in states(arguments.volta, folder, data, arguments.seed) if arguments.volta else []:
        of_state = {"windows": lambda i, query: "windows" in query, "late": lambda i, query: i % 3 == 0}.get(state, lambda i, query: True)
        chosen = [i for i, query in enumerate(asked) if "store" in query and of_state(i, query)]
        answers = timed(state, store.ask_all, [asked[i] for i in chosen])
        for i, answer in zip(chosen, answers):
            score.compare(state, asked[i], answer, want[i], asked[i].get("in_order", False))
        if state == "journal":
            before = answers
        elif state == "packs":
            for i, answer, expected in zip(chosen, answers, before):
                score.compare("packs and journal", asked[i], answer, expected, True, OWN_TOLERANCE if "aligned" in asked[i] else 0)
    return score


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eval")
    parser.add_argument("--volta")
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="make this folder, and leave data and logs in it")
    arguments = parser.parse_args()
    if not arguments.eval and not arguments.volta:
        parser.error("nothing to ask: give --eval, --volta or both")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or pathlib.Path(temporary)
        if arguments.keep:
            folder.mkdir(parents=True)
        score = check(arguments, folder)
    print(f"seed {arguments.seed}: {len(QUERIES)} expressions, {len(FAILING)} that fail, {len(WINDOWS)} of windows, {len(DASHBOARDS)} of dashboards, {len(ENDS)} of series that end")
    print(f"{score.passed} passed, {score.failed} failed")
    return 1 if score.failed else 0


if __name__ == "__main__":
    sys.exit(main())
