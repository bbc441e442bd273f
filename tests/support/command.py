"""The type of the fixture `run`: a command line to its exit code, standard output and standard error."""

from collections.abc import Callable

Run = Callable[..., tuple[int, str, str]]
