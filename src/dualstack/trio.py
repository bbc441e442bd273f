"""Connections for trio, raced; needs trio, the extra `trio`."""

from dualstack.net.dial.trio_driver import open_tcp_stream

__all__ = ["open_tcp_stream"]
