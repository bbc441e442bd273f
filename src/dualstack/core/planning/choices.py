"""What a configuration and the command line choose among, by its words."""

from enum import Enum

__all__ = ["ProxyProtocol", "Sockets"]


class Sockets(Enum):
    """How both families are built."""

    AUTO = "auto"
    SINGLE = "single"
    PAIR = "pair"


class ProxyProtocol(Enum):
    """How a client tells a forward proxy where to go."""

    SOCKS5 = "socks5"
    SOCKS4A = "socks4a"
    HTTP_CONNECT = "http-connect"
    HTTP = "http"
