"""One run of a program: its network, the engine outside of it, and its end, which is this process's own.

The program begins as soon as it has a network, and what takes longest to read, the engine, is read beside it.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from dualstack.errors import ExitCode
from dualstack.kernel.namespaces import has_rights, keep_user
from dualstack.sandbox.files import files_inside
from dualstack.sandbox.program import Keeper, Program, User
from dualstack.sandbox.run_error import RunError

if TYPE_CHECKING:
    import asyncio

    from dualstack.core.dial.steps import DialStep
    from dualstack.net.dial.dialer import Dialer
    from dualstack.sandbox.network import ProgramNetwork
    from dualstack.sandbox.publish import Publish

__all__ = ["Wishes", "end_as", "run"]

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
# What a terminal sends to all who stand in front of it, the program among them.
_OF_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT})
_PASSED_ON = (
    *(signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM),
)
# After these nobody is to stay whom the program leaves behind; what it makes of them itself is its own.
_ENDS = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP})
_REMEDY = (
    "this machine lets no ordinary user have a network of his own (user namespaces): run as root, or allow them "
    "(sysctl -w user.max_user_namespaces=15000, kernel.unprivileged_userns_clone=1, "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container, its seccomp profile)"
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a program is run.

    Args:
        argv: its words.
        make_dialer: makes the policy by which it is dialled; called once the keeper has been forked.
        has_loopback: what listens on this host's loopback is reached by the program's.
        user: whom it runs as; None is who runs this.
        make_publish: makes what others reach of the program; None is nothing.
        on_dial: told of each step of a dial.
        say: what there is to be logged.
    """

    argv: Sequence[str]
    make_dialer: "Callable[[], Dialer]"
    has_loopback: bool = True
    user: User | None = None
    make_publish: "Callable[[], Publish] | None" = None
    on_dial: "Callable[[str, DialStep], object] | None" = None
    say: Callable[[str], None] = lambda _: None


def run(wishes: Wishes) -> int:
    """Run a program, and wait for it and for all that it leaves behind.

    Returns:
        Its status as waitpid(2) has it.

    Raises:
        RunError: it is not there (127), cannot be run (126), or this machine lets us not make its network (77).
    """
    _have_rights()
    keeper = Keeper(Program(tuple(wishes.argv), files_inside(), wishes.user))
    # They wait until there is somebody to pass them on; threads that are made from now on never take them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    with ExitStack() as undo:
        undo.callback(keeper.end)
        return _run(wishes, keeper)


def end_as(status: int) -> NoReturn:
    """End this process as the program ended: by its code, or by its signal."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        # Its core has been written, or not; ours is of no interest.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
        code = 128 - code
    sys.stderr.flush()
    os._exit(code)


def _have_rights() -> None:
    if has_rights():
        return
    try:
        keep_user()
    except OSError as error:
        raise RunError(f"{_REMEDY}: {error.strerror}", ExitCode.NO_RIGHT) from error


def _run(wishes: Wishes, keeper: Keeper) -> int:
    from dualstack.sandbox.network import ProgramNetwork

    group = os.getegid() if wishes.user is None else wishes.user.group
    try:
        keeper.wait_until_ready()
        network = ProgramNetwork(keeper.pid, group)
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in {1, 13}:
            raise RunError(f"{_REMEDY}: {why}", ExitCode.NO_RIGHT) from error
        raise RunError(f"no network for the program can be made: {why}", ExitCode.UNAVAILABLE) from error
    with network:
        # What the program sends before the engine has been read waits in the kernel.
        keeper.go()
        return _serve(wishes, keeper, network)


def _serve(wishes: Wishes, keeper: Keeper, network: "ProgramNetwork") -> int:
    import asyncio

    from dualstack.gateway.relay.stream.choose import data_plane
    from dualstack.gateway.transparent.engine import TransparentEngine
    from dualstack.gateway.transparent.names import Names
    from dualstack.gateway.transparent.outside import Outside

    async def until_over() -> int:
        outside = Outside(Names(), wishes.make_dialer(), has_loopback=wishes.has_loopback, on_dial=wishes.on_dial)
        plane = data_plane(asyncio.get_running_loop())
        engine = TransparentEngine(outside, plane, wishes.say)
        publisher = None
        try:
            for place in network.places:
                engine.serve(place)
            if wishes.make_publish is not None:
                from dualstack.sandbox.publish import Publisher

                publisher = Publisher(wishes.make_publish(), network, plane, wishes.say)
            return await _until_over(wishes, keeper)
        finally:
            if publisher is not None:
                publisher.close()
            engine.close()
            plane.close()

    with asyncio.Runner() as runner:
        return runner.run(until_over())


async def _until_over(wishes: Wishes, keeper: Keeper) -> int:
    """Pass signals on, and wait until the keeper has gone."""
    import asyncio

    loop = asyncio.get_running_loop()
    over: asyncio.Future[int] = loop.create_future()
    told = _Told(wishes, keeper, over)
    for number in _PASSED_ON:
        loop.add_signal_handler(number, told.pass_on, number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    loop.add_reader(keeper.told, told.hear)
    try:
        return await over
    finally:
        loop.remove_reader(keeper.told)
        for number in _PASSED_ON:
            loop.remove_signal_handler(number)


class _Told:
    """What the keeper says."""

    def __init__(self, wishes: Wishes, keeper: Keeper, over: "asyncio.Future[int]") -> None:
        self._wishes = wishes
        self._keeper = keeper
        self._over = over
        self._pid: int | None = None
        self._status: int | None = None
        self._failure: RunError | None = None
        self._is_told_to_end = False

    def hear(self) -> None:
        """A line, or the keeper's end."""
        kind, _, rest = self._keeper.hear().partition(" ")
        if kind == "pid":
            self._pid = int(rest)
        elif kind == "status":
            self._status = int(rest)
            if self._is_told_to_end:
                self._keeper.leave_nobody()
        elif kind == "failed":
            self._failure = self._why(rest)
        elif not self._over.done():
            if self._failure is not None:
                self._over.set_exception(self._failure)
            elif self._status is None:
                self._over.set_exception(RunError("the program's keeper was killed", ExitCode.UNAVAILABLE))
            else:
                self._over.set_result(self._status)

    def pass_on(self, number: signal.Signals) -> None:
        """A signal that was sent to this process, and is meant for the program."""
        if number in _OF_TERMINAL and _is_in_front():
            return
        self._is_told_to_end = self._is_told_to_end or number in _ENDS
        if self._status is not None and number in _ENDS:
            self._keeper.leave_nobody()  # the program is over, and those whom it has left are to be
        elif self._pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self._pid, number)

    def _why(self, rest: str) -> RunError:
        number, _, why = rest.partition(" ")
        program = self._wishes.argv[0]
        if int(number) == 2:
            return RunError(f"{program}: there is no such program", _NOT_FOUND)
        return RunError(f"{program} cannot be run: {why}", _NOT_EXECUTABLE)


def _is_in_front() -> bool:
    """Whether the terminal has this process in its foreground, and so has sent a signal to the program as well."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
