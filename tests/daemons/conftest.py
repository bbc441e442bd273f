"""What the tests with real daemons share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.directory import open_directory


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where a daemon keeps everything: no file of the system's is touched."""
    with open_directory() as made:
        yield made
