"""The forward proxy: what a client asks for, by whichever protocol, and how it is answered.

The first byte tells the protocols apart. Handshakes are `wire`'s and `forward.http`'s, connections the connector's,
which judges every address that is about to be dialled; bytes are the data plane's once both ends are there. A client
that does not say in time what it wants is let go of.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from errno import EACCES, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT
from socket import SHUT_WR, socket
from string import ascii_letters
from types import MappingProxyType

from dualstack.core.access.wrong_passwords import Guesses
from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.core.dial.steps import Kind
from dualstack.core.planning.targets import ForwardTarget, ProxyProtocol
from dualstack.errors import DialError, DualstackError, ExitCode, LookupFailed
from dualstack.gateway.counters.counters import rules_behind
from dualstack.net.names.gai_flags import NO_ADDRESS
from dualstack.wire import socks4, socks5
from dualstack.wire.handshake import Associate, Handshake, Outcome, Refusal, Request, Say
from dualstack.wire.http1 import Plain

__all__ = ["ByDatagram", "Negotiated", "Rejected", "arrange", "part"]

# How long a client that was refused may take to read why, and how much it may still say meanwhile.
_PARTING_S = 1.0
_PARTING_READS = 16
_READ_BYTES = 4096
# A method of HTTP begins with one.
_LETTERS = frozenset(ascii_letters.encode())

Dial = Callable[[Endpoint], Awaitable[socket]]


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The server that a client asked for, connected, and what it gets first; `plain` where that is one request."""

    server: socket
    first: bytes
    target: Endpoint
    plain: Plain | None = None


class Rejected(DualstackError):  # noqa: N818 - somebody was turned away, which may be as it should
    """A client that gets no connection; it was answered, in the words of its protocol.

    Args:
        target: where it wanted to go; None where it did not get to say.
        why: for the log.
        is_refusal: it was not let; else the target could not be reached.
        rule: which rule refused; by default that of the handshake, whose text no client has a say in.
    """

    def __init__(
        self, target: Endpoint | None, why: str, *, is_refusal: bool = True, rule: str = "no whole request"
    ) -> None:
        super().__init__(why)
        self.target = target
        self.is_refusal = is_refusal
        self.rule = rule


@dataclass(frozen=True, slots=True)
class ByDatagram:
    """A client that wants its datagrams relayed, and waits for the answer.

    Args:
        handshake: has the words for it.
        announced: from where it means to send.
    """

    handshake: Handshake
    announced: Associate

    def port_of(self, client: Address) -> int:
        """The port that the datagrams of `client` come from, 0 where it is to be seen.

        A client that announces another address than it has here is behind a translator, which changes ports too.
        """
        return self.announced.port if self.announced.host in {None, client.without_scope} else 0

    def granted(self, bound: SocketAddress) -> bytes:
        """The answer: datagrams are taken at `bound`."""
        return self.handshake.granted(bound)

    async def turned(self, client: socket, outcome: Outcome, why: str) -> Rejected:
        """Tell the client that there is no association."""
        await part(client, self.handshake.failed(outcome))
        return Rejected(None, why)


async def arrange(
    client: socket,
    target: ForwardTarget,
    dial: Dial,
    *,
    within_s: float,
    said: bytes = b"",
    guesses: Guesses | None = None,
    who: str = "",
) -> Negotiated | ByDatagram:
    """Hear what the client wants, connect to it, and tell the client; its socket stays the caller's.

    A client of datagrams is heard alone: what becomes of it is the caller's.

    Args:
        client: does not block.
        target: the protocols and the users.
        dial: connects, or raises.
        within_s: for the client's own part.
        said: what it has said already.
        guesses: the wrong passwords of all clients; an answer to another is put off.
        who: the client, as these are counted.

    Raises:
        Rejected: there is no connection, and the client knows.
    """
    login = _Login(target, Guesses() if guesses is None else guesses, who)
    try:
        async with asyncio.timeout(within_s):
            handshake, request = await _hear(client, target, login, said)
    except TimeoutError:
        raise Rejected(None, f"no request within {within_s:g} s") from None
    except OSError as error:
        raise Rejected(None, f"the client left: {error.strerror}") from None
    if isinstance(request, Refusal):
        await login.put_off()
        await part(client, request.answer)
        raise Rejected(None, request.why)
    if isinstance(request, Associate):
        return ByDatagram(handshake, request)
    server = await _reach(client, handshake, request, dial)
    if request.plain is not None:
        return Negotiated(server, request.first, request.target, request.plain)  # its server answers
    try:
        await asyncio.get_running_loop().sock_sendall(
            client, handshake.granted(SocketAddress.from_tuple(server.getsockname()))
        )
    except BaseException as error:
        server.close()
        if isinstance(error, OSError):
            raise Rejected(request.target, f"the client left: {error.strerror}") from None
        raise
    return Negotiated(server, request.first, request.target)


async def _hear(
    client: socket, target: ForwardTarget, login: "_Login", said: bytes
) -> tuple[Handshake, Request | Associate | Refusal]:
    loop = asyncio.get_running_loop()
    handshake: Handshake | None = None
    while content := said or await loop.sock_recv(client, _READ_BYTES):
        said = b""
        handshake = handshake or _handshake(content[0], target, login)
        for event in handshake.receive(content):
            if not isinstance(event, Say):
                return handshake, event
            await loop.sock_sendall(client, event.content)
    raise Rejected(None, "it left without a request")


def _handshake(first: int, target: ForwardTarget, login: "_Login") -> Handshake:
    """Whose protocol begins with this byte.

    Raises:
        Rejected: none that is served.
    """
    is_user = login if target.users else None
    served = target.protocols
    if first == socks5.VERSION and ProxyProtocol.SOCKS5 in served:
        return socks5.Socks5(is_user)
    if first == socks4.VERSION and ProxyProtocol.SOCKS4A in served:
        return socks4.Socks4(needs_password=is_user is not None)
    if first in _LETTERS and (ProxyProtocol.HTTP in served or ProxyProtocol.HTTP_CONNECT in served):
        from dualstack.gateway.forward.http import Http

        return Http(served, is_user)
    raise Rejected(None, f"no protocol served here begins with byte 0x{first:02x}")


class _Login:
    """Judges one client's name and password, and has the answer to a wrong one wait.

    Args:
        target: has the users.
        guesses: the wrong ones of all clients.
        who: the client, as these are counted.
    """

    def __init__(self, target: ForwardTarget, guesses: Guesses, who: str) -> None:
        self._users = target.users
        self._guesses = guesses
        self._who = who
        self._was_wrong = False

    def __call__(self, name: bytes, password: bytes) -> bool:
        """Whether it is a user's; a client with too many wrong ones waiting is not heard."""
        passwords = {user.encode(): word.encode() for user, word in self._users}
        # Time tells nothing of a password, nor whether there is such a name.
        is_right = hmac.compare_digest(passwords.get(name, b""), password) and name in passwords
        self._was_wrong = not is_right or self._guesses.is_full(self._who)
        return not self._was_wrong

    async def put_off(self) -> None:
        """Wait before a wrong one is answered, the longer the more there were."""
        if self._was_wrong:
            loop = asyncio.get_running_loop()
            with self._guesses.wrong(self._who, loop.time()) as delay_s:
                await asyncio.sleep(delay_s)


async def _reach(client: socket, handshake: Handshake, request: Request, dial: Dial) -> socket:
    try:
        return await dial(request.target)
    except (DualstackError, OSError) as error:
        outcome = _outcome(error)
        await part(client, handshake.failed(outcome))
        is_refusal = outcome is Outcome.DENIED
        rule = f"reach: {rules_behind(error.steps)}" if isinstance(error, DialError) else ""
        raise Rejected(request.target, str(error), is_refusal=is_refusal, rule=rule) from None


def _outcome(error: DualstackError | OSError) -> Outcome:
    if isinstance(error, LookupFailed):
        # That nobody says whether there is such a name is not that there is none.
        if error.exit_code is ExitCode.TIMEOUT:
            return Outcome.TIMED_OUT
        return Outcome.NO_NAME if error.errno in NO_ADDRESS else Outcome.FAILED
    if not isinstance(error, DialError):
        return Outcome.FAILED
    if error.errno == EACCES and not any(_is_attempt(step) for step in error.steps):
        return Outcome.DENIED
    return _OUTCOMES.get(error.errno, Outcome.FAILED)


def _is_attempt(step: object) -> bool:
    return getattr(step, "kind", None) is Kind.ATTEMPT


_OUTCOMES: Mapping[int | None, Outcome] = MappingProxyType(
    {
        ECONNREFUSED: Outcome.REFUSED,
        EHOSTUNREACH: Outcome.HOST_UNREACHABLE,
        ENETUNREACH: Outcome.NETWORK_UNREACHABLE,
        ETIMEDOUT: Outcome.TIMED_OUT,
    }
)


async def part(client: socket, answer: bytes) -> None:
    """Send the last words, and read on a little: a close with bytes unread is a reset, which may overtake them."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_PARTING_S):
            await loop.sock_sendall(client, answer)
            client.shutdown(SHUT_WR)
            for _ in range(_PARTING_READS):
                if not await loop.sock_recv(client, _READ_BYTES):
                    return
    except OSError:
        return  # it has left, or stays silent (TimeoutError is one): either way it had its answer
