"""A client program on a host, told what to do line by line."""

import sys

from dualstack.lab.host import Host
from support import callers
from support.program import Program

__all__ = ["Caller"]


class Caller(Program):
    """The client of `support.callers`, on the host."""

    def __init__(self, host: Host) -> None:
        super().__init__(sys.executable, callers.__file__, host=host)

    def _started(self) -> None:
        self.out.until("ready")

    def ask(self, question: str) -> str:
        """What it answers."""
        self.say(question)
        verb = question.split(maxsplit=1)[0]
        return self.out.until(f"{verb}: ").removeprefix(f"{verb}: ")
