"""Moves streams between two sockets, by splice where the kernel has it; whether and where to, its gate says."""
