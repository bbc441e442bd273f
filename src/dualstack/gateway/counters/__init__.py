"""Counts and writes down what happened: counters, access log, log; never decides anything by it."""
