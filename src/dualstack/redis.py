"""Connections for redis-py, raced; needs redis."""

from dualstack.net.adapters.redis import Connection, SSLConnection

__all__ = ["Connection", "SSLConnection"]
