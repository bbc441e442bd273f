"""Holds the oracle to this kernel: makes hosts, opens the sockets, compares; never says what should have come out."""
