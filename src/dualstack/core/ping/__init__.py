"""Decides which probes are sent, what an answer proves and how it is reported; never sends one."""
