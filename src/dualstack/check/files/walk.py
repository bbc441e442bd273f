"""Which files are looked at: those named, whatever they are called, and in directories those of Python and C.

Follows no link out of a directory; hidden directories, environments, what builds leave and what
directories of tests have are skipped.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["walk"]

_ENDINGS = (".py", ".pyi", ".c", ".h")
_SKIPPED = frozenset(
    {"__pycache__", "node_modules", "venv", "env", "build", "dist", "_build", "__pypackages__", "test", "tests"}
)


def walk(paths: Sequence[str]) -> Iterator[str]:
    """The files to look at, each once, those of a directory in the order of their names.

    Args:
        paths: files and directories.
    """
    seen: set[str] = set()
    for path in paths:
        for file in _under(path) if Path(path).is_dir() else (path,):
            if file not in seen:
                seen.add(file)
                yield file


def _under(top: str) -> Iterator[str]:
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(
            each
            for each in folders
            if each not in _SKIPPED and not each.startswith(".") and not each.endswith(".egg-info")
        )
        for name in sorted(files):
            if name.endswith(_ENDINGS):
                yield str(Path(folder) / name)
