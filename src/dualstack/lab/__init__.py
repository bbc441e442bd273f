"""Hosts of each family on one machine, broken on purpose: the ground of all tests; never touches this host's own."""
