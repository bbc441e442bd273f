"""Decides where a connection goes and makes it: dial, egress, exec, cache of targets; never who may ask for it."""
