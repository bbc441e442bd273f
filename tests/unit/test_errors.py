"""The tree of errors: what callers of the standard library catch, one line each, exit codes."""

import errno
import socket

import pytest

from dualstack.errors import (
    AddressError,
    ConfigError,
    ControlError,
    DialError,
    DualstackError,
    ExitCode,
    ListenError,
    LookupFailed,
    PingError,
    RuleError,
)

REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
UNREACHABLE = OSError(errno.EHOSTUNREACH, "No route to host")


@pytest.mark.parametrize(
    ("error", "kind", "code", "text"),
    [
        (AddressError("x", "no address"), ValueError, ExitCode.WRONG_VALUE, "'x': no address"),
        (RuleError("x", "no rule"), ValueError, ExitCode.WRONG_VALUE, "access rule 'x': no rule"),
        (ConfigError("f", "k", "why"), ValueError, ExitCode.WRONG_VALUE, "f: k: why"),
        (ConfigError("", "", "why", exit_code=ExitCode.NO_RIGHT), ValueError, ExitCode.NO_RIGHT, "why"),
        (
            ListenError("*:1", "taken", errno=errno.EADDRINUSE),
            OSError,
            ExitCode.UNAVAILABLE,
            "cannot listen on *:1: taken",
        ),
        (ListenError("*:1", "no", errno=errno.EACCES), OSError, ExitCode.NO_RIGHT, "cannot listen on *:1: no"),
        (DialError("h:1", "gone"), OSError, ExitCode.UNAVAILABLE, "cannot connect to h:1: gone"),
        (DialError("h:1", "late", errno=errno.ETIMEDOUT), OSError, ExitCode.TIMEOUT, "cannot connect to h:1: late"),
        (ControlError("no gateway"), OSError, ExitCode.UNAVAILABLE, "no gateway"),
        (LookupFailed("n", "late", timed_out=True), socket.gaierror, ExitCode.TIMEOUT, "lookup of 'n': late"),
        (
            LookupFailed("n", "none", errno=socket.EAI_NONAME),
            socket.gaierror,
            ExitCode.UNAVAILABLE,
            "lookup of 'n': none",
        ),
    ],
)
def test_each_is_what_callers_catch(error: DualstackError, kind: type[Exception], code: ExitCode, text: str) -> None:
    assert isinstance(error, kind)
    assert error.exit_code == code
    assert str(error) == text


def test_an_errno_stands_where_all_attempts_agree() -> None:
    both = DialError("h:1", attempts=(("10.0.0.1", REFUSED), ("fd00::1", REFUSED)))
    assert both.errno == errno.ECONNREFUSED
    assert str(both) == "cannot connect to h:1: 10.0.0.1: Connection refused; fd00::1: Connection refused"
    assert DialError("h:1", attempts=(("10.0.0.1", REFUSED), ("fd00::1", UNREACHABLE))).errno is None


def test_a_reason_that_all_addresses_share_is_told_once() -> None:
    no_right = PermissionError(errno.EPERM, "no right")
    both = PingError("h", (("::1", no_right), ("127.0.0.1", no_right)))
    assert (str(both), both.errno, both.exit_code) == ("cannot ping h: no right", errno.EPERM, ExitCode.NO_RIGHT)
    apart = PingError("h", (("::1", UNREACHABLE), ("127.0.0.1", no_right)))
    assert (str(apart), apart.errno) == ("cannot ping h: ::1: No route to host; 127.0.0.1: no right", None)
    assert apart.exit_code == ExitCode.UNAVAILABLE


def test_the_number_of_a_lookup_is_kept() -> None:
    assert LookupFailed("n", "late").errno == socket.EAI_AGAIN
