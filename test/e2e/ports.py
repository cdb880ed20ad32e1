"""Loopback ports for servers that must be told theirs."""
import random
import socket

# Below what Linux gives by itself (net.ipv4.ip_local_port_range begins at 32768): no connection of another process can take one meanwhile.
FIRST, END = 10_240, 20_000

share = (0, 1)  # which of how many processes that choose ports at the same time this one is
_given = set()


def free_port():
    """A loopback port that nobody listens on now, for a server that must know its address before it starts, or keep it over a restart; none is given
    twice."""
    index, processes = share
    while True:
        port = random.randrange(FIRST + index, END, processes)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
