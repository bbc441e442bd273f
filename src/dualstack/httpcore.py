"""Connections for httpcore, raced; needs httpcore."""

from dualstack.net.adapters.httpcore import AsyncBackend, Backend

__all__ = ["AsyncBackend", "Backend"]
