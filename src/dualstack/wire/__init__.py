"""Protocols as values: bytes in, events out. No socket is opened here and no clock read."""
