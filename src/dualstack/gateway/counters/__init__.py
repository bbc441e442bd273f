"""Counts and writes down what happened: tally, access log, log; never decides anything by it."""
