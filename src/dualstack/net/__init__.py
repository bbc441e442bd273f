"""Drivers over real sockets, for asyncio and for blocking callers."""
