"""Linux namespaces and mounts: the few system calls that Python itself has from 3.12 on, or not at all.

Each changes the calling process alone. Linux only; elsewhere the functions are there and raise `OSError` (ENOSYS).
"""

import ctypes
import errno
import os
import sys
from enum import IntFlag
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "MS_BIND",
    "MS_NODEV",
    "MS_NOSUID",
    "MS_PRIVATE",
    "MS_REC",
    "Kinds",
    "become_root",
    "die_with_parent",
    "enter",
    "has_rights",
    "keep_user",
    "mount",
    "take_in_orphans",
    "unmount",
    "unshare",
]


class Kinds(IntFlag):
    """The kinds of namespaces (include/uapi/linux/sched.h)."""

    MOUNT = 0x0002_0000
    UTS = 0x0400_0000
    USER = 0x1000_0000
    PID = 0x2000_0000
    NETWORK = 0x4000_0000


# include/uapi/linux/mount.h
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x4_0000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # include/uapi/linux/prctl.h
_MNT_DETACH = 2  # include/linux/fs.h
_NET_ADMIN, _NET_RAW, _SYS_ADMIN = 12, 13, 21  # include/uapi/linux/capability.h


def unshare(kinds: Kinds) -> None:
    """Leave the namespaces of these kinds for new ones (unshare(2)); of `PID`, children alone are in the new one.

    Raises:
        OSError: no right, or the limit in /proc/sys/user is reached.
    """
    _call("unshare", ctypes.c_int(kinds))


def enter(descriptor: int, kind: Kinds) -> None:
    """Join the namespace behind `descriptor` (setns(2)).

    Raises:
        OSError: no right.
    """
    _call("setns", ctypes.c_int(descriptor), ctypes.c_int(kind))


def become_root() -> None:
    """Be root of a new user namespace, which owns all namespaces made from now on (user_namespaces(7)).

    One user is mapped, the caller: programs that change their user fail there.

    Raises:
        OSError: this machine lets no ordinary user make one.
    """
    _map_user(0, 0)


def keep_user() -> None:
    """Be who one is in a new user namespace, with all rights to it and to what is made from now on.

    A program that is started has none of them, unless the user is root. For a process of one thread.

    Raises:
        OSError: this machine lets no ordinary user make one.
    """
    _map_user(os.geteuid(), os.getegid())


def _map_user(inside_user: int, inside_group: int) -> None:
    user, group = os.geteuid(), os.getegid()
    unshare(Kinds.USER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{inside_user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{inside_group} {group} 1", encoding="ascii")


def has_rights() -> bool:
    """Whether this process may make networks and mounts without a user namespace (capabilities(7))."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    effective = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
    return all(effective >> number & 1 for number in (_NET_ADMIN, _NET_RAW, _SYS_ADMIN))


def mount(source: str | Path, target: str | Path, kind: str = "", flags: int = 0) -> None:
    """Mount a file system (mount(2)); with `MS_BIND` in the flags, `kind` is left out.

    Raises:
        OSError: with the target as its file name.
    """
    words = [os.fsencode(source), os.fsencode(target), kind.encode() or None]
    _call("mount", *words, ctypes.c_ulong(flags), None, where=str(target))


def unmount(target: str | Path) -> None:
    """Take a mount away, once nobody uses it; what was bound from it stays (umount2(2), MNT_DETACH).

    Raises:
        OSError: with the target as its file name.
    """
    _call("umount2", os.fsencode(target), ctypes.c_int(_MNT_DETACH), where=str(target))


def die_with_parent(number: int = 9) -> None:
    """Be sent a signal when the thread that made this process ends: SIGKILL, unless another is named.

    It is prctl(2)'s PR_SET_PDEATHSIG; to change the user forgets it.
    """
    _call("prctl", ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(number))


def take_in_orphans() -> None:
    """Be the parent of all whom this process's children leave behind (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    _call("prctl", ctypes.c_int(_PR_SET_CHILD_SUBREAPER), ctypes.c_ulong(1))


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object, where: str | None = None) -> None:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, f"{name}: namespaces are Linux'")
    function: Callable[..., int] = getattr(_library(), name)
    if function(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", where)
