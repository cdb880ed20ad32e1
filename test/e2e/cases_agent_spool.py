"""What an agent has kept on disk outlives it: killed, restarted, each second arrives once."""
import os
import sqlite3
import time

from cases_fleet import host_named, key_of, server, token_for
from lib import Folder, Volta, get, wait_until

AWAY_S = 12


def agent(folder, rpc, token):
    """With batches of several seconds, so that a kill always comes into the midst of one."""
    return Volta("agent", "--server", rpc, "--token-file", token, "--data", folder / "agent", "--flush", "5s")


def seconds_of(port, key, host, begin, end):
    """Whole seconds in which the store has a reading."""
    answer = get(port, f"/api/v1/series?host={host}&name=volta_load1&start={int(begin)}&end={int(end)}&step=1s&agg=last", key)
    if not answer["series"]:
        return set()
    return {t // 1000 for t, v in zip(answer["timestamps"], answer["series"][0]["values"]) if v is not None}


def nothing_twice(folder):
    """No tick is in two batches, and each run is whole."""
    with sqlite3.connect(next((folder / "server").glob("*.db"))) as db:
        twice = db.execute("SELECT first_ms, COUNT(*) FROM journal GROUP BY first_ms HAVING COUNT(*) > 1").fetchall()
        assert not twice, twice
        runs = db.execute("SELECT run_id, MIN(j.seq), MAX(j.seq), COUNT(*) FROM journal j JOIN keyframe k ON k.id = j.id >> 24 GROUP BY run_id").fetchall()
        print(f"  runs: {[(run, *rest) for run, *rest in runs]}")
        for run, low, high, count in runs:
            assert count == high - low + 1, (run, low, high, count)
    return len(runs)


def case_what_a_killed_agent_has_measured_arrives_once():
    with Folder() as folder:
        hub = server(folder)
        token = token_for(folder, "n")
        key, rpc, http = key_of(folder), hub.ready["rpc"], hub.ready["http"]
        sender = agent(folder, rpc, token)
        wait_until("live", lambda: host_named(hub.port(), key, "n")["state"] == "live")
        time.sleep(2)
        hub.stop()
        begun = time.time() * 1000
        time.sleep(AWAY_S / 3)
        killed = []
        for _ in range(2):
            sender.kill()
            killed.append(time.time())
            sender = agent(folder, rpc, token)
            time.sleep(AWAY_S / 3)
        with server(folder, rpc, http) as hub:
            host = host_named(hub.port(), key, "n")["id"]
            wanted = set(range(int(begun / 1000) + 1, int(time.time())))
            # A kill costs the second in which it came, a start the one until its first tick.
            spared = {int(at) + d for at in killed for d in (-1, 0, 1)}

            def missing():
                return wanted - spared - seconds_of(hub.port(), key, host, begun - 1000, time.time() * 1000)

            try:
                wait_until("all that was measured", lambda: not missing(), 90)
            except AssertionError:
                raise AssertionError(f"missing {sorted(missing())} of {min(wanted)}..{max(wanted)}, killed at {killed}\n{sender.stderr}")
            lost = wanted - seconds_of(hub.port(), key, host, begun - 1000, time.time() * 1000)
            print(f"  {len(lost)} of {len(wanted)} seconds are missing around 2 kills")
            assert len(lost) <= 4, sorted(lost)
            assert "readings of an earlier agent wait in the spool" in sender.stderr
            sender.stop()
        assert nothing_twice(folder) >= 3


def case_a_clean_stop_keeps_what_no_server_has_taken():
    with Folder() as folder:
        hub = server(folder)
        token = token_for(folder, "n")
        key, rpc, http = key_of(folder), hub.ready["rpc"], hub.ready["http"]
        hub.stop()
        first = agent(folder, rpc, token)
        begun = time.time()
        time.sleep(4)
        first.stop()
        ended = time.time()
        assert "are kept and sent at the next start" in first.stderr, first.stderr
        spool = folder / "agent/spool"
        assert os.stat(spool).st_mode & 0o777 == 0o700 and list(spool.glob("*.seg"))
        with server(folder, rpc, http) as hub, agent(folder, rpc, token):
            wait_until("live", lambda: host_named(hub.port(), key, "n")["state"] == "live", 30)
            host = host_named(hub.port(), key, "n")["id"]
            wanted = set(range(int(begun) + 1, int(ended) - 2))
            wait_until("what was kept", lambda: wanted <= seconds_of(hub.port(), key, host, begun * 1000 - 1000, ended * 1000), 30)
        nothing_twice(folder)


def case_a_broken_spool_stops_no_agent():
    with Folder() as folder:
        hub = server(folder)
        token = token_for(folder, "n")
        key, rpc, http = key_of(folder), hub.ready["rpc"], hub.ready["http"]
        hub.stop()
        sender = agent(folder, rpc, token)
        time.sleep(3)
        sender.kill()
        for file in (folder / "agent/spool").glob("*.seg"):
            data = bytearray(file.read_bytes())
            data[len(data) // 2:] = os.urandom(len(data) - len(data) // 2)
            file.write_bytes(data)
        with server(folder, rpc, http) as hub, agent(folder, rpc, token) as sender:
            assert "a part of the spool cannot be read" in sender.stderr, sender.stderr
            wait_until("live", lambda: host_named(hub.port(), key, "n")["state"] == "live", 30)
