"""/api/v1/series and /api/v1/energy over days of a sealed store: from windows what samples say, in bounded pieces."""
import time
import urllib.parse

from lib import Folder, Volta, get, run, request, wait_until

HOUR = 3_600_000
DAYS = 3


def local(folder, env=None):
    return Volta("local", "--listen", "127.0.0.1:0", "--data", folder, env=env)


def made_up(begin):
    """A counter in joules that is reset once, and watts, every 30 s with an hour missing."""
    joules, counter, gauge = 5_000_000, [], []
    for i in range(DAYS * 2880):
        at = begin + i * 30_000
        if 20 * HOUR < at - begin <= 21 * HOUR:
            continue
        watts = 40 + i * 7919 % 61
        joules = 100 if i == 4000 else joules + 30 * watts
        counter.append((at, joules))
        gauge.append((at, watts))
    return counter, gauge


def openmetrics(host, counter, gauge):
    told = f'host="{host}",source="other",quality="derived"'
    lines = ["# TYPE volta_energy_joules counter"]
    lines += [f'volta_energy_joules_total{{{told},zone="host"}} {value} {at / 1000:.3f}' for at, value in counter]
    lines += ["# TYPE other_watts gauge"]
    lines += [f'other_watts{{{told}}} {value} {at / 1000:.3f}' for at, value in gauge]
    return "\n".join(lines + ["# EOF", ""])


def in_steps(samples, first, step, count):
    """What lies in each step: of whole minutes (t, t + step], else [t, t + step)."""
    shift = 1 if step % 60_000 == 0 else 0
    steps = [[] for _ in range(count)]
    for at, value in samples:
        k = (at - first - shift) // step
        if 0 <= k < count:
            steps[k].append((at, value))
    return steps


def mean(inside):
    return sum(value for _, value in inside) / len(inside) if inside else None


def rates(samples, first, step, count):
    out = []
    for inside in in_steps(samples, first, step, count):
        if not inside:
            out.append(None)
            continue
        before = [s for s in samples if inside[0][0] - max(180_000, step) <= s[0] < inside[0][0]][-1:]
        chain = before + inside
        grown = sum(b if b < a else b - a for (_, a), (_, b) in zip(chain, chain[1:]))
        elapsed = chain[-1][0] - chain[0][0]
        out.append(grown * 1000 / elapsed if elapsed else None)
    return out


def same(got, want):
    return len(got) == len(want) and all((a is None) == (b is None) and (a is None or abs(a - b) <= 1e-9 * max(1, abs(b))) for a, b in zip(got, want))


def grown(samples, start, end):
    inside = [value for at, value in samples if start <= at <= end]
    return sum(max(0, b - a) for a, b in zip(inside, inside[1:]))


def case_days_through_the_rest_api():
    with Folder() as folder:
        with local(folder / "d") as volta:
            host = wait_until("the host", lambda: get(volta.port(), "/api/v1/hosts")["items"])[0]
        begin = (int(time.time() * 1000) // HOUR - DAYS * 24 - 2) * HOUR
        counter, gauge = made_up(begin)
        end = counter[-1][0]
        (folder / "data.om").write_text(openmetrics(host["name"], counter, gauge))
        run("import", "--data", folder / "d", folder / "data.om", timeout=120)
        run("store", "seal", "--data", folder / "d", timeout=120)
        with local(folder / "d") as volta:
            port = volta.port()

            def ask(name, **parameters):
                query = urllib.parse.urlencode({"host": host["id"], "name": name, "label.source": "other", **parameters})
                return get(port, f"/api/v1/series?{query}")

            def check(name, want, tier, step, start=begin, stop=end, **parameters):
                answer = ask(name, start=start, end=stop, step=f"{step}ms", **parameters)
                times = answer["timestamps"]
                assert answer["tier"] == tier and answer["step_ms"] == step, (answer["tier"], answer["step_ms"])
                assert times == list(range(start // step * step, stop + 1, step)), (times[:3], times[-3:])
                labels, values = answer["series"][0]["labels"], answer["series"][0]["values"]
                assert len(answer["series"]) == 1 and "host" not in labels and "__name__" not in labels, labels
                expected = want(times[0], step, len(times))
                assert same(values, expected), next((t, a, b) for t, a, b in zip(times, values, expected) if not same([a], [b]))

            def means(first, step, count):
                return [mean(inside) for inside in in_steps(gauge, first, step, count)]

            def speeds(first, step, count):
                return rates(counter, first, step, count)

            for step, tier in ((HOUR, "1h"), (6 * HOUR, "1h"), (600_000, "1m"), (3_660_000, "1m")):
                check("other_watts", means, tier, step)
                check("volta_energy_joules_total", speeds, tier, step)
            check("other_watts", means, "raw", 45_000, start=begin + HOUR, stop=begin + 5 * HOUR)
            check("volta_energy_joules_total", speeds, "raw", 90_000, start=begin + 30 * HOUR, stop=begin + 40 * HOUR)
            check("other_watts", lambda *grid: [max((v for _, v in inside), default=None) for inside in in_steps(gauge, *grid)], "1h", HOUR, agg="max")
            # Five years in few points, most of them empty.
            long = ask("other_watts", start="now-1825d", max_points=500)
            assert long["tier"] == "1h" and len(long["timestamps"]) <= 500 and any(v is not None for v in long["series"][0]["values"]), long["tier"]
            # This machine's own readings, of a sealed hour and of now, beside them.
            own = wait_until("own readings", lambda: ask_own(port, host["id"]))
            assert own["tier"] == "1m", own["tier"]

            def energy(start, stop):
                return get(port, f"/api/v1/energy?host={host['id']}&start={start}&end={stop}")

            # Until two hours ago there is nothing but what was imported.
            for start, stop in ((begin, end), (begin + 1, end), (begin + 17 * HOUR + 1234, begin + 50 * HOUR + 77_000), (begin + 60_000, begin + 200_000)):
                answer = energy(start, stop)
                assert abs(answer["joules"] - grown(counter, start, stop)) < 1 and answer["quality"] == "derived", (answer, grown(counter, start, stop))
            assert energy(begin - 400 * 24 * HOUR, end)["joules"] == grown(counter, begin, end)
            status, _, text = request(port, f"/api/v1/series?host={host['id']}&name=other_watts&start=0&step=1s")
            assert status == 400 and "points" in text, (status, text)


def ask_own(port, host):
    answer = get(port, f"/api/v1/series?host={host}&name=volta_load1&start=now-1h&step=1m")
    return answer if answer["series"] else None
