"""Hosts of each family on one machine, broken on purpose: the ground on which the rest is tested."""
