"""A program of ours in a host, that is told by lines of JSON and answers each with one, once it is done."""

import json
import select
from collections.abc import Mapping

from dualstack.lab.orders import NetworkError
from dualstack.lab.process import Process

__all__ = ["Service"]

_ANSWER_S = 20.0


class Service:
    """The program, and what it is called in errors."""

    def __init__(self, process: Process, what: str) -> None:
        self._process = process
        self._what = what

    def tell(self, order: Mapping[str, object]) -> object:
        """Have it done: its answer.

        Raises:
            NetworkError: it has ended, or does not answer.
        """
        self.send(order)
        return self.hear()

    def send(self, order: Mapping[str, object]) -> None:
        """Have it done meanwhile."""
        assert self._process.stdin is not None  # noqa: S101 - `Host.serve` makes pipes
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise NetworkError(f"{self._what} has ended") from error

    def hear(self) -> object:
        """The answer to the oldest order that was not heard yet."""
        assert self._process.stdout is not None  # noqa: S101 - as above
        if not select.select([self._process.stdout], [], [], _ANSWER_S)[0]:
            raise NetworkError(f"{self._what} does not answer within {_ANSWER_S:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise NetworkError(f"{self._what} has ended; what it said stands above")
        answer: object = json.loads(line)
        return answer
