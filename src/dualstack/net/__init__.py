"""Drivers over real sockets, for asyncio, trio and blocking callers; what to do next is `core`'s to decide."""
