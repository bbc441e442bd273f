"""Moves datagrams between a client's flow and its target; whether and where to, its gate says."""
