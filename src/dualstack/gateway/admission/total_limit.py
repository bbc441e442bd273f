"""All connections of the gateway, whichever service they are of, and how many there may be."""

__all__ = ["ConnectionLimit"]


class ConnectionLimit:
    """Counts connections, and flows of UDP; whoever lets one in asks first.

    `limit` is None where there is none.
    """

    __slots__ = ("connections", "limit")

    def __init__(self, limit: int | None = None) -> None:
        self.connections = 0
        self.limit = limit

    def no_room(self) -> str | None:
        """Why nobody at all is let in now; None where there is room."""
        if self.limit is None or self.connections < self.limit:
            return None
        return f"max_connections of the gateway: {self.limit}"
