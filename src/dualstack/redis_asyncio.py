"""Connections for redis-py's asyncio client, raced; needs redis."""

from dualstack.net.adapters.redis_asyncio import Connection, SSLConnection

__all__ = ["Connection", "SSLConnection"]
