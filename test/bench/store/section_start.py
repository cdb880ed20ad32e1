"""How long after kill -9 a large store answers its first query."""
import http.client
import time

from engines import Volta, samples_in
from section_ingest import node_data, start_of


def fill(volta, tokens, gigabytes):
    """Sealed samples of 64 random bits, which nothing compresses: the quickest way to a large store."""
    hosts, series = 20, 500
    ticks = int(gigabytes * 1e9 / 8 / (hosts * series))
    data = {"profile": "noise", "hosts": hosts, "series": series, "step": 1000, "ticks": ticks, "start": start_of(ticks) - 6 * 3_600_000}
    volta.load(data, tokens, batch=50)
    volta.seal()
    return samples_in(data)


def first_answer(volta, target):
    """Seconds from the start of the process to the first answered query."""
    begun = time.monotonic()
    volta.start(wait=False)
    while time.monotonic() - begun < 300:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", volta.port, timeout=60)
            connection.request("GET", target, headers={"Authorization": f"Bearer {volta.key}"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200 and b'"value' in body:
                return time.monotonic() - begun
        except OSError:
            pass
        if volta.server.process.poll() is not None:
            raise RuntimeError(volta.server.tail())
        time.sleep(0.005)
    raise RuntimeError("no answer within 300 s")


def run(report, folder, quick):
    gigabytes, unsealed = (0.1, node_data(20, 500, 200)) if quick else (5, node_data(100, 500, 2000))
    unsealed["start"] = (int(time.time()) - unsealed["ticks"]) * 1000
    with Volta(folder) as volta:
        tokens = volta.tokens(unsealed["hosts"])
        fill(volta, tokens, gigabytes)
        volta.load(unsealed, tokens)
        end = unsealed["start"] // 1000 + unsealed["ticks"] - 1
        target = volta.target("query", f"query=node_cpu_seconds_total%7Bhost%3D%22bench-0003%22%7D&time={end}")
        times = []
        for _ in range(3):
            volta.server.kill()
            times.append(first_answer(volta, target))
        size = volta.bytes() / 1e9
    report.note(f"start after kill -9: {', '.join(f'{took:.2f}' for took in times)} s in turn; the files are in the kernel's cache")
    report.add("start", f"kill -9 to the first answer, {size:.1f} GB and {samples_in(unsealed) / 1e6:.0f} million unsealed samples", "s", max(times),
               promises=[("<= 2", max(times) <= 2)])
