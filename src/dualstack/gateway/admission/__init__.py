"""Decides who is let in and counted: rules, limits, PROXY header; never where a client goes."""
