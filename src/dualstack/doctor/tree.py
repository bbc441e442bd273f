"""Files of a host or an image, read without leaving its root: no link leads out, no pipe is waited for.

Whoever looks as root reads what users may write, so each step of a path is opened by itself and never followed; a
link begins again at the root, as it would inside of the image. Nothing that is read is ever run.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ["Document", "Tree", "Trouble"]

_LARGEST = 4 << 20
_MOST_LINKS = 40
_MOST_MATCHES = 1000


class Trouble(Exception):  # noqa: N818 - a finding, not a failure
    """A file that cannot be read: `path`, and `why` in words."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text and its path inside of the root."""

    path: str
    text: str

    def lines(self) -> Iterator[tuple[int, str]]:
        """Each line with its number, from 1."""
        return enumerate(self.text.split("\n"), 1)


class Tree:
    """A directory that stands for `/`.

    Args:
        root: the directory.
        changed: texts by path that stand in place of files, as after an edit.
    """

    def __init__(self, root: str = "/", changed: Mapping[str, str] | None = None) -> None:
        self._root = root
        self._changed = changed or {}

    def with_text(self, path: str, text: str) -> "Tree":
        """The same with another text of one file."""
        return Tree(self._root, {**self._changed, path: text})

    def read(self, path: str) -> Document:
        """The text of a file; bytes that are no UTF-8 are kept as escapes.

        Raises:
            Trouble: it is not there, is no file, is too large, binary, or may not be read.
        """
        if path in self._changed:
            return Document(path, self._changed[path])
        with ExitStack() as opened:
            try:
                descriptor = self._open(path, opened)
                return Document(path, self._text(descriptor, path))
            except OSError as error:
                raise Trouble(path, error.strerror or str(error)) from None

    def has(self, path: str) -> bool:
        """Whether something is there that can be opened."""
        with ExitStack() as opened:
            try:
                self._open(path, opened)
            except OSError:
                return False
            return True

    def matches(self, pattern: str) -> list[str]:
        """The paths that a pattern of the shell matches in the order of their names; `*` matches no leading dot."""
        found = ["/"]
        for part in filter(None, pattern.split("/")):
            if not set(part) & set("*?["):
                found = [f"{each.rstrip('/')}/{part}" for each in found]
                continue
            found = [
                f"{each.rstrip('/')}/{name}" for each in found for name in self._names(each) if _matches(name, part)
            ]
        return [each for each in found[:_MOST_MATCHES] if self.has(each)]

    def _names(self, directory: str) -> list[str]:
        with ExitStack() as opened:
            try:
                descriptor = self._open(directory, opened)
                readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor)
                opened.callback(os.close, readable)
                return sorted(os.listdir(readable))  # noqa: PTH208 - of a descriptor
            except OSError:
                return []

    def _open(self, path: str, opened: ExitStack) -> int:
        """An O_PATH descriptor of what `path` is inside of the root."""
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        root = os.open(self._root, os.O_PATH | os.O_CLOEXEC)
        opened.callback(os.close, root)
        trail, rest, links = [root], [*reversed(path.split("/"))], 0
        while rest:
            part = rest.pop()
            if part == "..":
                del trail[max(1, len(trail) - 1) :]
            if part in {"", ".", ".."}:
                continue
            here = os.open(part, flags, dir_fd=trail[-1])
            opened.callback(os.close, here)
            if not stat.S_ISLNK(os.fstat(here).st_mode):
                trail.append(here)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            to = os.readlink("", dir_fd=here)
            trail = trail[:1] if to.startswith("/") else trail
            rest.extend(reversed(to.split("/")))
        return trail[-1]

    def _text(self, descriptor: int, path: str) -> str:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Trouble(path, "it is no regular file")
        if found.st_size > _LARGEST:
            raise Trouble(path, f"it has {found.st_size} bytes, and no settings are that long")
        with open(f"/proc/self/fd/{descriptor}", "rb") as file:  # noqa: PTH123 - of a descriptor
            content = file.read(_LARGEST + 1)
        if b"\0" in content or len(content) > _LARGEST:
            raise Trouble(path, "it is no text")
        return content.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and name.startswith(".") <= pattern.startswith(".")
