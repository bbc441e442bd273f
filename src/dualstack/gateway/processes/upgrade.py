"""The program replaced by a newer one of itself, without a client noticing (SIGUSR2, as nginx and HAProxy have it).

The running gateway starts the same command anew and hands it every listening socket; that one reads its configuration,
serves, and says so; then the first listens no more, lets its connections end, and ends. Both have the same sockets
open meanwhile, so nobody is refused. A successor that ends or is silent before it serves changes nothing.

The two may be of different versions: what they say to each other is JSON, of which either reads what it knows.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from socket import socket

from dualstack.errors import ControlError
from dualstack.gateway.processes.channel import Channel, Frames, frames
from dualstack.gateway.processes.handover import Handover
from dualstack.kernel.descriptor_passing import receive_with, send_with
from dualstack.kernel.inheritance import adopt_any
from dualstack.kernel.ourselves import our_command_again
from dualstack.kernel.unix_sockets import socket_pair

__all__ = ["Predecessor", "Successor"]

_VARIABLE = "DUALSTACK_UPGRADE"
# A machine may be busy, names slow to be looked up; nobody waits but who asked for it.
_READY_S = 60.0
_RELIEVED_S = 10.0


@dataclass(slots=True)
class Predecessor:
    """The gateway before this one, which waits to hear that this one serves."""

    handover: Handover
    _sock: socket | None = field(default=None)

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str] | None = None) -> "Predecessor | None":
        """The one that started this process to take its place; None where nobody did.

        Raises:
            ControlError: it is gone already, or hands over what this version cannot read.
        """
        variables = os.environ if environment is None else environment
        number = variables.pop(_VARIABLE, "")
        if not number.isdecimal():
            return None
        sock = adopt_any(int(number))
        sock.setblocking(True)
        received = Frames()
        while True:
            content, descriptors = receive_with(sock)
            if not content:
                sock.close()
                raise ControlError("the gateway to be replaced is gone")
            received.receive(content, descriptors)
            for message, mine in received.whole():
                return cls(Handover.unpacked(message, [adopt_any(each) for each in mine]), sock)

    def relieve(self) -> None:
        """Say that we serve, and wait until the other has told whoever must know."""
        if self._sock is None:
            return
        with self._sock, suppress(OSError):
            # One that hangs keeps nobody from serving.
            self._sock.settimeout(_RELIEVED_S)
            for content, _ in frames(_message(ready=os.getpid())):
                send_with(self._sock, content, ())
            receive_with(self._sock)
        self._sock = None


class Successor:
    """The same command, started anew to take our place."""

    def __init__(self, process: "subprocess.Popen[bytes]", channel: Channel) -> None:
        self._process = process
        self._channel = channel

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @classmethod
    async def start(
        cls,
        handover: Handover,
        environment: dict[str, str],
        *,
        command: tuple[str, list[str]] | None = None,
        ready_s: float = _READY_S,
    ) -> "Successor":
        """Start it, and wait until it serves.

        Args:
            handover: what it gets.
            environment: variables that it gets beside ours.
            command: the program and its words; those that started us by default.
            ready_s: how long it may take.

        Raises:
            ControlError: it does not; it has ended.
            OSError: it cannot be started.
        """
        ours, its = socket_pair()
        channel = Channel(ours)
        program, argv = our_command_again() if command is None else command
        with its:
            try:
                process = subprocess.Popen(  # noqa: ASYNC220, S603 - it starts at once: the command that started us
                    argv,
                    executable=program,
                    pass_fds=[its.fileno()],
                    env={**os.environ, **environment, _VARIABLE: str(its.fileno())},
                )
            except BaseException:
                channel.close()
                raise
        made = cls(process, channel)
        try:
            await made._serves(handover, ready_s)
        except BaseException:
            await made._give_up()
            raise
        return made

    async def _serves(self, handover: Handover, ready_s: float) -> None:
        message, sockets = handover.packed()
        try:
            async with asyncio.timeout(ready_s):
                await self._channel.send(message, sockets)
                said = await self._channel.receive()
        except TimeoutError:
            raise ControlError(f"the new program does not serve within {ready_s:g} s") from None
        except OSError as error:
            raise ControlError(f"the new program does not listen: {error.strerror}") from error
        if not said:
            code = await asyncio.to_thread(self._process.wait)
            raise ControlError(f"the new program ended before it served, exit code {code}")

    async def _give_up(self) -> None:
        self._channel.close()
        if self._process.poll() is None:
            self._process.kill()
        await asyncio.to_thread(self._process.wait)

    async def take_over(self) -> None:
        """Let it be the only one.

        Raises:
            OSError: it has ended since it said that it serves.
        """
        try:
            await self._channel.send(_message(go=True))
        except OSError:
            await self._give_up()
            raise
        self._channel.close()
        # It goes on without us: nobody here will wait for it.
        self._process.returncode = 0


def _message(**said: object) -> bytes:
    return json.dumps(said).encode()
