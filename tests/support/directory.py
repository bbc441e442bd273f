"""Directories of a test that other users may enter: pytest's own are open to their owner alone."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["open_directory"]


@contextmanager
def open_directory() -> Iterator[Path]:
    """A new directory that programs which change their user can reach, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="dualstack-test-") as made:
        path = Path(made)
        path.chmod(0o755)
        yield path
