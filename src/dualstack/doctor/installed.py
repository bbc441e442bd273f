"""Which daemons have their settings in a tree."""

from collections.abc import Iterator

from dualstack.doctor.registry import all_daemons
from dualstack.doctor.settings import Daemon
from dualstack.doctor.tree import Tree

__all__ = ["installed"]


def installed(tree: Tree) -> Iterator[tuple[Daemon, str]]:
    """Those whose main file is in the tree: the first of its places, or every file where the place is a pattern."""
    for daemon in all_daemons().values():
        there = [(pattern, path) for pattern in daemon.files for path in tree.matches(pattern)]
        for pattern, path in there:
            if "*" in pattern or (pattern, path) == there[0]:
                yield daemon, path
