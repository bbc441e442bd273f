"""Moves datagrams between a client's flow and its target; never decides whether and where to: its gate does."""
