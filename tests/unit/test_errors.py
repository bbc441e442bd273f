"""The tree of errors: what callers of the standard library catch, one line each, exit codes."""

import errno
import pickle
import socket

import pytest

from dualstack.errors import (
    AddressError,
    AttemptFailed,
    ConfigError,
    ControlError,
    DialError,
    DualstackError,
    ExitCode,
    ListenError,
    LookupFailed,
    PingError,
    RuleError,
    TargetError,
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


REFUSED_AT = AttemptFailed.of("::1", errno.ECONNREFUSED, "Connection refused", started_s=0.1, elapsed_s=0.2)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ECONNREFUSED, ConnectionRefusedError),
        (errno.ETIMEDOUT, TimeoutError),
        (errno.EACCES, PermissionError),
        (errno.EPERM, PermissionError),
        (errno.ECONNRESET, ConnectionResetError),
        (errno.EHOSTUNREACH, AttemptFailed),
    ],
)
def test_an_attempt_is_of_the_class_that_python_has_for_its_number(number: int, kind: type[Exception]) -> None:
    failed = AttemptFailed.of("::1", number, "why")
    assert isinstance(failed, kind)
    assert (failed.errno, failed.strerror, failed.args) == (number, "why", (number, "why"))


def test_a_group_of_attempts_is_caught_by_what_happened() -> None:
    group = DialError.of("h:1", attempts=(("::1", REFUSED_AT),)).__cause__
    assert isinstance(group, ExceptionGroup)
    caught = []
    try:
        raise group
    except* ConnectionRefusedError as refused:
        caught += refused.exceptions
    assert caught == [REFUSED_AT]


def test_a_host_or_port_that_is_none_is_what_either_caller_catches() -> None:
    error = TargetError("127.0.0.256", "an octet is at most 255")
    assert isinstance(error, ValueError)
    assert isinstance(error, socket.gaierror)
    assert str(error) == error.strerror == "'127.0.0.256': an octet is at most 255"
    assert error.exit_code == ExitCode.WRONG_VALUE


@pytest.mark.parametrize(
    "error",
    [
        REFUSED_AT,
        DialError.of("h:1", "late", attempts=(("::1", REFUSED_AT),), errno=errno.ETIMEDOUT),
        DialError.of("h:1", attempts=(("::1", REFUSED_AT),)),
        TargetError("x", "no address"),
        LookupFailed("n", "late", timed_out=True),
        LookupFailed("n", "none", errno=socket.EAI_NONAME),
    ],
)
def test_an_error_goes_to_another_process_whole(error: OSError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(again) is type(error)
    assert (str(again), again.errno, again.args) == (str(error), error.errno, error.args)
    assert getattr(again, "timed_out", None) == getattr(error, "timed_out", None)
    assert str(getattr(again, "attempts", ())) == str(getattr(error, "attempts", ()))


def test_what_other_libraries_make_their_message_of_is_there() -> None:
    error = DialError.of("h:1", attempts=(("::1", REFUSED_AT), ("127.0.0.1", REFUSED)))
    told = "::1: Connection refused; 127.0.0.1: Connection refused"
    assert (error.strerror, error.args) == (told, (errno.ECONNREFUSED, told))
    assert DialError("h:1", "it has no address").strerror == "it has no address"
