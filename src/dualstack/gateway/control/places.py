"""Where a gateway's control socket is, and how it is found by who was not told.

A gateway takes the first of: `--control`, `control` in its file, DUALSTACK_CONTROL, systemd's RuntimeDirectory=, its
user's place. One that is elsewhere than its user's place leaves a link beside that (`dualstack.d`), so that
`dualstack ports` finds it: a link to a socket that nobody answers at is a leftover, and removed by who finds it.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from dualstack.errors import ControlError
from dualstack.kernel.unix_sockets import connect_control_socket

__all__ = ["control_path", "default_control_path", "forget", "make_known"]

_SYSTEM = Path("/run")
_UNIT = Path("dualstack", "control.sock")  # RuntimeDirectory=dualstack of the unit
_SOCKET = "dualstack.sock"
_KNOWN = "dualstack.d"
_ANSWER_S = 2.0
_REMEDY = "name its socket with --control PATH or DUALSTACK_CONTROL"


def default_control_path() -> str | None:
    """Where a gateway's control socket is unless it is told otherwise; None where there is no such place.

    Raises:
        ControlError: the place of this user is somebody else's.
    """
    if given := os.environ.get("DUALSTACK_CONTROL"):
        return given
    if directory := os.environ.get("RUNTIME_DIRECTORY"):  # systemd.exec(5): a list with colons
        return str(Path(directory.partition(":")[0], _UNIT.name))
    place = _own_place()
    return None if place is None else str(place / _SOCKET)


def control_path(given: str | None) -> str:
    """The control socket of the gateway that is meant: `given`, DUALSTACK_CONTROL's, or the one that answers.

    Raises:
        ControlError: none answers, or several do and none is this user's own.
    """
    named = given or os.environ.get("DUALSTACK_CONTROL")
    if named:
        return named
    silent: dict[Path, OSError] = {}
    live: list[Path] = []
    for path in dict.fromkeys(_places()):
        why = _silence_of(path)
        if why is None and path.parent == _own_place():
            return str(path)
        if why is None:
            live.append(path)
        else:
            silent[path] = why
    if len(live) == 1:
        return str(live[0])
    if live:
        raise ControlError(f"which gateway? {', '.join(map(str, live))} answer: {_REMEDY}")
    raise _none_answers(silent)


def make_known(path: str) -> None:
    """Leave a link to a control socket where `control_path` looks, unless it looks there anyway."""
    link = _link(path)
    if link is None or Path(path).absolute() in _usual_places():
        return
    # Who cannot leave one is found by its path all the same.
    with suppress(OSError):
        link.parent.mkdir(mode=0o700, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(Path(path).absolute())


def forget(path: str) -> None:
    """Take the link away, and the directory with the last of them."""
    link = _link(path)
    if link is not None:
        with suppress(OSError):  # there is none, or the gateway has become another user
            link.unlink()
            link.parent.rmdir()


def _own_place() -> Path | None:
    """The directory of this user's sockets; DUALSTACK_RUN names another."""
    if given := os.environ.get("DUALSTACK_RUN"):
        return Path(given)
    if not hasattr(os, "geteuid"):
        return None
    user = os.geteuid()
    if user == 0:
        return _SYSTEM
    if given := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(given)
    session = _SYSTEM / "user" / str(user)  # pam_systemd(8), where the variable did not come along
    return session if _is_ours(session) else _temporary(user)


def _temporary(user: int) -> Path:
    place = Path(f"/tmp/dualstack-{user}")  # noqa: S108 - made ours, or refused, here
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    if not _is_ours(place):
        raise ControlError(f"{place} is not this user's alone; remove it, or {_REMEDY}")
    return place


def _is_ours(place: Path) -> bool:
    try:
        state = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid() and not state.st_mode & 0o077


def _usual_places() -> list[Path]:
    """Those that need no link, the user's own first."""
    own = _own_place()
    system = [] if "DUALSTACK_RUN" in os.environ else [_SYSTEM / _SOCKET, _SYSTEM / _UNIT]
    return [*([own / _SOCKET] if own else []), *system]


def _places() -> Iterator[Path]:
    yield from _usual_places()
    own = _own_place()
    if own is None:
        return
    with suppress(OSError):  # nobody has left any, or it is not ours to look into
        for link in sorted((own / _KNOWN).iterdir()):
            with suppress(OSError):  # gone just now
                yield link.readlink()


def _link(path: str) -> Path | None:
    own = _own_place()
    return None if own is None else own / _KNOWN / f"{sha256(os.fsencode(Path(path).absolute())).hexdigest()[:16]}.link"


def _silence_of(path: Path) -> OSError | None:
    """Why nobody answers there; None where somebody does."""
    try:
        connect_control_socket(str(path), _ANSWER_S).close()
    except OSError as error:
        if error.errno in {errno.ECONNREFUSED, errno.ENOENT}:
            forget(str(path))
        return error
    return None


def _none_answers(silent: dict[Path, OSError]) -> ControlError:
    no_right = [path for path, error in silent.items() if error.errno in {errno.EACCES, errno.EPERM}]
    if no_right:
        why = f"no right to ask the gateway at {no_right[0]}: be the user who runs it, or root, or {_REMEDY}"
        return ControlError(why, errno=errno.EACCES)
    tried = "; ".join(f"{path}: {_WORDS.get(error.errno or 0) or error.strerror}" for path, error in silent.items())
    return ControlError(f"no gateway answers ({tried or 'there is no place to look'}); start one, or {_REMEDY}")


_WORDS = {errno.ENOENT: "no such socket", errno.ECONNREFUSED: "left by one that has ended"}
