"""A literal address for asyncio: no lookup, no race, one future."""

import asyncio
import socket
from time import monotonic

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import FROM_ANYWHERE
from dualstack.kernel.attempts import begin, failure_of
from dualstack.kernel.socket_options import error_of
from dualstack.net.dial.one_address import failure
from dualstack.net.dial.policy import DialPolicy
from dualstack.net.dial.target import Target

__all__ = ["connect_literal"]

_LONGEST_S = 86400.0


async def connect_literal(target: Target, policy: DialPolicy, limit_s: float | None) -> socket.socket | None:
    """A literal address without a race; None where it takes one: a translator, or a loop that watches no sockets."""
    assert isinstance(target.host, Address)  # noqa: S101 - it is plain
    started = monotonic()
    try:
        return await _begun(target.host, target.port, limit_s)
    except NotImplementedError:
        return None
    except OSError as error:
        failed = failure(target, target.host, policy, error, monotonic() - started)
    try:
        if failed is not None:
            raise failed
    finally:
        del failed  # a frame that holds what it raises is garbage that only the collector finds
    return None


async def _begun(address: Address, port: int, limit_s: float | None) -> socket.socket:
    sock, is_connected = begin(address, port, FROM_ANYWHERE)
    if not is_connected:
        try:
            await _made(sock, limit_s)
        except BaseException:
            sock.close()
            raise
    return sock


async def _made(sock: socket.socket, limit_s: float | None) -> None:
    """Wait for a connection that is under way.

    Raises:
        OSError: it failed, or time is up.
    """
    loop = asyncio.get_running_loop()
    is_writable: asyncio.Future[bool] = loop.create_future()
    loop.add_writer(sock.fileno(), _settle, is_writable, True)
    timer = None if limit_s is None else loop.call_later(min(limit_s, _LONGEST_S), _settle, is_writable, False)
    try:
        is_in_time = await is_writable
    finally:
        loop.remove_writer(sock.fileno())
        if timer is not None:
            timer.cancel()
    if not is_in_time:
        raise TimeoutError
    number = error_of(sock)
    if number:
        raise OSError(*failure_of(number))


def _settle(future: "asyncio.Future[bool]", result: bool) -> None:  # noqa: FBT001 - the loop calls it by position
    if not future.done():
        future.set_result(result)
