"""One tree of errors; each is also what a caller of the standard library expects to catch.

An error carries its facts as fields and one line that says what, where, why and the remedy. `exit_code` is what the
command ends with (sysexits(3)): 69 in use or unreachable, 75 time is up, 77 no right, 78 a wrong value.
"""

import errno as _errno
import socket
from collections.abc import Sequence
from enum import IntEnum
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol
else:
    Protocol = object

__all__ = [
    "AddressError",
    "AttemptFailed",
    "AttemptNotPermitted",
    "AttemptRefused",
    "AttemptReset",
    "AttemptTimedOut",
    "CaseError",
    "ConfigError",
    "ControlError",
    "DialError",
    "DialRefused",
    "DialTimedOut",
    "DualstackError",
    "ExitCode",
    "ListenError",
    "LookupFailed",
    "NotInstalled",
    "PingError",
    "RuleError",
    "Step",
    "TargetError",
    "TrialError",
    "UnknownBehaviour",
    "WireError",
    "refusal",
]


class ExitCode(IntEnum):
    """What a command's exit status means."""

    YES = 0
    NO = 1
    USAGE = 2
    UNAVAILABLE = 69
    TIMEOUT = 75
    NO_RIGHT = 77
    WRONG_VALUE = 78


class DualstackError(Exception):
    """The root of the tree."""

    exit_code: ExitCode = ExitCode.NO


def _shown(value: object) -> str:
    """A value for people, who read no `b'...'` and no `bytearray(b'...')`."""
    if isinstance(value, bytes | bytearray | memoryview):
        return ascii(bytes(value).decode("latin-1"))
    return repr(value)


class AddressError(DualstackError, ValueError):
    """A text, a number or bytes that are no address or endpoint.

    Args:
        value: what was given.
        why: what is wrong with it, and what is expected.
    """

    exit_code = ExitCode.WRONG_VALUE

    def __init__(self, value: object, why: str) -> None:
        super().__init__(f"{_shown(value)}: {why}")
        self.value = value
        self.why = why


class TargetError(AddressError, socket.gaierror):
    """A host or port that nothing can be connected to, or from.

    Callers of `socket.create_connection` catch its `OSError` (a `gaierror` for what is no host), ours its `ValueError`.

    Args:
        value: what was given.
        why: what is wrong with it, and what is expected.
    """

    def __init__(self, value: object, why: str) -> None:
        super().__init__(value, why)
        self.errno = socket.EAI_NONAME
        self.strerror = f"{value!r}: {why}"
        self.args = (self.errno, self.strerror)

    def __str__(self) -> str:
        return str(self.strerror)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.value, self.why)


class RuleError(DualstackError, ValueError):
    """An access rule that cannot be read; `rule` is its text, `why` the reason."""

    exit_code = ExitCode.WRONG_VALUE

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(f"access rule {rule!r}: {why}")
        self.rule = rule
        self.why = why


class WireError(DualstackError, ValueError):
    """Bytes that are not what their protocol has there; `protocol` names it, `why` says what is wrong."""

    def __init__(self, protocol: str, why: str) -> None:
        super().__init__(f"{protocol}: {why}")
        self.protocol = protocol
        self.why = why


class CaseError(DualstackError, ValueError):
    """A question to the oracle that cannot be read; `key` is where, `why` what is wrong there."""

    exit_code = ExitCode.WRONG_VALUE

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


class TrialError(DualstackError):
    """The kernel cannot be asked here; the text says why."""

    exit_code = ExitCode.UNAVAILABLE

    def __init__(self, why: str) -> None:
        super().__init__(f"the kernel cannot be asked: {why}")
        self.why = why


class UnknownBehaviour(DualstackError):  # noqa: N818 - it is no error of anybody's
    """A host in memory was asked for what no source tells of its system; `why` says what."""

    def __init__(self, system: str, why: str) -> None:
        super().__init__(f"unknown on {system}: {why}")
        self.system = system
        self.why = why


class NotInstalled(DualstackError):  # noqa: N818 - what is missing is said, not that it is an error
    """What was asked for takes packages that are not installed; `remedy` is the command that installs them."""

    exit_code = ExitCode.UNAVAILABLE

    def __init__(self, what: str, packages: Sequence[str], remedy: str) -> None:
        super().__init__(f"{what} needs {', '.join(packages)}, not installed here: {remedy}")
        self.packages = tuple(packages)
        self.remedy = remedy


class ConfigError(DualstackError, ValueError):
    """A wrong configuration: `where` is the file or option, `key` the key in it."""

    def __init__(self, where: str, key: str, why: str, *, exit_code: ExitCode = ExitCode.WRONG_VALUE) -> None:
        super().__init__(": ".join(part for part in (where, key, why) if part))
        self.exit_code = exit_code
        self.where = where
        self.key = key
        self.why = why


class _SystemError(DualstackError, OSError):
    """An `OSError` with our message; `errno` is None where no single number tells the truth.

    `strerror`, and with a number `args` too, are what other libraries make their own message of.
    """

    def __init__(self, message: str, *, errno: int | None = None, strerror: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.errno = errno
        self.strerror = strerror or message
        if errno is not None:
            self.args = (errno, self.strerror)

    def __str__(self) -> str:
        return self.message

    @property
    def exit_code(self) -> ExitCode:  # type: ignore[override]
        """77 where the right is missing, 75 where time was up, else 69."""
        return _EXIT_BY_ERRNO.get(self.errno, ExitCode.UNAVAILABLE)


_EXIT_BY_ERRNO: dict[int | None, ExitCode] = {
    _errno.EACCES: ExitCode.NO_RIGHT,
    _errno.EPERM: ExitCode.NO_RIGHT,
    _errno.ETIMEDOUT: ExitCode.TIMEOUT,
    _errno.EADDRNOTAVAIL: ExitCode.WRONG_VALUE,
}


class ListenError(_SystemError):
    """A socket that cannot listen; `target` is the endpoint as people write it."""

    def __init__(self, target: str, why: str, *, errno: int | None = None) -> None:
        super().__init__(f"cannot listen on {target}: {why}", errno=errno)
        self.target = target
        self.why = why

    @property
    def exit_code(self) -> ExitCode:  # type: ignore[override]
        """As for any other, but 78 for an address that no such socket can have."""
        return ExitCode.WRONG_VALUE if self.errno == _errno.EINVAL else super().exit_code


class Step(Protocol):
    """What happened at a time, as `core.dial.steps.DialStep` has it."""

    @property
    def t_s(self) -> float:
        """Seconds since the beginning."""

    @property
    def kind(self) -> str:
        """What kind of step it is."""

    @property
    def facts(self) -> "Mapping[str, object]":
        """What belongs to it: addresses, times, reasons."""


class AttemptFailed(_SystemError):  # noqa: N818 - what failed is said, not that it is an error
    """One address that could not be connected to; what its handshake raised, such as an `SSLError`, is the cause.

    Args:
        address: as people write it.
        errno: the number.
        why: the system's words for it, or better ones.
        started_s: seconds from the beginning of the whole to this attempt.
        elapsed_s: how long it lasted, in seconds.
    """

    errno: int
    strerror: str

    def __init__(self, address: str, errno: int, why: str, *, started_s: float = 0.0, elapsed_s: float = 0.0) -> None:
        message = f"{address}: {why} (begun at {started_s:.3f} s, lasted {elapsed_s:.3f} s)"
        super().__init__(message, errno=errno, strerror=why)
        self.address = address
        self.started_s = started_s
        self.elapsed_s = elapsed_s

    @classmethod
    def of(
        cls, address: str, errno: int, why: str, *, started_s: float = 0.0, elapsed_s: float = 0.0
    ) -> "AttemptFailed":
        """The same, of the class that Python has for its number, which `except*` of a group looks for."""
        return _ATTEMPTS.get(errno, cls)(address, errno, why, started_s=started_s, elapsed_s=elapsed_s)

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(type(self), started_s=self.started_s, elapsed_s=self.elapsed_s)
        return again, (self.address, self.errno, self.strerror)


class AttemptRefused(AttemptFailed, ConnectionRefusedError):  # noqa: N818 - as above
    """The address refused."""


class AttemptTimedOut(AttemptFailed, TimeoutError):  # noqa: N818 - as above
    """The address did not answer in time."""


class AttemptNotPermitted(AttemptFailed, PermissionError):  # noqa: N818 - as above
    """This host does not let the process go there."""


class AttemptReset(AttemptFailed, ConnectionResetError):  # noqa: N818 - as above
    """The address ended the connection at once."""


_ATTEMPTS: dict[int, type[AttemptFailed]] = {
    _errno.ECONNREFUSED: AttemptRefused,
    _errno.ETIMEDOUT: AttemptTimedOut,
    _errno.EACCES: AttemptNotPermitted,
    _errno.EPERM: AttemptNotPermitted,
    _errno.ECONNRESET: AttemptReset,
}


class DialError(_SystemError):
    """A connection that could not be made.

    `attempts` are the errors in the order tried, each with its address; where there are any, the cause is an
    `ExceptionGroup` of them. `errno` is there where all agree. `steps` tell all that happened, `elapsed_s` how long
    it took. Where time was the cause it is a `TimeoutError`, and where everybody refused a `ConnectionRefusedError`.
    """

    steps: tuple[Step, ...] = ()
    elapsed_s: float | None = None

    def __init__(
        self,
        target: str,
        why: str = "",
        *,
        attempts: "tuple[tuple[str, AttemptFailed], ...]" = (),
        errno: int | None = None,
    ) -> None:
        errno = _agreed(attempts) if errno is None else errno
        tried = "; ".join(f"{address}: {_reason(error)}" for address, error in attempts)
        text = f"{why} ({tried})" if why and tried else why or tried
        super().__init__(f"cannot connect to {target}: {text}", errno=errno, strerror=text)
        self.target = target
        self.why = why
        self.attempts = attempts
        if attempts:
            self.__cause__ = ExceptionGroup(f"all of {len(attempts)} failed", [error for _, error in attempts])

    @classmethod
    def of(
        cls,
        target: str,
        why: str = "",
        *,
        attempts: "tuple[tuple[str, AttemptFailed], ...]" = (),
        errno: int | None = None,
    ) -> "DialError":
        """The same, of the class that callers of the standard library catch for its number."""
        errno = _agreed(attempts) if errno is None else errno
        return _DIAL_ERRORS.get(errno, cls)(target, why, attempts=attempts, errno=errno)

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(type(self), self.target, self.why, attempts=self.attempts, errno=self.errno)
        return again, (), {"steps": self.steps, "elapsed_s": self.elapsed_s}


class DialRefused(DialError, ConnectionRefusedError):  # noqa: N818 - as above
    """Every address refused."""


class DialTimedOut(DialError, TimeoutError):  # noqa: N818 - as above
    """Time was up."""


_DIAL_ERRORS: dict[int | None, type[DialError]] = {
    _errno.ECONNREFUSED: DialRefused,
    _errno.ETIMEDOUT: DialTimedOut,
}


def _agreed(attempts: "Sequence[tuple[str, OSError]]") -> int | None:
    numbers = {error.errno for _, error in attempts}
    return numbers.pop() if len(numbers) == 1 else None


class PingError(_SystemError):
    """A host that cannot be asked at all; `attempts` are the errors of its addresses in the order tried."""

    def __init__(self, host: str, attempts: tuple[tuple[str, OSError], ...]) -> None:
        numbers = {error.errno for _, error in attempts}
        reasons = {_reason(error) for _, error in attempts}
        tried = "; ".join(f"{address}: {_reason(error)}" for address, error in attempts)
        why = reasons.pop() if len(reasons) == 1 else tried
        super().__init__(f"cannot ping {host}: {why}", errno=numbers.pop() if len(numbers) == 1 else None)
        self.host = host
        self.attempts = attempts


class ControlError(_SystemError):
    """The gateway's control socket does not answer, or answers no."""


class LookupFailed(DualstackError, socket.gaierror):  # noqa: N818 - what failed is said, not that it is an error
    """A name that was not resolved, or not in time (then `errno` is `EAI_AGAIN`)."""

    def __init__(self, query: str, why: str, *, errno: int = socket.EAI_AGAIN, timed_out: bool = False) -> None:
        super().__init__(errno, f"lookup of {query!r}: {why}")
        self.query = query
        self.why = why
        self.timed_out = timed_out
        self.steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return str(self.args[1])

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(type(self), self.query, self.why, errno=self.errno or socket.EAI_AGAIN)
        return again, (), {"timed_out": self.timed_out, "steps": self.steps}

    @property
    def exit_code(self) -> ExitCode:  # type: ignore[override]
        """75 where nobody has said whether there is such a name, else 69."""
        return ExitCode.TIMEOUT if self.timed_out or self.errno == socket.EAI_AGAIN else ExitCode.UNAVAILABLE


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def refusal(name: str, why: str) -> OSError:
    """The `OSError` of an errno's name, of the class that Python has for it."""
    return OSError(getattr(_errno, name), f"{name}: {why}")
