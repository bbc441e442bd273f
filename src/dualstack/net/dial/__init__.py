"""Runs the race on sockets, in asyncio, in trio and blocking; what is tried and when is `core.dial`'s to say."""
