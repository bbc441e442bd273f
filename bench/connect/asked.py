"""One peer in a host of the lab: for each name that it reads, connect once, and tell the seconds.

`python -m bench.connect.asked PEER PORT`; the line `forget` makes a dialler that has learnt nothing; a number behind a
name is how often to connect. The answer is seconds a connection, by the wall's clock and of the processor, or `nan`s.
"""

import sys
from collections.abc import Callable
from math import nan

from bench.connect.peers import PEERS, PROGRAMS, Spent, forget

__all__ = ["main"]


def main(name: str, port: int) -> None:
    """Answer until standard input ends."""
    connect = _connect(name, port)
    for line in sys.stdin:
        word = line.strip()
        if word == "forget":
            forget()
            continue
        try:
            spent = connect(name_of(word), int(word.partition(" ")[2] or 1))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no connection
            print(f"{name}: {word}: {error!r}", file=sys.stderr)
            spent = Spent(nan, nan)
        print(spent.wall_s, spent.cpu_s, flush=True)


def name_of(line: str) -> str:
    """The name in a line."""
    return line.partition(" ")[0]


def _connect(name: str, port: int) -> Callable[[str, int], Spent]:
    for program, run in PROGRAMS:
        if program == name:
            return lambda host, _times: Spent(run(host, port), nan)
    peer = next(peer for peer in PEERS if peer.name == name and "name" in peer.takes)
    return lambda host, times: peer.run(host, port, times)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
