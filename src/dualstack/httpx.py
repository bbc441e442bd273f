"""Connections for httpx, raced; needs httpx."""

from dualstack.net.adapters.httpcore import raced

__all__ = ["raced"]
