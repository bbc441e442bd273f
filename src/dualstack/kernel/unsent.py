"""What a socket has been given and its peer has not taken: Linux alone says it in a way that is used here."""

import sys

if sys.platform == "linux":
    import fcntl
    import termios

__all__ = ["unsent"]


def unsent(descriptor: int) -> int:
    """How many bytes written to it have not been acknowledged by its peer (SIOCOUTQ, tcp(7)); 0 where nobody says."""
    if sys.platform != "linux":
        return 0
    try:
        return int.from_bytes(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0
