"""The client's side of telnet (RFC 854, RFC 1123 section 3.2): bytes in, text and answers out.

Every option is refused, once (RFC 854: no answer to what is the case already). Whether the server speaks telnet at all
is told by its first two bytes: a telnet server begins with a command, and what begins otherwise is passed on as it is,
in both directions, so that a client of any other service loses no byte.
"""

from enum import IntEnum

__all__ = ["Command", "Telnet"]


class Command(IntEnum):
    """What may follow IAC (RFC 854)."""

    SE = 240
    SB = 250
    WILL = 251
    WONT = 252
    DO = 253
    DONT = 254
    IAC = 255


_IAC = bytes((Command.IAC,))
# What is refused, and how: DO x is answered by WONT x, WILL x by DONT x.
_REFUSALS = {Command.DO: Command.WONT, Command.WILL: Command.DONT}
_NEGOTIATIONS = frozenset({Command.WILL, Command.WONT, Command.DO, Command.DONT})


class Telnet:
    """One connection as its client sees it.

    Args:
        is_plain: the server is not taken for a telnet server, whatever it begins with.
    """

    def __init__(self, *, is_plain: bool = False) -> None:
        self.speaks_telnet: bool | None = False if is_plain else None
        self._held = b""
        self._refused: set[bytes] = set()

    def received(self, received: bytes) -> tuple[bytes, bytes]:
        """What the server has sent to be read, and what to answer it."""
        data, self._held = self._held + received, b""
        if self.speaks_telnet is None:
            if data == _IAC:
                self._held = data
                return b"", b""
            self.speaks_telnet = data[:1] == _IAC and data[1] in _NEGOTIATIONS
        return self._taken_apart(data) if self.speaks_telnet else (data, b"")

    def sending(self, text: bytes) -> bytes:
        """`text` as a telnet server takes it; to any other it goes as it is."""
        return text.replace(_IAC, _IAC + _IAC) if self.speaks_telnet else text

    def ended(self) -> bytes:
        """What was held back and will not be complete any more: text, where no command had begun."""
        held, self._held = self._held, b""
        return held if not self.speaks_telnet else b""

    def _taken_apart(self, data: bytes) -> tuple[bytes, bytes]:
        text, answers, at = bytearray(), bytearray(), 0
        while (start := data.find(_IAC, at)) >= 0:
            text += data[at:start]
            end = _end_of_command(data, start)
            if end is None:
                self._held = data[start:]
                return bytes(text), bytes(answers)
            command = data[start:end]
            if command[1] == Command.IAC:
                text += _IAC
            else:
                answers += self._answer(command)
            at = end
        return bytes(text + data[at:]), bytes(answers)

    def _answer(self, command: bytes) -> bytes:
        refusal = _REFUSALS.get(Command(command[1])) if command[1] in _NEGOTIATIONS else None
        if refusal is None or command in self._refused:
            return b""
        self._refused.add(command)
        return bytes((Command.IAC, refusal, command[2]))


def _end_of_command(data: bytes, start: int) -> int | None:
    """Where the command that begins at `start` is over; None where more is to come."""
    if len(data) < start + 2:
        return None
    if data[start + 1] == Command.SB:
        end = data.find(bytes((Command.IAC, Command.SE)), start + 2)
        return None if end < 0 else end + 2
    end = start + (3 if data[start + 1] in _NEGOTIATIONS else 2)
    return end if len(data) >= end else None
