"""How many connections may wait to be accepted; by itself, because whoever imports it needs nothing else."""

__all__ = ["BACKLOG"]

# Linux takes the smaller of this and net.core.somaxconn, whose default it is (listen(2)).
BACKLOG = 4096
