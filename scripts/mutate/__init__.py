"""Breaks one line at a time and asks the tests: see docs/reference/mutation.md."""
