"""What an agent does after a long outage: now first, then what it has kept, exactly once."""
import sqlite3
import time

from cases_fleet import FAST, host_named, key_of, server, token_for
from cases_prometheus import values
from lib import Folder, Volta, get, wait_until

AWAY_S = 20


def case_after_an_outage_now_comes_first():
    with Folder() as folder:
        hub = server(folder)
        token = token_for(folder, "n")
        key, rpc, http = key_of(folder), hub.ready["rpc"], hub.ready["http"]
        with Volta("agent", "--server", rpc, "--token-file", token, "--data", folder / "agent", "--flush", "300ms", env=FAST) as sender:
            wait_until("live", lambda: host_named(hub.port(), key, "n")["state"] == "live")
            time.sleep(2)
            gone = time.time() * 1000
            hub.stop()
            time.sleep(AWAY_S)
            with server(folder, rpc, http) as hub:
                port, back = hub.port(), time.time() * 1000
                host = host_named(port, key, "n")["id"]

                def newest():
                    return get(port, f"/api/v1/latest?host={host}&name=volta_load1", key)["ts"] or 0

                def missing(end):
                    answer = get(port, f"/api/v1/series?host={host}&name=volta_load1&start={int(gone)}&end={int(end)}&step=1s&agg=last", key)
                    values = answer["series"][0]["values"] if answer["series"] else [None] * len(answer["timestamps"])
                    return [t for t, v in zip(answer["timestamps"], values) if v is None]

                wait_until("a sample of now", lambda: newest() > back - 2000, 75)  # the back-off is up to a minute
                late = time.time() * 1000 - newest()
                behind = len(missing(back))
                print(f"  newest is {late:.0f} ms old while {behind} of {AWAY_S} s are still missing")
                assert behind > 5, "the backlog came before what happens now"
                def unmeasured():
                    """Whole seconds in which the agent, as it counts itself, may have come to none of its ten ticks."""
                    got = values(port, "max_over_time(volta_self_late_ticks_total[10m])", key)
                    return float(got[0]["value"][1]) // 9 if got else 0

                wait_until("what was before it", lambda: len(missing(back)) <= 1 + unmeasured(), 60)
                time.sleep(1)
                ended = time.time() * 1000 - 1500
                sender.stop()
                assert len(missing(ended)) <= 2 + unmeasured(), missing(ended)
        with sqlite3.connect(next((folder / "server").glob("*.db"))) as db:
            twice = db.execute("SELECT j.first_ms, COUNT(*) FROM journal j GROUP BY j.first_ms HAVING COUNT(*) > 1").fetchall()
            assert not twice, twice
            runs = db.execute("SELECT run_id, MIN(j.seq), MAX(j.seq), COUNT(*) FROM journal j JOIN keyframe k ON k.id = j.id >> 24 "
                              "GROUP BY run_id").fetchall()
            print(f"  runs: {runs}")
            assert len(runs) >= 2, runs
            for run_id, low, high, count in runs:
                assert low == 1 and high == count, f"run {run_id}: gaps in {low}..{high} ({count} rows)"
