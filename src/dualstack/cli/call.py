"""One connection from the command line, what it says of itself, and the telnet client that talks over it."""

import asyncio
import os
import sys
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

import click

from dualstack.cli.output import print_document
from dualstack.cli.timeline import line_of
from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import parse_target
from dualstack.core.address.idna import ascii_target
from dualstack.core.dial.steps import DialStep, Kind
from dualstack.errors import AddressError, DualstackError, ExitCode
from dualstack.kernel.zones import address_in
from dualstack.net.dial.asyncio_calls import open_connection
from dualstack.net.dial.dialer import Dialer
from dualstack.net.names.services import service_port
from dualstack.wire.telnet import Telnet

if TYPE_CHECKING:
    import ssl

__all__ = ["Call"]

_READ_BYTES = 1 << 16


class Call:
    """One connection from the command line, and what it says of itself."""

    def __init__(
        self,
        host: str,
        port: str | None,
        dialer: Dialer,
        timeout: float | None,
        context: "ssl.SSLContext | None",
        *,
        verbose: bool,
        quiet: bool,
    ) -> None:
        self._host = host
        self._port = port
        self._dialer = dialer
        self._timeout = timeout
        self._context = context
        self._verbose = verbose
        self._quiet = quiet
        self._name = host
        self._steps: list[DialStep] = []

    async def report(self) -> ExitCode:
        """Connect, print the document, and close."""
        began = monotonic()
        found: dict[str, object] = {"connected": False, "peer": None, "local": None, "family": None}
        code, error_text = ExitCode.YES, None
        try:
            _, writer = await self._open()
        except DualstackError as error:
            code, error_text = error.exit_code, str(error)
        else:
            peer, local = (address_in(writer.get_extra_info(end)) for end in ("peername", "sockname"))
            found = {"connected": True, "peer": str(peer), "local": str(local), "family": peer.version}
            writer.transport.abort()
        events = [step.as_json() for step in self._steps]
        print_document({**found, "elapsed_s": round(monotonic() - began, 6), "events": events, "error": error_text})
        return code

    async def talk(self, *, is_plain: bool) -> None:
        """Connect, and be a telnet client until the server ends it."""
        reader, writer = await self._open()
        is_terminal = sys.stdin is not None and sys.stdin.isatty()
        session = _Session(reader, writer, Telnet(is_plain=is_plain), is_terminal=is_terminal)
        await session.run()
        if is_terminal:
            click.echo("Connection closed by the server.", err=True)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._target()
        return await open_connection(
            host, port, ssl=self._context, timeout=self._timeout, dialer=self._dialer, on_step=self._tell
        )

    def _target(self) -> tuple[str | Address, str | int]:
        if not self._host:
            # The library takes no host for this one, as getaddrinfo(3) does; here it is a variable that was not set.
            raise AddressError("", "the host is empty: write a name or an address")
        if self._port is not None:
            self._name = self._host.strip("[]")
            return self._host, self._port
        endpoint = parse_target(ascii_target(self._host), service=service_port)
        self._name = str(endpoint.host)
        return self._name, endpoint.port

    def _tell(self, step: DialStep) -> None:
        self._steps.append(step)
        if self._quiet:
            return
        if self._verbose:
            click.echo(line_of(step), err=True)
        if step.kind is Kind.ATTEMPT:
            click.echo(f"Trying {step.facts['address']}...", err=True)
        elif step.kind is Kind.CONNECTED:
            click.echo(f"Connected to {self._name} ({step.facts['address']}).", err=True)


class _Session:
    """Bytes from standard input to the server, and from there to standard output."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, telnet: Telnet, *, is_terminal: bool
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._telnet = telnet
        self._is_terminal = is_terminal
        self._has_ended = False
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Until the server ends it.

        Raises:
            OSError: the connection broke.
        """
        if sys.stdin is None:
            self._end_sending()
        else:
            # A thread, because standard input may be a file, which no loop watches; nobody waits for it at the end.
            threading.Thread(target=self._send_all, name="dualstack-stdin", daemon=True).start()
        try:
            while received := await self._receive():
                text, answer = self._telnet.received(received)
                if answer and not self._has_ended:
                    self._writer.write(answer)
                _print(text)
            _print(self._telnet.ended())
        finally:
            self._writer.transport.abort()

    async def _receive(self) -> bytes:
        try:
            return await self._reader.read(_READ_BYTES)
        except BrokenPipeError as error:
            # Not to be taken for standard output's.
            raise ConnectionResetError(error.errno, "the server has reset the connection") from error

    def _send_all(self) -> None:
        # RuntimeError: the loop is closed, the server has ended it.
        with suppress(RuntimeError, OSError, asyncio.CancelledError, ValueError):
            while typed := os.read(sys.stdin.fileno(), _READ_BYTES):
                # RFC 854: a line ends with CR LF; what is piped goes as it is.
                line = typed.replace(b"\n", b"\r\n") if self._is_terminal else typed
                asyncio.run_coroutine_threadsafe(self._send(line), self._loop).result()
            self._loop.call_soon_threadsafe(self._end_sending)

    async def _send(self, typed: bytes) -> None:
        self._writer.write(self._telnet.sending(typed))
        await self._writer.drain()

    def _end_sending(self) -> None:
        """The server may go on; TLS has no half-close here, so there the end is the server's to make."""
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._has_ended = True
            with suppress(OSError):
                self._writer.write_eof()


def _print(text: bytes) -> None:
    if text:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
