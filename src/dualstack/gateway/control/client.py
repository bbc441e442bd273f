"""Speaks to a running gateway over its control socket."""

import errno
import http.client
import json
from urllib.parse import quote, urlencode

from dualstack.errors import ControlError, ExitCode
from dualstack.kernel.unix_sockets import connect_control_socket

__all__ = ["request"]


# A gateway whose worker hangs answers after some seconds; one that is stopped itself never does.
_ANSWER_S = 60.0


def request(
    path: str, verb: str, name: str | None = None, *, within_s: float = _ANSWER_S, **query: str
) -> dict[str, object]:
    """Ask the gateway at `path`: `list`, or `stop`, `start`, `restart` of the port `name`.

    Args:
        path: of its control socket.
        verb: one of these.
        name: the port's.
        within_s: how long the answer may take, beside the `drain` that is asked for.
        query: `drain` and `release`, as the control socket takes them.

    Raises:
        ControlError: no gateway answers, or it says no; `exit_code` is 78 for an unknown port.
    """
    connection = _UnixConnection(path, within_s + _seconds(query.get("drain")))
    try:
        if verb == "list":
            connection.request("GET", "/ports")
        else:
            connection.request("POST", f"/ports/{quote(name or '', safe='')}/{verb}?{urlencode(query)}")
        response = connection.getresponse()
        body = response.read()
    except FileNotFoundError as error:
        raise ControlError(
            f"no gateway at {path}: there is no such socket; start one, or name its --control"
        ) from error
    except TimeoutError as error:
        why = "it does not answer: it hangs, or is stopped; see whether its process runs (state T in ps is stopped)"
        raise ControlError(f"no answer from {path}: {why}", errno=errno.ETIMEDOUT) from error
    except http.client.HTTPException as error:
        raise ControlError(f"no gateway at {path}: {_STRANGER}") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ControlError(f"no gateway at {path}: {why}", errno=getattr(error, "errno", None)) from error
    finally:
        connection.close()
    answer = _answer(path, body)
    if response.status == http.client.OK:
        return answer
    number = answer.get("errno")
    raise RefusedError(
        str(answer.get("error", response.reason)),
        unknown=response.status != http.client.CONFLICT,
        errno=number if isinstance(number, int) else None,
    )


_STRANGER = "what answers there is none of this kind; name its socket with --control"


def _answer(path: str, body: bytes) -> dict[str, object]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ControlError(f"no gateway at {path}: {_STRANGER}")
    return answer


class RefusedError(ControlError):
    """The gateway answers no."""

    def __init__(self, message: str, *, unknown: bool, errno: int | None = None) -> None:
        super().__init__(message, errno=errno)
        self.unknown = unknown

    @property
    def exit_code(self) -> ExitCode:  # type: ignore[override]
        """78 where the question is wrong; where the port cannot, 77 for a right that is missing, else 69."""
        if self.unknown:
            return ExitCode.WRONG_VALUE
        return ExitCode.NO_RIGHT if self.errno in _NO_RIGHT else ExitCode.UNAVAILABLE


_NO_RIGHT = {errno.EACCES, errno.EPERM}


def _seconds(drain: str | None) -> float:
    """What the gateway may take for it; a wrong one it refuses itself, and no timeout is longer than a day."""
    try:
        seconds = float(drain or 0)
    except ValueError:
        return 0.0
    return min(seconds, 86_400.0) if seconds > 0 else 0.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = connect_control_socket(self._path, self.timeout)
