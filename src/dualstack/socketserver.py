"""The standard library's servers, of `socketserver` and `http.server`, for both families."""

from dualstack.net.adapters.socketserver import BothFamilies

__all__ = ["BothFamilies"]
