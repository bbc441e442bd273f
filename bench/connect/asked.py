"""One peer in a host of the lab: for each name that it reads, connect once, and tell the seconds.

`python -m bench.connect.asked PEER PORT`; the line `forget` makes a dialler that has learnt nothing, and the answer
`nan` is a failure.
"""

import sys
from collections.abc import Callable
from functools import partial

from bench.connect.peers import PEERS, PROGRAMS, forget

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
            seconds = connect(word)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no connection
            print(f"{name}: {word}: {error!r}", file=sys.stderr)
            seconds = float("nan")
        print(seconds, flush=True)


def _connect(name: str, port: int) -> Callable[[str], float]:
    for program, run in PROGRAMS:
        if program == name:
            return partial(run, port=port)
    peer = next(peer for peer in PEERS if peer.name == name and "name" in peer.takes)
    return lambda host: peer.run(host, port, 1).wall_s


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
