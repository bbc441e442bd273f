"""The datagrams of SOCKS5's UDP ASSOCIATE (RFC 1928 section 7): a header, then what is relayed.

From a client the header says where to, to a client where from. Fragments are never put together: the RFC lets a relay
drop them, and nobody is known to send any. Nothing is looked up or judged here.
"""

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.errors import AddressError, WireError
from dualstack.wire.handshake import read_destination
from dualstack.wire.socks5 import SIZES, Kind, address_bytes

__all__ = ["header", "header_size", "read_header"]

_PROTOCOL = "SOCKS5 datagram"
# Two bytes reserved, then the number of the fragment.
_START, _FRAGMENT, _KIND, _ADDRESS = bytes(3), 2, 3, 4
_PORT = 2


def header_size(datagram: bytes | memoryview) -> int:
    """How long the header of a client's datagram is.

    Raises:
        WireError: it has none, or is a fragment.
    """
    if len(datagram) <= _ADDRESS:
        raise WireError(_PROTOCOL, f"{len(datagram)} bytes have no room for a header")
    if datagram[_FRAGMENT]:
        raise WireError(_PROTOCOL, f"fragment {datagram[_FRAGMENT]}: fragments are not put together")
    kind = datagram[_KIND]
    if kind == Kind.NAME:
        size = _ADDRESS + 1 + datagram[_ADDRESS] + _PORT
    elif kind in SIZES:
        size = _ADDRESS + SIZES[Kind(kind)] + _PORT
    else:
        raise WireError(_PROTOCOL, f"no address is of type {kind}")
    if len(datagram) < size:
        raise WireError(_PROTOCOL, f"{len(datagram)} bytes end before its header does")
    return size


def read_header(written: bytes) -> Endpoint:
    """Where a header of the right size, as written, sends to.

    Raises:
        WireError: nothing that can be reached.
    """
    is_name = written[_KIND] == Kind.NAME
    host = written[_ADDRESS + is_name : -_PORT]
    port = int.from_bytes(written[-_PORT:], "big")
    try:
        return read_destination(host if is_name else Address(host), port)
    except AddressError as error:
        raise WireError(_PROTOCOL, str(error)) from None


def header(end: Endpoint) -> bytes:
    """The header of a datagram from a client to `end`, whose name is the proxy's to look up, or from there to a client.

    Raises:
        AddressError: the name is longer than the protocol has room for.

    >>> header(Endpoint(Address("192.0.2.1"), 53)).hex(" ")
    '00 00 00 01 c0 00 02 01 00 35'
    """
    return _START + address_bytes(end)
