"""Decides how the oracle's answers are told to people, as lines, tables and pages; never what a kernel does."""
