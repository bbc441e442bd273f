"""One plain request and its response, between a client of the proxy and a server that gets no byte more.

What goes up is the request, by its own framing; what comes behind it is the client's next request and is kept for
that. What comes down is the response, by its framing, and its head is read: whoever believed the server about the
connection would send the next request into it (RFC 9110 section 7.6.1). Each server is asked once. The client may ask
again where both messages have ended as they should; a response that comes before the request's end, that ends with its
connection, or that is none of HTTP/1, is the last.

Sockets do not block, and are read and written without tasks where that can be; large bodies are spliced where the data
plane has pipes. Cancelling loses no byte that was read.
"""

import asyncio
from contextlib import suppress
from socket import SHUT_RDWR, SHUT_WR, socket

from dualstack.errors import WireError
from dualstack.gateway.forward.answers import answer
from dualstack.gateway.forward.waiting import READ_BYTES, readable, receive, send, writable
from dualstack.gateway.relay.link import Flow, Link, Reason
from dualstack.kernel.pipes import Pipe, PipePool
from dualstack.wire.http1 import Body, Head, Plain, ResponseHead, UntilEnd, response_body

__all__ = ["Exchange"]

# Chunks may be of a byte each, and every one is looked at.
_CHUNKED_BYTES = 1 << 14
# How much one exchange moves before the others have their turn.
_MOVES = 4
# What a client may have sent of its next request while this one is answered.
_BEHIND_MAX = 1 << 16
_SPLICE_FROM = 1 << 18
# To watch a client and to leave off costs a tenth of a short exchange.
_WATCH_AFTER_S = 0.02
# Between the server and us, or a proxy's own to say (RFC 9110 sections 7.6.1 and 11.7.1).
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authentication-info", b"upgrade")
)
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class _ClientLeft(Exception):  # noqa: N818 - it never leaves this file
    """The client takes no more."""


class Exchange:
    """One request on its way up, and its response on its way down.

    Args:
        client: who asked; stays open.
        server: who is asked; is closed by whoever made it.
        plain: the request.
        link: is told of every byte.
        may_ask_again: whether a next request would be served.
        pipes: what large bodies go through.

    `behind` is what the client sent of its next request, `is_done_asking` that it means to send no more. `reason` is
    how it ended; `trouble`, where it is not empty, what went wrong, and `status` what the client was told then.
    """

    def __init__(
        self,
        client: socket,
        server: socket,
        plain: Plain,
        link: Link,
        *,
        may_ask_again: bool = True,
        pipes: PipePool | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._client, self._server = client, server
        self._plain, self._link = plain, link
        self._may_ask_again = may_ask_again and plain.keeps
        self._pipes = pipes
        self._sending: asyncio.Task[None] | None = None
        self._to_watch: asyncio.TimerHandle | None = None
        self._watches = False
        self._has_answered = False
        self._moves = 0
        self.status = 502
        self.behind = b""
        self.is_done_asking = False
        self.reason = Reason.ENDED
        self.trouble = ""

    async def run(self, first: bytes) -> bool:
        """Send the request, whose head is `first`, and bring the response; whether the client may ask again."""
        try:
            await self._begin(first)
            is_whole = await self._bring()
        except _ClientLeft:
            self.reason = Reason.CLIENT_RESET
            is_whole = False
        except (OSError, WireError) as error:
            is_whole = await self._failed(error)
        finally:
            if self._sending is not None:
                self._sending.cancel()
                await asyncio.wait([self._sending])
            if self._to_watch is not None:
                self._to_watch.cancel()
            self._stop_watching()
        return is_whole and self._may_ask_again and not self.is_done_asking

    # Up.

    async def _begin(self, first: bytes) -> None:
        """Send what there is of the request; a task sends what is to come."""
        body, behind = self._plain.body, self._plain.behind
        cut = self._taken(behind) if behind and not body.is_over else 0
        self.behind = behind[cut:]
        self._link.client.count += len(first) + cut
        with suppress(OSError):  # it has ended already, and what it said before is there to be read
            await send(self._server, first + behind[:cut])
        if body.is_over:
            self._watch_soon()
        else:
            self._sending = self._loop.create_task(self._send_rest(body))

    def _taken(self, content: bytes) -> int:
        """How much of it is the request's body."""
        try:
            return self._plain.body.take(content)
        except WireError as error:
            self.status, self.trouble = 400, error.why
            raise

    async def _send_rest(self, body: Body) -> None:
        """Send the body as it comes, until it ends, or the client does, or the server takes no more."""
        try:
            while not body.is_over:
                content = await receive(self._client, READ_BYTES if body.left else _CHUNKED_BYTES)
                if not content:
                    self._pass_end_on()
                    return
                cut = self._taken(content)
                self._count(self._link.client, cut)
                self.behind = content[cut:]
                with suppress(OSError):  # it takes no more: its answer, or what became of it, is there to be read
                    await send(self._server, content[:cut])
                await self._give_way()
        except WireError:
            self._give_up()
        except OSError:
            self.reason = Reason.CLIENT_RESET
            self._give_up()
        else:
            self._watch_soon()

    def _give_up(self) -> None:
        """Half a request gets no answer: the server is not waited for."""
        with suppress(OSError):  # it has left by itself
            self._server.shutdown(SHUT_RDWR)

    def _watch_soon(self) -> None:
        """Keep what the client sends behind its request, and notice its end; most responses are quicker than that."""
        if len(self.behind) < _BEHIND_MAX:
            self._to_watch = self._loop.call_later(_WATCH_AFTER_S, self._watch)

    def _watch(self) -> None:
        self._loop.add_reader(self._client.fileno(), self._keep_behind)
        self._watches = True

    def _stop_watching(self) -> None:
        if self._watches:
            self._loop.remove_reader(self._client.fileno())
            self._watches = False

    def _keep_behind(self) -> None:
        try:
            content = self._client.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._stop_watching()
            self._link.over(Reason.CLIENT_RESET, error.errno or 0)
            return
        self.behind += content
        if not content:
            self._stop_watching()
            self._pass_end_on()
        elif len(self.behind) >= _BEHIND_MAX:
            self._stop_watching()

    def _pass_end_on(self) -> None:
        self.is_done_asking = True
        with suppress(OSError):  # it has left by itself
            self._server.shutdown(SHUT_WR)

    # Down.

    async def _bring(self) -> bool:
        """Bring the response; whether it is whole and ended by itself."""
        reader = ResponseHead()
        try:
            head, content = await self._head(reader, b"")
            while head.status < 200:
                await self._interim(head)
                await self._give_way()
                reader = ResponseHead()
                head, content = await self._head(reader, content)
        except WireError:
            if reader.held.startswith(b"HTTP/1."[: len(reader.held)]):
                raise
            self._may_ask_again = False
            return await self._bring_body(UntilEnd(), reader.held)
        body = response_body(head, self._plain.method)
        self._may_ask_again &= self._plain.body.is_over and not body.ends_with_connection and not self.is_done_asking
        cut = body.take(content) if content and not body.is_over else 0
        return await self._bring_body(body, _head(head, closes=not self._may_ask_again) + content[:cut])

    async def _head(self, reader: ResponseHead, content: bytes) -> tuple[Head, bytes]:
        """The next head, and what came behind it."""
        while True:
            if not content:
                content = await receive(self._server)
                self._count(self._link.server, len(content))
                if not content:
                    raise WireError("HTTP/1", "the server ended the connection without a whole answer")
            if (found := reader.receive(content)) is not None:
                return found
            content = b""
            await self._give_way()

    async def _interim(self, head: Head) -> None:
        """RFC 9110 section 15.2: one that comes before the answer; HTTP/1.0 has none, and 101 was not asked for."""
        if head.status == 101:
            raise WireError("HTTP/1", "the server switched protocols, which nobody asked it to")
        if not self._plain.is_old:
            await self._give(_head(head, closes=False))

    async def _bring_body(self, body: Body, first: bytes) -> bool:
        self._has_answered = True
        await self._give(first)
        while not body.is_over:
            if body.left >= _SPLICE_FROM and self._pipes is not None and (pipe := self._pipes.take()):
                try:
                    if not await self._splice(body, pipe):
                        return False
                finally:
                    self._pipes.give_back(pipe)
                if body.left:
                    await readable(self._server)
                continue
            content = await receive(self._server, READ_BYTES if body.left else _CHUNKED_BYTES)
            if not content:
                return False
            cut = body.take(content)
            self._count(self._link.server, cut)
            await self._give(content[:cut])
            await self._give_way()
        return not body.ends_with_connection

    async def _splice(self, body: Body, pipe: Pipe) -> bool:
        """Bring what is there of a large body through a pipe, unseen; False at the connection's end."""
        while body.left:
            try:
                size = pipe.fill(self._server.fileno(), body.left)
            except BlockingIOError:
                break
            if not size:
                return False
            body.pass_over(size)
            self._count(self._link.server, size)
            await self._drain(pipe)
            await self._give_way()
        return True

    async def _drain(self, pipe: Pipe) -> None:
        while pipe.held:
            try:
                pipe.drain(self._client.fileno())
            except BlockingIOError:
                await writable(self._client)
            except OSError as error:
                raise _ClientLeft from error

    async def _give(self, content: bytes) -> None:
        try:
            await send(self._client, content)
        except OSError as error:
            raise _ClientLeft from error

    async def _failed(self, error: OSError | WireError) -> bool:
        """No response, or the half of one: say so where nothing was said yet."""
        if isinstance(error, OSError):
            self.reason, self._link.errno = Reason.SERVER_RESET, error.errno or 0
        self.trouble = self.trouble or (error.why if isinstance(error, WireError) else error.strerror or str(error))
        if not self._has_answered:
            with suppress(_ClientLeft):
                await self._give(answer(self.status, self.trouble))
        return False

    async def _give_way(self) -> None:
        """Two ends that are always ready would keep the loop for themselves."""
        self._moves += 1
        if self._moves % _MOVES == 0:
            await asyncio.sleep(0)

    def _count(self, flow: Flow, size: int) -> None:
        flow.count += size
        self._link.active = self._loop.time()


def _head(head: Head, *, closes: bool) -> bytes:
    """A response's head as the client gets it: of our version, with what we mean to do with the connection."""
    named = frozenset(word.lower() for word in head.values(b"connection"))
    dropped = (_HOP_BY_HOP | named) - _FRAMING
    if head.status < 200 or head.status == 204:
        dropped |= _FRAMING  # RFC 9110 section 8.6, RFC 9112 section 6.1: none may be there; a client might believe it
    lines = [b"HTTP/1.1 %d %b" % (head.status, head.reason)]
    lines += [name + b": " + value for name, value in head.fields if name.lower() not in dropped]
    lines.append(b"Via: 1.%b dualstack" % (b"0" if head.is_old else b"1"))
    if closes:
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n"
