"""Moves streams between two sockets, by splice where the kernel has it; never decides whether and where to."""
