"""Drivers over real sockets, for asyncio, trio and blocking callers; never decides what to do next: `core` does."""
