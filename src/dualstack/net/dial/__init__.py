"""Runs the race on sockets, in asyncio, trio and blocking; never decides what is tried and when: `core.dial` does."""
